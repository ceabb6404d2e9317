//! Many Taxis at once.

use super::Taxi;
use super::{State, dynamics};
use crate::Generator;
use crate::toy_text::tabular::Position;
use crate::vector::{Native, Outcome};

const LANES: usize = 8;

impl Native<LANES> for Taxi {
    type State = State;
    type Lanes = [State; LANES];
    type Action = i32;
    type Observation = [i32; 1];

    fn state(&self) -> State {
        self.state
    }

    fn set_state(&mut self, state: State) {
        self.state = state;
    }

    #[inline]
    fn start(&self, rng: &mut Generator) -> State {
        let position = Position::start(dynamics::random_start(rng));
        let is_fickle = self.config.fickle_passenger && rng.random() < self.config.fickle_probability.get();
        State { position, is_fickle }
    }

    #[inline]
    fn observe(state: &State) -> [i32; 1] {
        [state.position.state]
    }

    #[inline(always)]
    fn step_lanes<const FMA: bool>(
        &self,
        states: &mut [State; LANES],
        actions: &[i32; LANES],
        rngs: &mut [Generator],
        out: Outcome<'_, [i32; 1], LANES>,
    ) {
        for (lane, rng) in rngs.iter_mut().enumerate() {
            let (state, action) = (&mut states[lane], actions[lane] as usize);
            let step = self.config.step(state, action, rng);
            out.observations[lane] = Self::observe(state);
            out.rewards[lane] = step.reward as f32;
            out.terminated[lane] = step.terminated;
        }
    }
}
