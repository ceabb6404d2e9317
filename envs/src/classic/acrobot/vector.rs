//! Eight Acrobots at once.

use super::dynamics::{after, is_above};
use super::{Acrobot, AcrobotState};
use crate::Generator;
use crate::classic::sine::sines;
use crate::vector::{Native, Outcome, lanes, narrow, rows};

const LANES: usize = 8;

lanes!(AcrobotLanes of 8 AcrobotState { theta1: f64, theta2: f64, theta1_dot: f64, theta2_dot: f64 });

impl Native<LANES> for Acrobot {
    type State = AcrobotState;
    type Lanes = AcrobotLanes;
    type Action = i32;
    type Observation = [f32; 6];

    fn state(&self) -> AcrobotState {
        self.state
    }

    fn set_state(&mut self, state: AcrobotState) {
        self.state = state;
    }

    #[inline]
    fn start(&self, rng: &mut Generator) -> AcrobotState {
        AcrobotState::random(rng)
    }

    #[inline]
    fn observe(state: &AcrobotState) -> [f32; 6] {
        state.observation()
    }

    #[inline(always)]
    fn step_lanes<const FMA: bool>(
        &self,
        states: &mut AcrobotLanes,
        actions: &[i32; LANES],
        _rngs: &mut [Generator],
        out: Outcome<'_, [f32; 6], LANES>,
    ) {
        let AcrobotLanes { theta1, theta2, theta1_dot, theta2_dot } = states;
        [*theta1, *theta2, *theta1_dot, *theta2_dot] =
            after::<LANES, FMA>([*theta1, *theta2, *theta1_dot, *theta2_dot], actions);
        let mut both = [0.0; LANES];
        for lane in 0..LANES {
            both[lane] = theta2[lane] + theta1[lane];
        }
        let ([[sin1, cos1], [sin2, cos2]], [cos12]) = sines::<LANES, FMA, _, _>([theta1, theta2], [&both]);
        for lane in 0..LANES {
            out.terminated[lane] = is_above(cos1[lane], cos12[lane]);
        }
        for lane in 0..LANES {
            out.rewards[lane] = if out.terminated[lane] { 0.0 } else { -1.0 };
        }
        let columns = [&cos1, &sin1, &cos2, &sin2, theta1_dot, theta2_dot];
        let mut narrowed = [[0.0; LANES]; 6];
        for i in 0..6 {
            narrowed[i] = narrow(columns[i]);
        }
        *out.observations = rows(&narrowed);
    }
}
