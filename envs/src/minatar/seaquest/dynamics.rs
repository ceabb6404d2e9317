//! How things move in the sea, in the order of the package.
//!
//! Lists are gone through from the last to the first, as there: where two things are in one cell, it decides which is
//! shot.

use serde::{Deserialize, Serialize};

use super::Seaquest;
use crate::Generator;
use crate::minatar::board::{LAST, SIDE, on_grid};
use crate::minatar::game::{Heading, MinAtarAction};

/// Frames for which a full tank lasts.
pub(super) const TANK: i16 = 200;
pub(super) const MOST_DIVERS: i32 = 6;
pub(super) const SPAWN_INTERVAL: u8 = 20;
pub(super) const DIVER_INTERVAL: u8 = 30;
pub(super) const MOVE_INTERVAL: u8 = 5;
const LEAST_MOVE_INTERVAL: u8 = 2;
/// Frames that a diver waits between moves.
const DIVER_MOVE_INTERVAL: u8 = 5;
const SHOT_INTERVAL: u8 = 5;
/// Frames that a submarine waits between shots.
const ENEMY_SHOT_INTERVAL: u8 = 10;
/// Rows under water: 1 to 8.
const FIRST_ROW: i8 = 1;
const ROWS: u32 = 8;
const LAST_ROW: i8 = 8;

/// Something that goes along a row: a bullet, or where a swimmer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) x: i8,
    pub(super) y: i8,
    pub(super) heading: Heading,
}

impl Body {
    /// At the side where what goes this way enters.
    fn entering(y: i8, heading: Heading) -> Self {
        Self { x: heading.entrance(), y, heading }
    }

    /// The column behind it.
    pub(super) fn behind(&self) -> i8 {
        self.x - self.heading.dx()
    }

    /// Goes a column on. Returns whether it is still on the grid.
    fn advance(&mut self) -> bool {
        self.x += self.heading.dx();
        on_grid(self.x)
    }

    fn meets(&self, other: &Self) -> bool {
        [self.x, self.y] == [other.x, other.y]
    }
}

/// A fish, a submarine or a diver.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Swimmer {
    pub(super) body: Body,
    move_timer: u8,
    /// Of submarines alone.
    shot_timer: u8,
}

/// Removes the first of `swimmers` that `body` meets, if any.
fn take_met(swimmers: &mut Vec<Swimmer>, body: &Body) -> bool {
    let met = swimmers.iter().position(|swimmer| swimmer.body.meets(body));
    met.map(|i| swimmers.remove(i)).is_some()
}

fn random_row(rng: &mut Generator) -> i8 {
    FIRST_ROW + rng.integer(ROWS) as i8
}

impl Seaquest {
    /// Lets enemies and divers enter.
    pub(super) fn spawn(&mut self, rng: &mut Generator) {
        if self.spawn_timer == 0 {
            self.spawn_timer = self.spawn_interval;
            let heading = Heading::random(rng);
            let is_submarine = rng.random() < 1.0 / 3.0;
            let body = Body::entering(random_row(rng), heading);
            let opposes = |other: &Swimmer| other.body.y == body.y && other.body.heading != heading;
            if !self.fish.iter().chain(&self.submarines).any(opposes) {
                let swimmers = if is_submarine { &mut self.submarines } else { &mut self.fish };
                swimmers.push(Swimmer { body, move_timer: self.move_interval, shot_timer: ENEMY_SHOT_INTERVAL });
            }
        }
        if self.diver_timer == 0 {
            self.diver_timer = DIVER_INTERVAL;
            let heading = Heading::random(rng);
            let body = Body::entering(random_row(rng), heading);
            self.divers.push(Swimmer { body, move_timer: DIVER_MOVE_INTERVAL, shot_timer: 0 });
        }
    }

    /// The player moves or shoots.
    pub(super) fn steer(&mut self, action: MinAtarAction) {
        let [dx, dy] = action.direction();
        self.player.x = (self.player.x + dx).clamp(0, LAST);
        self.player.y = (self.player.y + dy).clamp(0, LAST_ROW);
        match action {
            MinAtarAction::Left => self.player.heading = Heading::Left,
            MinAtarAction::Right => self.player.heading = Heading::Right,
            MinAtarAction::Fire if self.shot_timer == 0 => {
                self.shot_timer = SHOT_INTERVAL;
                self.bullets.push(self.player);
            }
            _ => {}
        }
    }

    /// Returns the reward for what the player's bullets hit.
    pub(super) fn move_bullets(&mut self) -> f64 {
        let mut reward = 0.0;
        for i in (0..self.bullets.len()).rev() {
            let mut bullet = self.bullets[i];
            if !bullet.advance() {
                self.bullets.remove(i);
            } else if take_met(&mut self.fish, &bullet) || take_met(&mut self.submarines, &bullet) {
                self.bullets.remove(i);
                reward += 1.0;
            } else {
                self.bullets[i] = bullet;
            }
        }
        reward
    }

    /// Moves divers, and takes those aboard that meet the player.
    pub(super) fn move_divers(&mut self) {
        for i in (0..self.divers.len()).rev() {
            let mut diver = self.divers[i];
            let mut leaves = self.takes_aboard(&diver);
            if !leaves && diver.move_timer == 0 {
                diver.move_timer = DIVER_MOVE_INTERVAL;
                leaves = !diver.body.advance() || self.takes_aboard(&diver);
            } else {
                diver.move_timer = diver.move_timer.saturating_sub(1);
            }
            if leaves {
                self.divers.remove(i);
            } else {
                self.divers[i] = diver;
            }
        }
    }

    fn takes_aboard(&mut self, diver: &Swimmer) -> bool {
        let takes = diver.body.meets(&self.player) && self.aboard < MOST_DIVERS;
        self.aboard += i32::from(takes);
        takes
    }

    /// Returns the reward for those that swim into a bullet, and whether one met the player; so does [`Self::move_fish`].
    pub(super) fn move_submarines(&mut self) -> (f64, bool) {
        let mut submarines = std::mem::take(&mut self.submarines);
        let outcome = self.move_enemies(&mut submarines, true);
        self.submarines = submarines;
        outcome
    }

    /// See [`Self::move_submarines`].
    pub(super) fn move_fish(&mut self) -> (f64, bool) {
        let mut fish = std::mem::take(&mut self.fish);
        let outcome = self.move_enemies(&mut fish, false);
        self.fish = fish;
        outcome
    }

    fn move_enemies(&mut self, enemies: &mut Vec<Swimmer>, shoot: bool) -> (f64, bool) {
        let (mut reward, mut met) = (0.0, false);
        for i in (0..enemies.len()).rev() {
            let mut enemy = enemies[i];
            let mut leaves = false;
            met |= enemy.body.meets(&self.player);
            if enemy.move_timer > 0 {
                enemy.move_timer -= 1;
            } else {
                enemy.move_timer = self.move_interval;
                if !enemy.body.advance() {
                    leaves = true;
                } else if enemy.body.meets(&self.player) {
                    met = true;
                } else if let Some(bullet) = self.bullets.iter().position(|bullet| bullet.meets(&enemy.body)) {
                    self.bullets.remove(bullet);
                    reward += 1.0;
                    leaves = true;
                }
            }
            // Even one that leaves shoots.
            if shoot && enemy.shot_timer == 0 {
                enemy.shot_timer = ENEMY_SHOT_INTERVAL;
                self.enemy_bullets.push(enemy.body);
            } else {
                enemy.shot_timer = enemy.shot_timer.saturating_sub(1);
            }
            if leaves {
                enemies.remove(i);
            } else {
                enemies[i] = enemy;
            }
        }
        (reward, met)
    }

    /// Returns whether a bullet met the player.
    pub(super) fn move_enemy_bullets(&mut self) -> bool {
        let player = self.player;
        let mut met = false;
        self.enemy_bullets.retain_mut(|bullet| {
            met |= bullet.meets(&player);
            let stays = bullet.advance();
            met |= bullet.meets(&player);
            stays
        });
        met
    }

    pub(super) fn count_down(&mut self) {
        for timer in [&mut self.spawn_timer, &mut self.diver_timer, &mut self.shot_timer] {
            *timer = timer.saturating_sub(1);
        }
    }

    /// Uses oxygen, or surfaces. Returns the reward for divers delivered, and whether the player is out of oxygen or had
    /// no diver to surface with.
    pub(super) fn breathe(&mut self, ramping: bool) -> (f64, bool) {
        let is_out = self.oxygen <= 0;
        if self.player.y > 0 {
            self.oxygen -= 1;
            self.is_surfaced = false;
            return (0.0, is_out);
        }
        if self.is_surfaced {
            return (0.0, is_out);
        }
        if self.aboard == 0 {
            return (0.0, true);
        }
        self.is_surfaced = true;
        let mut reward = 0.0;
        if self.aboard == MOST_DIVERS {
            self.aboard = 0;
            reward = f64::from(self.oxygen_cells());
        }
        self.aboard = self.aboard.saturating_sub(1);
        self.oxygen = TANK;
        if ramping {
            self.ramp();
        }
        (reward, is_out)
    }

    fn ramp(&mut self) {
        if self.spawn_interval == 1 && self.move_interval == LEAST_MOVE_INTERVAL {
            return;
        }
        if self.move_interval > LEAST_MOVE_INTERVAL && !self.ramps.is_multiple_of(2) {
            self.move_interval -= 1;
        }
        if self.spawn_interval > 1 {
            self.spawn_interval -= 1;
        }
        self.ramps += 1;
    }

    /// Cells of the oxygen gauge that are full; -1 when oxygen has fallen below 0.
    pub(super) fn oxygen_cells(&self) -> i8 {
        (self.oxygen * i16::from(SIDE)).div_euclid(TANK) as i8
    }
}
