//! Freeway: bring a chicken across a road of eight lanes.
//!
//! As MinAtar 1.0.15 computes it.
//!
//! | | |
//! |---|---|
//! | Action (v1) | `Discrete(3)`: 0 does nothing, 1 goes up, 2 down; after a move, none for two frames |
//! | Channels | 0 chicken, 1 car, 2 to 6 trail of a car that moves every 2, 3, 4, 5 or 6 frames |
//! | Reward | 1 for reaching the other side |
//! | Start | the chicken in column 4 of the last row, a car in the first column of each of rows 1 to 8 |
//! | Terminated | with frame 2501: the game's own end, no truncation |
//! | Difficulty | does not ramp |
//!
//! A car hits when it is where the chicken is, and the chicken is back at the start; so it is after crossing, and then cars
//! get new speeds and directions, as at the start. Cars that leave enter again at the other side.

use serde::{Deserialize, Serialize};

use super::board::{LAST, Planes, SIDE, on_grid};
use super::game::{MinAtarAction, MinAtarGame};
use crate::{Generator, Rgba, Step};

const CHICKEN: usize = 0;
const CAR: usize = 1;
/// Of a car that waits for one frame between moves, the fastest; the next channels are of slower ones.
const FASTEST_TRAIL: usize = 2;

const COLUMN: i8 = 4;
const START_ROW: i8 = LAST;
const MOST_FRAMES: u16 = 2500;
/// Frames before the next move, and the one of the move.
const MOVE_INTERVAL: u8 = 3;
/// The most frames that a car waits between moves.
const LONGEST_WAIT: u32 = 5;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Car {
    x: i8,
    /// Columns to the right in a move, 1 or -1, times the frames that it waits between moves.
    velocity: i8,
    wait: u8,
}

/// The state of Freeway; see the module's table in the source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Freeway {
    row: i8,
    /// One in each of rows 1 to 8.
    cars: [Car; 8],
    move_timer: u8,
    frames_left: u16,
}

impl Freeway {
    /// Draws the speeds of all cars, then their directions.
    fn randomize_cars(&mut self, rng: &mut Generator) {
        for car in &mut self.cars {
            car.wait = 1 + rng.integer(LONGEST_WAIT) as u8;
        }
        for car in &mut self.cars {
            car.velocity = if rng.random() < 0.5 { -(car.wait as i8) } else { car.wait as i8 };
        }
    }

    fn move_cars(&mut self) {
        for (car, row) in self.cars.iter_mut().zip(1..) {
            let hits = |car: &Car| car.x == COLUMN;
            let mut hit = hits(car);
            if car.wait == 0 {
                car.wait = car.velocity.unsigned_abs();
                car.x = (car.x + car.velocity.signum()).rem_euclid(SIDE);
                hit |= hits(car);
            } else {
                car.wait -= 1;
            }
            if hit && row == self.row {
                self.row = START_ROW;
            }
        }
    }
}

impl MinAtarGame for Freeway {
    const COLORS: &'static [Rgba] = &[
        Rgba::rgb(250, 230, 90),
        Rgba::rgb(225, 225, 235),
        Rgba::rgb(220, 60, 60),
        Rgba::rgb(200, 95, 50),
        Rgba::rgb(170, 110, 60),
        Rgba::rgb(130, 100, 90),
        Rgba::rgb(95, 85, 100),
    ];

    const ACTIONS: &'static [MinAtarAction] = &[MinAtarAction::Noop, MinAtarAction::Up, MinAtarAction::Down];

    fn reset(&mut self, rng: &mut Generator) {
        *self = Self { row: START_ROW, cars: Default::default(), move_timer: MOVE_INTERVAL, frames_left: MOST_FRAMES };
        self.randomize_cars(rng);
    }

    fn step(&mut self, action: MinAtarAction, _ramping: bool, rng: &mut Generator) -> Step {
        let [_, down] = action.direction();
        if down != 0 && self.move_timer == 0 {
            self.move_timer = MOVE_INTERVAL;
            self.row = (self.row + down).min(START_ROW);
        }
        let mut reward = 0.0;
        if self.row == 0 {
            reward = 1.0;
            self.row = START_ROW;
            self.randomize_cars(rng);
        }
        self.move_cars();
        self.move_timer = self.move_timer.saturating_sub(1);
        let terminated = self.frames_left == 0;
        self.frames_left = self.frames_left.saturating_sub(1);
        Step { reward, terminated, truncated: false }
    }

    fn observe(&self, planes: &mut Planes<'_>) {
        planes.set(CHICKEN, COLUMN, self.row);
        for (car, row) in self.cars.iter().zip(1..) {
            planes.set(CAR, car.x, row);
            let slowness = usize::from(car.velocity.unsigned_abs()) - 1;
            planes.set(FASTEST_TRAIL + slowness, (car.x - car.velocity.signum()).rem_euclid(SIDE), row);
        }
    }

    fn is_possible(&self) -> bool {
        let waits = 1..=LONGEST_WAIT as u8;
        (1..=START_ROW).contains(&self.row)
            && self.cars.iter().all(|car| on_grid(car.x) && waits.contains(&car.velocity.unsigned_abs()))
    }
}
