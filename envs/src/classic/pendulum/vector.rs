//! Eight Pendulums at once.

#![allow(clippy::needless_range_loop, reason = "lanes of several arrays at once: loops over their index vectorise")]

use super::dynamics::{MAX_TORQUE, TURN};
use super::{Pendulum, PendulumState};
use crate::Generator;
use crate::classic::sine;
use crate::vector::{Lanes, Native, Outcome, lanes, narrow, rows};

/// A state with what the next step and a picture need beside it.
#[derive(Clone, Copy)]
pub(crate) struct SwingState {
    theta: f64,
    theta_dot: f64,
    /// Of the angle: what the observation shows of it in f32 is needed again in the next step.
    sin: f64,
    /// See [`Pendulum::torque`].
    torque: f32,
}

const LANES: usize = 8;

lanes!(SwingLanes of 8 SwingState { theta: f64, theta_dot: f64, sin: f64, torque: f32 });

impl SwingState {
    fn new(PendulumState { theta, theta_dot }: PendulumState, torque: f32) -> Self {
        Self { theta, theta_dot, sin: theta.sin(), torque }
    }

    #[inline(always)]
    fn plain(self) -> PendulumState {
        PendulumState { theta: self.theta, theta_dot: self.theta_dot }
    }
}

impl Native<LANES> for Pendulum {
    type State = SwingState;
    type Lanes = SwingLanes;
    type Action = f32;
    type Observation = [f32; 3];

    fn state(&self) -> SwingState {
        SwingState::new(self.state, self.torque)
    }

    fn set_state(&mut self, state: SwingState) {
        (self.state, self.torque) = (state.plain(), state.torque);
    }

    #[inline]
    fn start(&self, rng: &mut Generator) -> SwingState {
        SwingState::new(PendulumState::random(rng), 0.0)
    }

    #[inline]
    fn observe(state: &SwingState) -> [f32; 3] {
        state.plain().observation()
    }

    /// The angles that [`rem_euclid_turn`] is exact for.
    fn is_within_episode(state: &SwingState) -> bool {
        state.theta.abs() < 1e12
    }

    #[inline(always)]
    fn step_lanes<const FMA: bool>(
        &self,
        states: &mut SwingLanes,
        actions: &[f32; LANES],
        _rngs: &mut [Generator],
        out: Outcome<'_, [f32; 3], LANES>,
    ) {
        for lane in 0..LANES {
            states.torque[lane] = actions[lane].clamp(-MAX_TORQUE, MAX_TORQUE);
        }
        let mut turned = [0.0; LANES];
        for lane in 0..LANES {
            turned[lane] = states.get(lane).plain().turned();
        }
        let within_turn = within_turn::<FMA>(&turned);
        for lane in 0..LANES {
            let state = states.get(lane);
            out.rewards[lane] = -state.plain().cost(within_turn[lane], state.torque) as f32;
            let after = state.plain().after(state.sin, state.torque, self.config.g);
            states.theta[lane] = after.theta;
            states.theta_dot[lane] = after.theta_dot;
        }
        let ([[sines, cosines]], []) = sine::sines::<LANES, FMA, _, _>([&states.theta], []);
        states.sin = sines;
        *out.observations = rows(&[narrow(&cosines), narrow(&sines), narrow(&states.theta_dot)]);
    }
}

/// `rem_euclid(TURN)` of each angle.
#[inline(always)]
fn within_turn<const FMA: bool>(angles: &[f64; LANES]) -> [f64; LANES] {
    let mut within = [0.0; LANES];
    for lane in 0..LANES {
        within[lane] = if FMA { rem_euclid_turn(angles[lane]) } else { angles[lane].rem_euclid(TURN) };
    }
    within
}

/// `rem_euclid(TURN)` for less than 2^40 turns.
///
/// The remainder after whole turns is a float, so that a fused multiplication finds it exactly; it also tells
/// where the number of turns was rounded up or down past a whole one.
#[inline(always)]
fn rem_euclid_turn(angle: f64) -> f64 {
    let size = angle.abs();
    let turns = (size * (1.0 / TURN)).trunc();
    let rest = (-turns).mul_add(TURN, size);
    let turns = turns + if rest >= TURN { 1.0 } else { 0.0 } - if rest < 0.0 { 1.0 } else { 0.0 };
    let rest = (-turns).mul_add(TURN, size).copysign(angle);
    if rest < 0.0 { rest + TURN } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_are_exact() {
        let mut rng = Generator::new(0);
        let near = (-3000..3000).map(|turns| f64::from(turns) * TURN).flat_map(|x| [x.next_down(), x, x.next_up()]);
        let random = (0..300_000).map(|i| rng.uniform(-1.0, 1.0) * [4.0, 100.0, 1e6, 1e12][i % 4]);
        for angle in near.chain(random).chain([0.0, -0.0, 1e-320, -1e-9, 1e12]) {
            assert_eq!(rem_euclid_turn(angle).to_bits(), angle.rem_euclid(TURN).to_bits(), "{angle:?}");
        }
    }
}
