//! Many FrozenLakes at once.

use super::FrozenLake;
use super::dynamics;
use crate::Generator;
use crate::toy_text::tabular::Position;
use crate::vector::{Native, Outcome};

const LANES: usize = 8;

impl Native<LANES> for FrozenLake {
    type State = Position;
    type Lanes = [Position; LANES];
    type Action = i32;
    type Observation = [i32; 1];

    fn state(&self) -> Position {
        self.position
    }

    fn set_state(&mut self, state: Position) {
        self.position = state;
    }

    #[inline]
    fn start(&self, rng: &mut Generator) -> Position {
        Position::start(self.map.random_start(rng))
    }

    #[inline]
    fn observe(state: &Position) -> [i32; 1] {
        [state.state]
    }

    #[inline(always)]
    fn step_lanes<const FMA: bool>(
        &self,
        states: &mut [Position; LANES],
        actions: &[i32; LANES],
        rngs: &mut [Generator],
        out: Outcome<'_, [i32; 1], LANES>,
    ) {
        for (lane, rng) in rngs.iter_mut().enumerate() {
            let (state, action) = (&mut states[lane], actions[lane] as usize);
            let transition = dynamics::transition(&self.map, &self.config, state.state, action, rng);
            let step = state.follow(transition);
            out.observations[lane] = Self::observe(state);
            out.rewards[lane] = step.reward as f32;
            out.terminated[lane] = step.terminated;
        }
    }
}
