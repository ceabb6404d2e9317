//! Many games of Blackjack at once.

use super::{Blackjack, State};
use crate::Generator;
use crate::vector::{Native, Outcome};

const LANES: usize = 8;

impl Native<LANES> for Blackjack {
    type State = State;
    type Lanes = [State; LANES];
    type Action = i32;
    type Observation = [i32; 3];

    fn state(&self) -> State {
        self.state
    }

    fn set_state(&mut self, state: State) {
        self.state = state;
    }

    #[inline]
    fn start(&self, rng: &mut Generator) -> State {
        State::dealt(rng)
    }

    #[inline]
    fn observe(state: &State) -> [i32; 3] {
        state.observation()
    }

    fn is_within_episode(state: &State) -> bool {
        !state.is_over && !state.player.is_bust()
    }

    #[inline(always)]
    fn step_lanes<const FMA: bool>(
        &self,
        states: &mut [State; LANES],
        actions: &[i32; LANES],
        rngs: &mut [Generator],
        out: Outcome<'_, [i32; 3], LANES>,
    ) {
        for (lane, rng) in rngs.iter_mut().enumerate() {
            let (reward, terminated) = states[lane].step(actions[lane] == 1, self.config, rng);
            out.observations[lane] = Self::observe(&states[lane]);
            out.rewards[lane] = reward as f32;
            out.terminated[lane] = terminated;
        }
    }
}
