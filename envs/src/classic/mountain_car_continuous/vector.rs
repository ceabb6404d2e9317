//! Eight MountainCarContinuous at once.

#![allow(clippy::needless_range_loop, reason = "lanes of several arrays at once: loops over their index vectorise")]

use super::dynamics::{self, after_reset, after_step};
use super::{MountainCarContinuous, MountainCarContinuousState};
use crate::Generator;
use crate::classic::sine;
use crate::vector::{Lanes, Native, Outcome, lanes, rows};

/// A state whose numbers are f64 whether or not they are f32 in truth.
#[derive(Clone, Copy)]
pub(crate) struct WideState {
    position: f64,
    velocity: f64,
    /// Whether no step was taken yet.
    is_reset: bool,
}

const LANES: usize = 8;

lanes!(WideLanes of 8 WideState { position: f64, velocity: f64, is_reset: bool });

impl Native<LANES> for MountainCarContinuous {
    type State = WideState;
    type Lanes = WideLanes;
    type Action = f32;
    type Observation = [f32; 2];

    fn state(&self) -> WideState {
        let is_reset = matches!(self.state, MountainCarContinuousState::Reset(_));
        WideState { position: self.state.position(), velocity: self.state.velocity(), is_reset }
    }

    fn set_state(&mut self, WideState { position, velocity, is_reset }: WideState) {
        self.state = if is_reset {
            MountainCarContinuousState::Reset([position, velocity])
        } else {
            MountainCarContinuousState::Stepped([position as f32, velocity as f32])
        };
    }

    #[inline]
    fn start(&self, rng: &mut Generator) -> WideState {
        let start = MountainCarContinuousState::random(rng);
        WideState { position: start.position(), velocity: start.velocity(), is_reset: true }
    }

    #[inline]
    fn observe(state: &WideState) -> [f32; 2] {
        [state.position as f32, state.velocity as f32]
    }

    #[inline(always)]
    fn step_lanes<const FMA: bool>(
        &self,
        states: &mut WideLanes,
        actions: &[f32; LANES],
        _rngs: &mut [Generator],
        out: Outcome<'_, [f32; 2], LANES>,
    ) {
        let mut angles = [0.0; LANES];
        for lane in 0..LANES {
            let WideState { position, is_reset, .. } = states.get(lane);
            angles[lane] = if is_reset { 3.0 * position } else { (3.0 * position as f32).into() };
        }
        let ([], [slopes]) = sine::sines::<LANES, FMA, _, _>([], [&angles]);
        let goal = self.config.goal_velocity;
        let (mut positions, mut velocities) = ([0.0; LANES], [0.0; LANES]);
        // Both ways for every lane, and then a choice, so that it vectorises.
        for lane in 0..LANES {
            let WideState { position, velocity, is_reset } = states.get(lane);
            let push = dynamics::push(actions[lane], slopes[lane]);
            let (first, first_ends) = after_reset([position, velocity], push, goal);
            let (other, other_ends) = after_step([position as f32, velocity as f32], push, goal);
            positions[lane] = if is_reset { first[0] } else { other[0] };
            velocities[lane] = if is_reset { first[1] } else { other[1] };
            out.terminated[lane] = (is_reset & first_ends) | (!is_reset & other_ends);
        }
        for lane in 0..LANES {
            out.rewards[lane] = dynamics::reward(actions[lane], out.terminated[lane]) as f32;
        }
        for lane in 0..LANES {
            states.position[lane] = positions[lane].into();
            states.velocity[lane] = velocities[lane].into();
        }
        states.is_reset = [false; LANES];
        *out.observations = rows(&[positions, velocities]);
    }
}
