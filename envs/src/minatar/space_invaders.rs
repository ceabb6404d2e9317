//! Space Invaders: shoot rows of aliens that come down from side to side, and shoot back.
//!
//! As MinAtar 1.0.15 computes it.
//!
//! | | |
//! |---|---|
//! | Action (v1) | `Discrete(4)`: 0 does nothing, 1 goes left, 2 right, 3 fires, at most every 5 frames |
//! | Channels | 0 cannon, 1 alien, 2 and 3 alien that goes left or right, 4 bullet of the cannon, 5 bullet of an alien |
//! | Reward | 1 for each alien |
//! | Start | 24 aliens in columns 2 to 7 of rows 0 to 3, going left, the cannon in column 5 |
//! | Terminated | an alien or its bullet meets the cannon, or aliens would leave the last row |
//! | Difficulty | each new wave moves one frame sooner, until it is every 6 |
//!
//! Aliens move together, every 12 frames at first; when fewer are left than that, as many frames as there are aliens. At an
//! edge they go down and turn. Every 10 frames the alien in the column nearest to the cannon shoots, the lowest in its
//! column; of two columns equally near, the left one. When the last is shot, a new wave of 24 appears.

use serde::{Deserialize, Serialize};

use super::board::{Board, LAST, Planes, SIDE, on_grid};
use super::game::{Heading, MinAtarAction, MinAtarGame};
use crate::{Generator, Rgba, Step};

const CANNON: usize = 0;
const ALIEN: usize = 1;
const ALIEN_LEFT: usize = 2;
const ALIEN_RIGHT: usize = 3;
const BULLET: usize = 4;
const ALIEN_BULLET: usize = 5;

const WAVE: Board = Board::rectangle(2..8, 0..4);
const SHOT_INTERVAL: u8 = 5;
const ALIEN_SHOT_INTERVAL: u8 = 10;
const MOVE_INTERVAL: u8 = 12;
const LEAST_MOVE_INTERVAL: u8 = 6;

/// The state of Space Invaders; see the module's table in the source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SpaceInvaders {
    cannon: i8,
    shot_timer: u8,
    bullets: Board,
    aliens: Board,
    heading: Heading,
    move_interval: u8,
    move_timer: u8,
    alien_shot_timer: u8,
    alien_bullets: Board,
}

impl SpaceInvaders {
    /// Moves the aliens. Returns whether they have arrived: there is no row left to go down to.
    fn move_aliens(&mut self) -> bool {
        let edge = self.aliens.column(if self.heading == Heading::Left { 0 } else { LAST });
        if edge.is_empty() {
            self.aliens = self.aliens.sideways(self.heading.dx());
            return false;
        }
        self.heading = self.heading.turned();
        let last = self.aliens.row(LAST);
        // The last row comes round: it is seen in the last observation.
        self.aliens = self.aliens.down_and_round();
        !last.is_empty()
    }

    fn shoot_back(&mut self) {
        let columns = (0..SIDE).filter(|x| !self.aliens.column(*x).is_empty());
        if let Some(x) = columns.min_by_key(|x| x.abs_diff(self.cannon))
            && let Some(y) = self.aliens.column(x).lowest_row()
        {
            self.alien_bullets.insert(x, y);
        }
    }
}

impl MinAtarGame for SpaceInvaders {
    const COLORS: &'static [Rgba] = &[
        Rgba::rgb(90, 220, 120),
        Rgba::rgb(190, 120, 230),
        Rgba::rgb(190, 120, 230),
        Rgba::rgb(120, 140, 240),
        Rgba::rgb(250, 250, 250),
        Rgba::rgb(250, 110, 90),
    ];

    const ACTIONS: &'static [MinAtarAction] =
        &[MinAtarAction::Noop, MinAtarAction::Left, MinAtarAction::Right, MinAtarAction::Fire];

    fn reset(&mut self, _rng: &mut Generator) {
        *self = Self {
            cannon: 5,
            shot_timer: 0,
            bullets: Board::default(),
            aliens: WAVE,
            heading: Heading::Left,
            move_interval: MOVE_INTERVAL,
            move_timer: MOVE_INTERVAL,
            alien_shot_timer: ALIEN_SHOT_INTERVAL,
            alien_bullets: Board::default(),
        };
    }

    fn step(&mut self, action: MinAtarAction, ramping: bool, _rng: &mut Generator) -> Step {
        let [aside, _] = action.direction();
        self.cannon = (self.cannon + aside).clamp(0, LAST);
        self.bullets = self.bullets.up();
        if action == MinAtarAction::Fire && self.shot_timer == 0 {
            self.shot_timer = SHOT_INTERVAL;
            self.bullets.insert(self.cannon, LAST - 1);
        }
        self.alien_bullets = self.alien_bullets.down();

        let mut terminated = self.alien_bullets.contains(self.cannon, LAST) || self.aliens.contains(self.cannon, LAST);
        if self.move_timer == 0 {
            self.move_timer = self.move_interval.min(self.aliens.count() as u8);
            terminated |= self.move_aliens() || self.aliens.contains(self.cannon, LAST);
        }
        if self.alien_shot_timer == 0 {
            self.alien_shot_timer = ALIEN_SHOT_INTERVAL;
            self.shoot_back();
        }
        let shot = self.aliens.and(self.bullets);
        self.aliens = self.aliens.without(shot);
        self.bullets = self.bullets.without(shot);

        self.shot_timer = self.shot_timer.saturating_sub(1);
        self.move_timer -= 1;
        self.alien_shot_timer -= 1;
        if self.aliens.is_empty() {
            if ramping && self.move_interval > LEAST_MOVE_INTERVAL {
                self.move_interval -= 1;
            }
            self.aliens = WAVE;
        }
        Step { reward: f64::from(shot.count()), terminated, truncated: false }
    }

    fn observe(&self, planes: &mut Planes<'_>) {
        planes.set(CANNON, self.cannon, LAST);
        planes.set_all(ALIEN, self.aliens);
        planes.set_all(if self.heading == Heading::Left { ALIEN_LEFT } else { ALIEN_RIGHT }, self.aliens);
        planes.set_all(BULLET, self.bullets);
        planes.set_all(ALIEN_BULLET, self.alien_bullets);
    }

    fn is_possible(&self) -> bool {
        on_grid(self.cannon)
            && [self.aliens, self.bullets, self.alien_bullets].into_iter().all(Board::is_possible)
            && !self.aliens.is_empty()
            && self.move_interval > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in the package, whose last observation has them in the first row.
    #[test]
    fn aliens_that_arrive_come_round() {
        let mut game = SpaceInvaders::default();
        game.reset(&mut Generator::new(0));
        game.aliens = Board::rectangle(0..1, 8..10);
        game.move_timer = 0;
        assert!(game.step(MinAtarAction::Noop, true, &mut Generator::new(0)).terminated);
        assert!(game.aliens.contains(0, 0) && game.aliens.contains(0, 9) && game.aliens.count() == 2);
    }
}
