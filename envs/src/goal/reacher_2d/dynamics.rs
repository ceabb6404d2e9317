//! How the arm moves.

use std::f64::consts::{PI, TAU};

use serde::{Deserialize, Serialize};

use crate::Generator;

/// The greatest speed of a joint, in rad/s.
pub(super) const MAX_SPEED: f64 = 2.0;
/// Length of each link, in metres.
pub(super) const LINK: f64 = 0.5;

/// Seconds between states.
const TIME_STEP: f64 = 0.05;
/// The part of the gap to the speed asked for that a motor closes within a step.
const RESPONSE: f64 = 0.5;
/// How far goals are from the shoulder, at least and at most, in metres: not where the arm is folded or stretched out,
/// which it reaches in one way only.
const GOAL_RADII: [f64; 2] = [0.2, 0.95];

/// Reacher2D's exact state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reacher2DState {
    /// Of the shoulder from the x axis and of the elbow from the upper arm, counterclockwise, in \[-π, π\].
    pub angles: [f64; 2],
    /// Of both joints, in rad/s.
    pub velocities: [f64; 2],
    /// Where the tip should be, in metres from the shoulder.
    pub goal: [f64; 2],
}

impl Reacher2DState {
    /// Where an episode starts: five draws.
    pub(super) fn random(rng: &mut Generator) -> Self {
        let angles = [rng.uniform(-PI, PI), rng.uniform(-PI, PI)];
        let [near, far] = GOAL_RADII;
        // Uniform over the area of the ring.
        let radius = rng.uniform(near * near, far * far).sqrt();
        let (sin, cos) = rng.uniform(-PI, PI).sin_cos();
        Self { angles, velocities: [0.0; 2], goal: [radius * cos, radius * sin] }
    }

    /// The state one time step after these speeds were asked for.
    #[inline]
    pub(super) fn after(self, speeds: [f32; 2]) -> Self {
        let mut next = self;
        for ((speed, velocity), angle) in speeds.iter().zip(&mut next.velocities).zip(&mut next.angles) {
            let wanted = MAX_SPEED * f64::from(speed.clamp(-1.0, 1.0));
            *velocity += RESPONSE * (wanted - *velocity);
            *angle = wrapped(*angle + TIME_STEP * *velocity);
        }
        next
    }

    /// Where the elbow is.
    pub(super) fn elbow(self) -> [f64; 2] {
        let (sin, cos) = self.angles[0].sin_cos();
        [LINK * cos, LINK * sin]
    }

    /// Where the tip is.
    pub(super) fn tip(self) -> [f64; 2] {
        let [x, y] = self.elbow();
        let (sin, cos) = (self.angles[0] + self.angles[1]).sin_cos();
        [x + LINK * cos, y + LINK * sin]
    }

    /// The tip rounded to f32.
    pub(super) fn observed_tip(self) -> [f32; 2] {
        // A stretched arm's length may round to more than 1.
        self.tip().map(|x| (x as f32).clamp(-1.0, 1.0))
    }

    /// The goal rounded to f32.
    pub(super) fn observed_goal(self) -> [f32; 2] {
        self.goal.map(|x| x as f32)
    }

    /// Cosine and sine of each angle, and the velocities, rounded to f32.
    pub(super) fn observed_joints(self) -> [f32; 6] {
        let [(sin1, cos1), (sin2, cos2)] = self.angles.map(f64::sin_cos);
        let [omega1, omega2] = self.velocities;
        [cos1, sin1, cos2, sin2, omega1, omega2].map(|x| x as f32)
    }

    /// Whether it can be reached, for a state that was read.
    pub(super) fn is_within_limits(self) -> bool {
        let within = |numbers: [f64; 2], limit: f64| numbers.iter().all(|x| x.abs() <= limit);
        within(self.angles, PI) && within(self.velocities, MAX_SPEED) && within(self.goal, 1.0)
    }
}

/// The same angle in \[-π, π\], of one that is at most a turn outside.
fn wrapped(angle: f64) -> f64 {
    if angle > PI {
        angle - TAU
    } else if angle < -PI {
        angle + TAU
    } else {
        angle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joints_come_to_the_speed_asked_for_and_turn_around() {
        let mut state = Reacher2DState::default();
        for _ in 0..100 {
            state = state.after([5.0, -0.5]);
            assert!(state.is_within_limits(), "{state:?}");
        }
        assert!((state.velocities[0] - 2.0).abs() < 1e-12 && (state.velocities[1] + 1.0).abs() < 1e-12);
        // 0.1 rad a step, but for the lag: 1/2 + 1/4 + ... of a step. That is once around and more.
        let turned = 100.0 * 0.1 - 0.1;
        assert!((state.angles[0] - (turned - 2.0 * TAU)).abs() < 1e-9, "{state:?}");
    }

    #[test]
    fn the_tip_is_where_the_links_lead() {
        let state = Reacher2DState { angles: [PI / 2.0, -PI / 2.0], ..Reacher2DState::default() };
        let [x, y] = state.tip();
        assert!((x - 0.5).abs() < 1e-12 && (y - 0.5).abs() < 1e-12, "{x}, {y}");
    }

    #[test]
    fn goals_fill_the_ring() {
        let mut rng = Generator::new(0);
        let radii: Vec<f64> =
            (0..2000).map(|_| Reacher2DState::random(&mut rng).goal).map(|[x, y]| x.hypot(y)).collect();
        assert!(radii.iter().all(|r| (0.2..0.95 + 1e-9).contains(r)));
        // Half of the ring's area lies beyond sqrt((0.2² + 0.95²) / 2) = 0.6865.
        let far = radii.iter().filter(|r| **r > 0.6865).count();
        assert!((930..1070).contains(&far), "{far} of 2000");
    }
}
