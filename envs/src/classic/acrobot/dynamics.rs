//! The equations of motion, in the order of operations of Gymnasium's `acrobot.py`: one step of the classic
//! Runge-Kutta method.
//!
//! The paper's and the book's equations differ; these are the book's. Lengths, masses and moments of inertia are
//! all 1 and the centers of mass in the middle, so most factors of the general equations are left out: products
//! with 1 and 0.5 are exact.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use serde::{Deserialize, Serialize};

use crate::Generator;

/// The greatest angular speeds of the two links, in rad/s.
pub(super) const MAX_SPEEDS: [f64; 2] = [4.0 * PI, 9.0 * PI];

const GRAVITY: f64 = 9.8;
/// Seconds between states.
const TIME_STEP: f64 = 0.2;
/// Distance of a link's center of mass from its upper joint, in metres.
const CENTER: f64 = 0.5;
/// A link's moment of inertia about its center of mass.
const INERTIA: f64 = 1.0;

/// Acrobot's exact state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AcrobotState {
    /// Angle of the first link counterclockwise from hanging, in radians, from -π to π.
    pub theta1: f64,
    /// Angle of the second link from the first, in radians, from -π to π.
    pub theta2: f64,
    /// Angular velocity of the first link, in rad/s.
    pub theta1_dot: f64,
    /// Rate of the second link's angle from the first, in rad/s.
    pub theta2_dot: f64,
}

impl AcrobotState {
    /// Where an episode starts: `np_random.uniform(-0.1, 0.1, size=4).astype(np.float32)`.
    #[inline]
    pub(super) fn random(rng: &mut Generator) -> Self {
        let mut draw = || f64::from(rng.uniform(-0.1, 0.1) as f32);
        Self { theta1: draw(), theta2: draw(), theta1_dot: draw(), theta2_dot: draw() }
    }

    /// The state one time step after `action` (0, 1 or 2).
    #[inline]
    pub(super) fn after(self, action: i32) -> Self {
        let torque = f64::from(action - 1);
        let start = [self.theta1, self.theta2, self.theta1_dot, self.theta2_dot];
        let onward = |slope: [f64; 4], time: f64| std::array::from_fn(|i| start[i] + time * slope[i]);
        let k1 = derivative(start, torque);
        let k2 = derivative(onward(k1, TIME_STEP / 2.0), torque);
        let k3 = derivative(onward(k2, TIME_STEP / 2.0), torque);
        let k4 = derivative(onward(k3, TIME_STEP), torque);
        let sum = std::array::from_fn(|i| k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
        let [theta1, theta2, theta1_dot, theta2_dot] = onward(sum, TIME_STEP / 6.0);
        let [fastest1, fastest2] = MAX_SPEEDS;
        Self {
            theta1: wrapped(theta1),
            theta2: wrapped(theta2),
            theta1_dot: theta1_dot.clamp(-fastest1, fastest1),
            theta2_dot: theta2_dot.clamp(-fastest2, fastest2),
        }
    }

    /// Whether the tip is above the bar.
    #[inline]
    pub(super) fn is_terminal(self) -> bool {
        -self.theta1.cos() - (self.theta2 + self.theta1).cos() > 1.0
    }

    /// Whether a step can lead here: false also where something is NaN.
    pub(super) fn is_within_limits(self) -> bool {
        self.theta1.abs() <= PI
            && self.theta2.abs() <= PI
            && self.theta1_dot.abs() <= MAX_SPEEDS[0]
            && self.theta2_dot.abs() <= MAX_SPEEDS[1]
    }

    /// Cosines and sines of the angles and the velocities, rounded to f32.
    #[inline]
    pub(super) fn observation(self) -> [f32; 6] {
        let (sin1, cos1) = self.theta1.sin_cos();
        let (sin2, cos2) = self.theta2.sin_cos();
        [cos1, sin1, cos2, sin2, self.theta1_dot, self.theta2_dot].map(|x| x as f32)
    }
}

/// How fast angles and velocities change.
#[inline]
fn derivative([theta1, theta2, theta1_dot, theta2_dot]: [f64; 4], torque: f64) -> [f64; 4] {
    let (sin2, cos2) = theta2.sin_cos();
    // Names as in the book.
    let d1 = CENTER * CENTER + (1.0 + CENTER * CENTER + cos2) + INERTIA + INERTIA;
    let d2 = CENTER * CENTER + CENTER * cos2 + INERTIA;
    let phi2 = CENTER * GRAVITY * (theta1 + theta2 - FRAC_PI_2).cos();
    let phi1 = -CENTER * (theta2_dot * theta2_dot) * sin2 - theta2_dot * theta1_dot * sin2
        + (CENTER + 1.0) * GRAVITY * (theta1 - FRAC_PI_2).cos()
        + phi2;
    let theta2_acc = (torque + d2 / d1 * phi1 - CENTER * (theta1_dot * theta1_dot) * sin2 - phi2)
        / (CENTER * CENTER + INERTIA - d2 * d2 / d1);
    let theta1_acc = -(d2 * theta2_acc + phi1) / d1;
    [theta1_dot, theta2_dot, theta1_acc, theta2_acc]
}

/// The same angle from -π to π, by whole turns one at a time: the rounding of each is part of the result.
fn wrapped(mut angle: f64) -> f64 {
    while angle > PI {
        angle -= TAU;
    }
    while angle < -PI {
        angle += TAU;
    }
    angle
}
