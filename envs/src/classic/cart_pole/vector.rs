//! Eight CartPoles at once.

use super::CartPole;
use super::dynamics::{ANGLE_LIMIT, CartPoleState};
use crate::Generator;
use crate::vector::{Lanes, Native, Outcome, lanes, narrow, rows};

const LANES: usize = 8;

lanes!(CartPoleLanes of 8 CartPoleState { x: f64, x_dot: f64, theta: f64, theta_dot: f64 });

impl Native<LANES> for CartPole {
    type State = CartPoleState;
    type Lanes = CartPoleLanes;
    type Action = i32;
    type Observation = [f32; 4];

    fn state(&self) -> CartPoleState {
        self.state
    }

    fn set_state(&mut self, state: CartPoleState) {
        self.state = state;
    }

    #[inline]
    fn start(&self, rng: &mut Generator) -> CartPoleState {
        CartPoleState::random(rng)
    }

    #[inline]
    fn observe(state: &CartPoleState) -> [f32; 4] {
        state.observation()
    }

    /// Steps rely on it: see [`CartPoleState::after_within_limits`].
    fn is_within_episode(state: &CartPoleState) -> bool {
        state.theta.abs() <= ANGLE_LIMIT
    }

    #[inline(always)]
    fn step_lanes<const FMA: bool>(
        &self,
        states: &mut CartPoleLanes,
        actions: &[i32; LANES],
        _rngs: &mut [Generator],
        out: Outcome<'_, [f32; 4], LANES>,
    ) {
        let [before, last] = self.rewards;
        // One loop for each width of number: a loop over several vectorises badly.
        for (lane, &action) in actions.iter().enumerate() {
            states.set(lane, states.get(lane).after_within_limits(action));
        }
        *out.observations =
            rows(&[narrow(&states.x), narrow(&states.x_dot), narrow(&states.theta), narrow(&states.theta_dot)]);
        for lane in 0..LANES {
            out.terminated[lane] = states.get(lane).is_terminal();
        }
        for lane in 0..LANES {
            out.rewards[lane] = if out.terminated[lane] { last } else { before };
        }
    }
}
