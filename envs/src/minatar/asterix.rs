//! Asterix: collect treasure that crosses the field, and keep away from the enemies that do.
//!
//! As MinAtar 1.0.15 computes it.
//!
//! | | |
//! |---|---|
//! | Action (v1) | `Discrete(5)`: 0 does nothing, 1 goes left, 2 up, 3 right, 4 down |
//! | Channels | 0 player, 1 enemy, 2 trail (behind what moves), 3 treasure |
//! | Reward | 1 for each treasure |
//! | Start | the player in column 5 of row 5, nothing else |
//! | Terminated | the player touches an enemy |
//! | Difficulty | every 102 frames, things come one frame sooner, and every second time they also move one frame sooner, until both are every frame |
//!
//! Things enter from either side, every 10 frames at first, into one of the free rows 1 to 8: treasure one time in three,
//! else an enemy. All move together, every 5 frames at first.

use serde::{Deserialize, Serialize};

use super::board::{LAST, Planes, on_grid};
use super::game::{Heading, MinAtarAction, MinAtarGame};
use crate::{Generator, Rgba, Step};

const PLAYER: usize = 0;
const ENEMY: usize = 1;
const TRAIL: usize = 2;
const TREASURE: usize = 3;

/// The rows that things cross, and where the player may go.
const FIRST_ROW: i8 = 1;
const LAST_ROW: i8 = 8;
/// Frames without a ramp between two with one.
const RAMP_INTERVAL: u8 = 101;

/// Something that crosses the field.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Thing {
    x: i8,
    heading: Heading,
    is_treasure: bool,
}

/// The state of Asterix; see the module's table in the source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Asterix {
    x: i8,
    y: i8,
    /// What is in each row, from [`FIRST_ROW`].
    rows: [Option<Thing>; 8],
    spawn_interval: u8,
    spawn_timer: u8,
    move_interval: u8,
    move_timer: u8,
    ramp_timer: u8,
    ramps: u8,
}

impl Asterix {
    /// Lets something enter. The draws for what it is are taken even if no row is free.
    fn spawn(&mut self, rng: &mut Generator) {
        let heading = Heading::random(rng);
        let is_treasure = rng.random() < 1.0 / 3.0;
        let free = self.rows.iter().filter(|row| row.is_none()).count();
        if free == 0 {
            return;
        }
        let chosen = rng.integer(free as u32) as usize;
        if let Some(row) = self.rows.iter_mut().filter(|row| row.is_none()).nth(chosen) {
            *row = Some(Thing { x: heading.entrance(), heading, is_treasure });
        }
    }

    /// Takes the treasure that the player is on. Returns the reward, and whether an enemy is there instead.
    fn touch(&mut self) -> (f64, bool) {
        let row = &mut self.rows[(self.y - FIRST_ROW) as usize];
        match row {
            Some(thing) if thing.x == self.x && thing.is_treasure => {
                *row = None;
                (1.0, false)
            }
            Some(thing) => (0.0, thing.x == self.x),
            None => (0.0, false),
        }
    }

    fn move_things(&mut self) {
        for row in &mut self.rows {
            if let Some(thing) = row {
                thing.x += thing.heading.dx();
                if !on_grid(thing.x) {
                    *row = None;
                }
            }
        }
    }

    fn ramp(&mut self) {
        if self.spawn_interval == 1 && self.move_interval == 1 {
            return;
        }
        if self.ramp_timer > 0 {
            self.ramp_timer -= 1;
            return;
        }
        if self.move_interval > 1 && !self.ramps.is_multiple_of(2) {
            self.move_interval -= 1;
        }
        if self.spawn_interval > 1 {
            self.spawn_interval -= 1;
        }
        self.ramps += 1;
        self.ramp_timer = RAMP_INTERVAL;
    }
}

impl MinAtarGame for Asterix {
    const COLORS: &'static [Rgba] =
        &[Rgba::rgb(110, 200, 255), Rgba::rgb(220, 80, 70), Rgba::rgb(90, 90, 105), Rgba::rgb(245, 205, 80)];

    const ACTIONS: &'static [MinAtarAction] =
        &[MinAtarAction::Noop, MinAtarAction::Left, MinAtarAction::Up, MinAtarAction::Right, MinAtarAction::Down];

    fn reset(&mut self, _rng: &mut Generator) {
        *self = Self {
            x: 5,
            y: 5,
            rows: [None; 8],
            spawn_interval: 10,
            spawn_timer: 10,
            move_interval: 5,
            move_timer: 5,
            ramp_timer: RAMP_INTERVAL,
            ramps: 0,
        };
    }

    fn step(&mut self, action: MinAtarAction, ramping: bool, rng: &mut Generator) -> Step {
        if self.spawn_timer == 0 {
            self.spawn(rng);
            self.spawn_timer = self.spawn_interval;
        }
        let [dx, dy] = action.direction();
        self.x = (self.x + dx).clamp(0, LAST);
        self.y = (self.y + dy).clamp(FIRST_ROW, LAST_ROW);

        let (mut reward, mut terminated) = self.touch();
        if self.move_timer == 0 {
            self.move_timer = self.move_interval;
            self.move_things();
            let (more, caught) = self.touch();
            reward += more;
            terminated |= caught;
        }
        self.spawn_timer -= 1;
        self.move_timer -= 1;
        if ramping {
            self.ramp();
        }
        Step { reward, terminated, truncated: false }
    }

    fn observe(&self, planes: &mut Planes<'_>) {
        planes.set(PLAYER, self.x, self.y);
        for (thing, y) in self.rows.iter().zip(FIRST_ROW..) {
            if let Some(Thing { x, heading, is_treasure }) = *thing {
                planes.set(if is_treasure { TREASURE } else { ENEMY }, x, y);
                planes.set(TRAIL, x - heading.dx(), y);
            }
        }
    }

    fn is_possible(&self) -> bool {
        on_grid(self.x)
            && (FIRST_ROW..=LAST_ROW).contains(&self.y)
            && self.rows.iter().flatten().all(|thing| on_grid(thing.x))
            && self.spawn_interval > 0
            && self.move_interval > 0
            && self.ramps < u8::MAX
    }
}
