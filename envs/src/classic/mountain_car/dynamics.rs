//! The equations of motion, in the order of operations of Gymnasium's `mountain_car.py`.

use serde::{Deserialize, Serialize};

use crate::Generator;

/// Where the valley ends, left and right.
pub(crate) const POSITION_LIMITS: [f64; 2] = [-1.2, 0.6];
/// The greatest speed, in positions a step.
pub(crate) const MAX_SPEED: f64 = 0.07;
/// Where the flag stands.
pub(super) const GOAL: f64 = 0.5;

const FORCE: f64 = 0.001;
const GRAVITY: f64 = 0.0025;

/// MountainCar's exact state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MountainCarState {
    /// Position: the valley's bottom is at -π/6, the hilltop at π/6.
    pub position: f64,
    /// Velocity, in positions a step.
    pub velocity: f64,
}

impl MountainCarState {
    /// Where an episode starts: at `np_random.uniform(-0.6, -0.4)`, at rest.
    #[inline]
    pub(crate) fn random(rng: &mut Generator) -> Self {
        Self { position: rng.uniform(-0.6, -0.4), velocity: 0.0 }
    }

    /// The state one step after `action` (0, 1 or 2), given the cosine of three times the position.
    #[inline(always)]
    pub(super) fn after(self, action: i32, slope: f64) -> Self {
        let [left, right] = POSITION_LIMITS;
        let velocity = self.velocity + (f64::from(action - 1) * FORCE + slope * -GRAVITY);
        let velocity = velocity.clamp(-MAX_SPEED, MAX_SPEED);
        let position = (self.position + velocity).clamp(left, right);
        let into_wall = (position == left) & (velocity < 0.0);
        Self { position, velocity: if into_wall { 0.0 } else { velocity } }
    }

    /// Whether the episode terminates here.
    #[inline(always)]
    pub(super) fn is_terminal(self, goal_velocity: f64) -> bool {
        (self.position >= GOAL) & (self.velocity >= goal_velocity)
    }

    /// The state rounded to f32.
    #[inline(always)]
    pub(crate) fn observation(self) -> [f32; 2] {
        [self.position as f32, self.velocity as f32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_left_wall_stops_the_car_and_the_right_end_does_not() {
        let state = |position, velocity| MountainCarState { position, velocity };
        assert_eq!(state(-1.19, -0.05).after(0, 0.0), state(-1.2, 0.0));
        let right = state(0.59, 0.05).after(2, 0.0);
        assert!(right.position == 0.6 && right.velocity > 0.05, "{right:?}");
    }
}
