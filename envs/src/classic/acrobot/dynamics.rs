//! The equations of motion, in the order of operations of Gymnasium's `acrobot.py`: one step of the classic
//! Runge-Kutta method.
//!
//! The paper's and the book's equations differ; these are the book's. Lengths, masses and moments of inertia are
//! all 1 and the centers of mass in the middle, so most factors of the general equations are left out: products
//! with 1 and 0.5 are exact.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use serde::{Deserialize, Serialize};

use crate::Generator;
use crate::classic::sine::sines;

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
        let [theta1, theta2, theta1_dot, theta2_dot] =
            after::<1, false>([[self.theta1], [self.theta2], [self.theta1_dot], [self.theta2_dot]], &[action]);
        Self { theta1: theta1[0], theta2: theta2[0], theta1_dot: theta1_dot[0], theta2_dot: theta2_dot[0] }
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

/// Angles and velocities of several acrobots, in the order of [`AcrobotState`].
pub(super) type Columns<const N: usize> = [[f64; N]; 4];

/// One time step of several acrobots.
#[inline(always)]
pub(super) fn after<const N: usize, const FMA: bool>(start: Columns<N>, actions: &[i32; N]) -> Columns<N> {
    let mut torques = [0.0; N];
    for i in 0..N {
        torques[i] = f64::from(actions[i] - 1);
    }
    let mut slope = [[0.0; N]; 4];
    let mut sum = [[0.0; N]; 4];
    // A loop, not four lines: with its sines, a derivative is so much code that four would not fit into the cache.
    for (time, weight) in [(0.0, 1.0), (TIME_STEP / 2.0, 2.0), (TIME_STEP / 2.0, 2.0), (TIME_STEP, 1.0)] {
        slope = derivative::<N, FMA>(&onward(&start, &slope, time), &torques);
        sum = onward(&sum, &slope, weight);
    }
    let [theta1, theta2, theta1_dot, theta2_dot] = onward(&start, &sum, TIME_STEP / 6.0);
    let [fastest1, fastest2] = MAX_SPEEDS;
    [wrapped(theta1), wrapped(theta2), clamped(theta1_dot, fastest1), clamped(theta2_dot, fastest2)]
}

/// `start + time * slope`.
// No loop over the columns: that would be vectorised, across them, instead of the one over the lanes.
#[inline(always)]
fn onward<const N: usize>(start: &Columns<N>, slope: &Columns<N>, time: f64) -> Columns<N> {
    let column = |k: usize| {
        let mut end = [0.0; N];
        for i in 0..N {
            end[i] = start[k][i] + time * slope[k][i];
        }
        end
    };
    [column(0), column(1), column(2), column(3)]
}

/// How fast angles and velocities change.
#[inline(always)]
fn derivative<const N: usize, const FMA: bool>(state: &Columns<N>, torques: &[f64; N]) -> Columns<N> {
    let [theta1, theta2, theta1_dot, theta2_dot] = state;
    let (mut angle1, mut angle12) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        angle1[i] = theta1[i] - FRAC_PI_2;
        angle12[i] = theta1[i] + theta2[i] - FRAC_PI_2;
    }
    let ([[sin2, cos2]], [cos1, cos12]) = sines::<N, FMA, _, _>([theta2], [&angle1, &angle12]);
    let (mut theta1_acc, mut theta2_acc) = ([0.0; N], [0.0; N]);
    for i in 0..N {
        let velocities = [theta1_dot[i], theta2_dot[i]];
        [theta1_acc[i], theta2_acc[i]] = accelerations(velocities, torques[i], [sin2[i], cos2[i], cos1[i], cos12[i]]);
    }
    [*theta1_dot, *theta2_dot, theta1_acc, theta2_acc]
}

/// The angular accelerations, given sine and cosine of the second angle and the cosines of the first, and of both
/// together, less π/2.
#[inline(always)]
fn accelerations([theta1_dot, theta2_dot]: [f64; 2], torque: f64, [sin2, cos2, cos1, cos12]: [f64; 4]) -> [f64; 2] {
    // Names as in the book.
    let d1 = CENTER * CENTER + (1.0 + CENTER * CENTER + cos2) + INERTIA + INERTIA;
    let d2 = CENTER * CENTER + CENTER * cos2 + INERTIA;
    let phi2 = CENTER * GRAVITY * cos12;
    let phi1 = -CENTER * (theta2_dot * theta2_dot) * sin2 - theta2_dot * theta1_dot * sin2
        + (CENTER + 1.0) * GRAVITY * cos1
        + phi2;
    let theta2_acc = (torque + d2 / d1 * phi1 - CENTER * (theta1_dot * theta1_dot) * sin2 - phi2)
        / (CENTER * CENTER + INERTIA - d2 * d2 / d1);
    let theta1_acc = -(d2 * theta2_acc + phi1) / d1;
    [theta1_acc, theta2_acc]
}

/// The same angles from -π to π, by whole turns one at a time: the rounding of each is part of the result.
#[inline(always)]
fn wrapped<const N: usize>(mut angles: [f64; N]) -> [f64; N] {
    loop {
        let mut is_outside = false;
        for angle in &mut angles {
            is_outside |= angle.abs() > PI;
            let turn = if *angle > PI { -TAU } else { TAU };
            *angle = if angle.abs() > PI { *angle + turn } else { *angle };
        }
        if !is_outside {
            return angles;
        }
    }
}

#[inline(always)]
fn clamped<const N: usize>(mut speeds: [f64; N], fastest: f64) -> [f64; N] {
    for speed in &mut speeds {
        *speed = speed.clamp(-fastest, fastest);
    }
    speeds
}
