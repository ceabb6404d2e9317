//! The equations of motion, in the order of operations of Gymnasium's `pendulum.py`.
//!
//! The torque is an f32 there, and what is computed of it alone is rounded to f32: so it is here.

use std::f64::consts::{PI, TAU};

use serde::{Deserialize, Serialize};

use crate::Generator;

/// The greatest angular speed, in rad/s.
pub(super) const MAX_SPEED: f64 = 8.0;
/// The greatest torque, in N m.
pub(super) const MAX_TORQUE: f32 = 2.0;

/// A turn, within which angles are brought for their cost.
pub(super) const TURN: f64 = TAU;

/// Seconds between states.
const TIME_STEP: f64 = 0.05;
/// 3 / (m l²), for 1 kg and 1 m.
const TORQUE_FACTOR: f32 = 3.0;
/// What a squared torque costs.
const TORQUE_COST: f32 = 0.001;

/// Pendulum's exact state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PendulumState {
    /// Angle counterclockwise from upright, in radians, not wrapped.
    pub theta: f64,
    /// Angular velocity, in rad/s.
    pub theta_dot: f64,
}

impl PendulumState {
    /// Where an episode starts: `np_random.uniform([-pi, -1], [pi, 1])`.
    #[inline]
    pub(super) fn random(rng: &mut Generator) -> Self {
        Self { theta: rng.uniform(-PI, PI), theta_dot: rng.uniform(-1.0, 1.0) }
    }

    /// What a step with this torque from here costs, given [`Self::turned`] within a turn: from 0 to 2π.
    #[inline(always)]
    pub(super) fn cost(self, within_turn: f64, torque: f32) -> f64 {
        let angle = within_turn - PI;
        angle * angle + 0.1 * (self.theta_dot * self.theta_dot) + f64::from(TORQUE_COST * (torque * torque))
    }

    /// The angle counterclockwise from hanging.
    #[inline(always)]
    pub(super) fn turned(self) -> f64 {
        self.theta + PI
    }

    /// The state one time step after, by semi-implicit Euler, given the sine of the angle; `torque` is within its
    /// limits.
    #[inline(always)]
    pub(super) fn after(self, sin: f64, torque: f32, g: f64) -> Self {
        let acceleration = 3.0 * g / 2.0 * sin + f64::from(TORQUE_FACTOR * torque);
        let theta_dot = (self.theta_dot + acceleration * TIME_STEP).clamp(-MAX_SPEED, MAX_SPEED);
        Self { theta: self.theta + theta_dot * TIME_STEP, theta_dot }
    }

    /// Cosine and sine of the angle and the velocity, rounded to f32.
    #[inline]
    pub(super) fn observation(self) -> [f32; 3] {
        let (sin, cos) = self.theta.sin_cos();
        [cos as f32, sin as f32, self.theta_dot as f32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_cost_is_hanging_at_full_speed_and_torque() {
        let worst = PendulumState { theta: -3.0 * PI, theta_dot: MAX_SPEED }.cost(0.0, MAX_TORQUE);
        assert!((worst - 16.273_604_4).abs() < 1e-7, "{worst}");
    }

    #[test]
    fn the_angle_moves_with_the_clipped_velocity() {
        let state = PendulumState { theta: 1.0, theta_dot: 7.9 }.after(1.0_f64.sin(), MAX_TORQUE, 10.0);
        assert_eq!(state, PendulumState { theta: 1.0 + 8.0 * 0.05, theta_dot: 8.0 });
    }
}
