//! The equations of motion, shared by the single and the batched form so that they agree bit for bit.
//!
//! The order of operations is that of Gymnasium's `cartpole.py`. There is no fused multiply-add and no
//! library sine on the way, so that results depend neither on the machine nor on how the code vectorises.

use serde::{Deserialize, Serialize};

use crate::Generator;

/// The episode terminates beyond this cart position, in metres.
pub(crate) const POSITION_LIMIT: f64 = 2.4;
/// The episode terminates beyond this pole angle, in radians: 12°.
pub(crate) const ANGLE_LIMIT: f64 = 12.0 * 2.0 * std::f64::consts::PI / 360.0;
/// Half the pole's length, in metres.
pub(super) const HALF_LENGTH: f64 = 0.5;

const GRAVITY: f64 = 9.8;
const POLE_MASS: f64 = 0.1;
const TOTAL_MASS: f64 = POLE_MASS + 1.0;
const POLE_MASS_LENGTH: f64 = POLE_MASS * HALF_LENGTH;
const FORCE: f64 = 10.0;
/// Seconds between states.
const TIME_STEP: f64 = 0.02;

/// CartPole's exact state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CartPoleState {
    /// Cart position, in metres.
    pub x: f64,
    /// Cart velocity, in m/s.
    pub x_dot: f64,
    /// Pole angle clockwise from upright, in radians.
    pub theta: f64,
    /// Pole angular velocity, in rad/s.
    pub theta_dot: f64,
}

impl CartPoleState {
    /// Where an episode starts: `np_random.uniform(-0.05, 0.05, size=4)`.
    #[inline]
    pub(super) fn random(rng: &mut Generator) -> Self {
        let mut draw = || rng.uniform(-0.05, 0.05);
        Self { x: draw(), x_dot: draw(), theta: draw(), theta_dot: draw() }
    }

    /// The state one time step after `action` (0 or 1), by explicit Euler.
    #[inline]
    pub(super) fn after(self, action: i32) -> Self {
        let (sin, cos) = if self.theta.abs() <= std::f64::consts::FRAC_PI_4 {
            sin_cos(self.theta)
        } else {
            // Only where the caller steps on after the end.
            self.theta.sin_cos()
        };
        self.euler(action, sin, cos)
    }

    /// As [`Self::after`] for an angle within the limit, without a branch.
    #[inline(always)]
    pub(super) fn after_within_limits(self, action: i32) -> Self {
        let (sin, cos) = sin_cos(self.theta);
        self.euler(action, sin, cos)
    }

    #[inline(always)]
    fn euler(self, action: i32, sin: f64, cos: f64) -> Self {
        let Self { x, x_dot, theta, theta_dot } = self;
        let force = if action == 1 { FORCE } else { -FORCE };
        let temp = (force + POLE_MASS_LENGTH * (theta_dot * theta_dot) * sin) / TOTAL_MASS;
        let theta_acc =
            (GRAVITY * sin - cos * temp) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cos * cos) / TOTAL_MASS));
        let x_acc = temp - POLE_MASS_LENGTH * theta_acc * cos / TOTAL_MASS;
        Self {
            x: x + TIME_STEP * x_dot,
            x_dot: x_dot + TIME_STEP * x_acc,
            theta: theta + TIME_STEP * theta_dot,
            theta_dot: theta_dot + TIME_STEP * theta_acc,
        }
    }

    /// Whether the episode terminates here.
    #[inline(always)]
    pub(super) fn is_terminal(self) -> bool {
        // `|`, not `||`: four comparisons vectorise, four branches do not.
        (self.x < -POSITION_LIMIT)
            | (self.x > POSITION_LIMIT)
            | (self.theta < -ANGLE_LIMIT)
            | (self.theta > ANGLE_LIMIT)
    }

    /// The state rounded to f32.
    #[inline(always)]
    pub(super) fn observation(self) -> [f32; 4] {
        [self.x as f32, self.x_dot as f32, self.theta as f32, self.theta_dot as f32]
    }
}

/// Sine and cosine for |x| ≤ π/4, within one unit in the last place.
///
/// The kernel polynomials of fdlibm (`k_sin.c`, `k_cos.c`, Sun Microsystems 1993), whose tail argument is 0.
#[inline(always)]
fn sin_cos(x: f64) -> (f64, f64) {
    const S1: f64 = -1.666_666_666_666_663_2e-1;
    const S2: f64 = 8.333_333_333_322_49e-3;
    const S3: f64 = -1.984_126_982_985_795e-4;
    const S4: f64 = 2.755_731_370_707_006_8e-6;
    const S5: f64 = -2.505_076_025_340_686_3e-8;
    const S6: f64 = 1.589_690_995_211_55e-10;
    const C1: f64 = 4.166_666_666_666_66e-2;
    const C2: f64 = -1.388_888_888_887_411e-3;
    const C3: f64 = 2.480_158_728_947_673e-5;
    const C4: f64 = -2.755_731_435_139_066_3e-7;
    const C5: f64 = 2.087_572_321_298_175e-9;
    const C6: f64 = -1.135_964_755_778_819_5e-11;

    let z = x * x;
    let w = z * z;
    let sin = x + z * x * (S1 + z * (S2 + z * (S3 + z * S4) + z * w * (S5 + z * S6)));
    let r = z * (C1 + z * (C2 + z * C3)) + w * w * (C4 + z * (C5 + z * C6));
    let half = 0.5 * z;
    let near = 1.0 - half;
    // What `near` lost to rounding is added back.
    let cos = near + (((1.0 - near) - half) + z * r);
    (sin, cos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_are_within_one_ulp() {
        let steps = 200_000;
        for i in -steps..=steps {
            let x = std::f64::consts::FRAC_PI_4 * f64::from(i) / f64::from(steps);
            let (sin, cos) = sin_cos(x);
            for (found, expected) in [(sin, x.sin()), (cos, x.cos())] {
                assert!(found.to_bits().abs_diff(expected.to_bits()) <= 1, "at {x}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn large_angles_use_the_whole_circle() {
        let upside_down = CartPoleState { theta: std::f64::consts::PI, ..CartPoleState::default() };
        // Hanging pole, pushed right: temp = 10/1.1, cos = -1, so the pole swings clockwise.
        let next = upside_down.after(1);
        let expected = (10.0 / 1.1) / (0.5 * (4.0 / 3.0 - 0.1 / 1.1)) * 0.02;
        assert!((next.theta_dot - expected).abs() < 1e-12, "{next:?}");
    }
}
