//! Eight MountainCars at once.

#![allow(clippy::needless_range_loop, reason = "lanes of several arrays at once: loops over their index vectorise")]

use super::{MountainCar, MountainCarState};
use crate::Generator;
use crate::classic::sine;
use crate::vector::{Lanes, Native, Outcome, lanes, narrow, rows};

const LANES: usize = 8;

lanes!(MountainCarLanes of 8 MountainCarState { position: f64, velocity: f64 });

impl Native<LANES> for MountainCar {
    type State = MountainCarState;
    type Lanes = MountainCarLanes;
    type Action = i32;
    type Observation = [f32; 2];

    fn state(&self) -> MountainCarState {
        self.state
    }

    fn set_state(&mut self, state: MountainCarState) {
        self.state = state;
    }

    #[inline]
    fn start(&self, rng: &mut Generator) -> MountainCarState {
        MountainCarState::random(rng)
    }

    #[inline]
    fn observe(state: &MountainCarState) -> [f32; 2] {
        state.observation()
    }

    #[inline(always)]
    fn step_lanes<const FMA: bool>(
        &self,
        states: &mut MountainCarLanes,
        actions: &[i32; LANES],
        _rngs: &mut [Generator],
        out: Outcome<'_, [f32; 2], LANES>,
    ) {
        let mut angles = [0.0; LANES];
        for lane in 0..LANES {
            angles[lane] = 3.0 * states.position[lane];
        }
        let ([], [slopes]) = sine::sines::<LANES, FMA, _, _>([], [&angles]);
        for lane in 0..LANES {
            states.set(lane, states.get(lane).after(actions[lane], slopes[lane]));
        }
        for lane in 0..LANES {
            out.terminated[lane] = states.get(lane).is_terminal(self.config.goal_velocity);
        }
        *out.rewards = [-1.0; LANES];
        *out.observations = rows(&[narrow(&states.position), narrow(&states.velocity)]);
    }
}
