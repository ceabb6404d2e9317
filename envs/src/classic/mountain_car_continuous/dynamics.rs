//! The equations of motion, as Gymnasium's `continuous_mountain_car.py` computes them with NumPy 2.
//!
//! There, a reset leaves the state in f64 and each step stores it as f32, so that the first step of an episode is
//! in f64 and all others in f32. The numbers that they meet are of Python: f64 among themselves, and rounded to
//! f32 where they meet an f32. A throttle or velocity that was clipped is a number of Python, too.

use serde::{Deserialize, Serialize};

use crate::Generator;
use crate::classic::mountain_car::{MAX_SPEED, MountainCarState, POSITION_LIMITS};

/// Where the flag stands.
pub(super) const GOAL: f64 = 0.45;

const POWER: f64 = 0.0015;
const GRAVITY: f64 = 0.0025;

/// MountainCarContinuous's exact state, in the precision that the next step is computed with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum MountainCarContinuousState {
    /// After a reset: position, and velocity in positions a step.
    Reset([f64; 2]),
    /// After a step: the same.
    Stepped([f32; 2]),
}

impl Default for MountainCarContinuousState {
    fn default() -> Self {
        Self::Reset([0.0; 2])
    }
}

impl MountainCarContinuousState {
    /// Position: the valley's bottom is at -π/6, the hilltop at π/6.
    pub fn position(self) -> f64 {
        match self {
            Self::Reset([position, _]) => position,
            Self::Stepped([position, _]) => position.into(),
        }
    }

    /// Velocity, in positions a step.
    pub fn velocity(self) -> f64 {
        match self {
            Self::Reset([_, velocity]) => velocity,
            Self::Stepped([_, velocity]) => velocity.into(),
        }
    }

    /// Where an episode starts: where MountainCar's does.
    #[inline]
    pub(super) fn random(rng: &mut Generator) -> Self {
        let MountainCarState { position, velocity } = MountainCarState::random(rng);
        Self::Reset([position, velocity])
    }

    /// The state one step after, and whether the episode terminates there.
    #[inline]
    pub(super) fn after(self, throttle: f32, goal_velocity: f64) -> (Self, bool) {
        match self {
            Self::Reset([position, velocity]) => {
                let velocity = velocity + push(throttle, 3.0 * position);
                let velocity = velocity.clamp(-MAX_SPEED, MAX_SPEED);
                let [left, right] = POSITION_LIMITS;
                let position = (position + velocity).clamp(left, right);
                let into_wall = (position == left) & (velocity < 0.0);
                let velocity = if into_wall { 0.0 } else { velocity };
                let terminated = (position >= GOAL) & (velocity >= goal_velocity);
                (Self::Stepped([position as f32, velocity as f32]), terminated)
            }
            Self::Stepped([position, velocity]) => {
                let max_speed = MAX_SPEED as f32;
                let free = velocity + push(throttle, f64::from(3.0 * position)) as f32;
                let velocity = free.clamp(-max_speed, max_speed);
                let [left, right] = POSITION_LIMITS.map(|x| x as f32);
                let position = (position + velocity).clamp(left, right);
                let into_wall = (position == left) & (velocity < 0.0);
                let velocity = if into_wall { 0.0 } else { velocity };
                let fast_enough = if free.abs() > max_speed {
                    MAX_SPEED.copysign(free.into()) >= goal_velocity
                } else {
                    velocity >= goal_velocity as f32
                };
                (Self::Stepped([position, velocity]), (position >= GOAL as f32) & fast_enough)
            }
        }
    }

    /// The state rounded to f32.
    #[inline]
    pub(super) fn observation(self) -> [f32; 2] {
        match self {
            Self::Reset(state) => state.map(|x| x as f32),
            Self::Stepped(state) => state,
        }
    }
}

/// What throttle and slope add to the velocity: computed in f32 if the throttle is one, which it is unless clipped.
#[inline]
fn push(throttle: f32, triple_position: f64) -> f64 {
    let slope = GRAVITY * triple_position.cos();
    if throttle.abs() > 1.0 {
        POWER.copysign(throttle.into()) - slope
    } else {
        (throttle * POWER as f32 - slope as f32).into()
    }
}
