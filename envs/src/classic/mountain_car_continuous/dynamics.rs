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

    /// Three times the position: the angle whose cosine is the slope.
    #[inline]
    pub(super) fn slope_angle(self) -> f64 {
        match self {
            Self::Reset([position, _]) => 3.0 * position,
            Self::Stepped([position, _]) => (3.0 * position).into(),
        }
    }

    /// The state one step after, and whether the episode terminates there, given the cosine of the slope's angle.
    #[inline]
    pub(super) fn after(self, throttle: f32, slope: f64, goal_velocity: f64) -> (Self, bool) {
        let push = push(throttle, slope);
        let (state, terminated) = match self {
            Self::Reset(state) => after_reset(state, push, goal_velocity),
            Self::Stepped(state) => after_step(state, push, goal_velocity),
        };
        (Self::Stepped(state), terminated)
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

/// The first step of an episode, in f64.
#[inline(always)]
pub(super) fn after_reset([position, velocity]: [f64; 2], push: f64, goal_velocity: f64) -> ([f32; 2], bool) {
    let velocity = (velocity + push).clamp(-MAX_SPEED, MAX_SPEED);
    let [left, right] = POSITION_LIMITS;
    let position = (position + velocity).clamp(left, right);
    let into_wall = (position == left) & (velocity < 0.0);
    let velocity = if into_wall { 0.0 } else { velocity };
    ([position as f32, velocity as f32], (position >= GOAL) & (velocity >= goal_velocity))
}

/// Any other step, in f32.
#[inline(always)]
pub(super) fn after_step([position, velocity]: [f32; 2], push: f64, goal_velocity: f64) -> ([f32; 2], bool) {
    let max_speed = MAX_SPEED as f32;
    let free = velocity + push as f32;
    let velocity = free.clamp(-max_speed, max_speed);
    let [left, right] = POSITION_LIMITS.map(|x| x as f32);
    let position = (position + velocity).clamp(left, right);
    let into_wall = (position == left) & (velocity < 0.0);
    let velocity = if into_wall { 0.0 } else { velocity };
    let is_clipped = free.abs() > max_speed;
    let fast_enough = (is_clipped & (MAX_SPEED.copysign(free.into()) >= goal_velocity))
        | (!is_clipped & (velocity >= goal_velocity as f32));
    ([position, velocity], (position >= GOAL as f32) & fast_enough)
}

/// What throttle and slope add to the velocity: computed in f32 if the throttle is one, which it is unless clipped.
#[inline(always)]
pub(super) fn push(throttle: f32, slope: f64) -> f64 {
    let slope = GRAVITY * slope;
    let clipped = POWER.copysign(throttle.into()) - slope;
    let free = throttle * POWER as f32 - slope as f32;
    if throttle.abs() > 1.0 { clipped } else { free.into() }
}

/// The reward of a step.
#[inline(always)]
pub(super) fn reward(throttle: f32, terminated: bool) -> f64 {
    let reached = if terminated { 100.0 } else { 0.0 };
    let effort = f64::from(throttle) * f64::from(throttle);
    reached - effort * 0.1
}
