//! Sixteen Acrobots at once.

use super::dynamics::after;
use super::{Acrobot, AcrobotState};
use crate::Generator;
use crate::classic::sine::narrow_sines;
use crate::vector::{Lanes, Native, Outcome, lanes, narrow, rows};

const LANES: usize = 16;

lanes!(AcrobotLanes of 16 AcrobotState { theta1: f64, theta2: f64, theta1_dot: f64, theta2_dot: f64 });

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
        rngs: &mut [Generator],
        out: Outcome<'_, [f32; 6], LANES>,
    ) {
        // A whole chunk takes less time for each than half a one, but not half of the time.
        if rngs.len() > LANES / 2 {
            step_first::<LANES, FMA>(states, actions, out);
        } else {
            step_first::<{ LANES / 2 }, FMA>(states, actions, out);
        }
    }
}

/// One step of the first `N`.
#[inline(always)]
fn step_first<const N: usize, const FMA: bool>(
    states: &mut AcrobotLanes,
    actions: &[i32; LANES],
    out: Outcome<'_, [f32; 6], LANES>,
) {
    let columns = [&mut states.theta1, &mut states.theta2, &mut states.theta1_dot, &mut states.theta2_dot];
    let [theta1, theta2, theta1_dot, theta2_dot] = columns.map(|column| &mut column.as_chunks_mut::<N>().0[0]);
    let actions = &actions.as_chunks().0[0];
    [*theta1, *theta2, *theta1_dot, *theta2_dot] =
        after::<N, FMA>([*theta1, *theta2, *theta1_dot, *theta2_dot], actions);
    let [[sin1, cos1], [sin2, cos2]] = narrow_sines::<N, FMA, _>([theta1, theta2]);
    let columns = [cos1, sin1, cos2, sin2, narrow(theta1_dot), narrow(theta2_dot)];
    out.observations.as_chunks_mut().0[0] = rows(&columns);
    // These tell on which side of the bar the tip is, but for where it is close.
    let mut is_close = false;
    for lane in 0..N {
        let height = -cos1[lane] - (cos1[lane] * cos2[lane] - sin1[lane] * sin2[lane]);
        out.terminated[lane] = height > 1.0;
        is_close |= (height - 1.0).abs() < 1e-5;
    }
    if is_close {
        for lane in 0..N {
            out.terminated[lane] = states.get(lane).is_terminal();
        }
    }
    for lane in 0..N {
        out.rewards[lane] = if out.terminated[lane] { 0.0 } else { -1.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a batch is told that its environments' episodes terminated.
    fn ends(states: [AcrobotState; 2]) -> [bool; 2] {
        let mut lanes = AcrobotLanes::default();
        states.into_iter().enumerate().for_each(|(lane, state)| lanes.set(lane, state));
        let (mut observations, mut rewards) = ([[0.0; 6]; LANES], [0.0; LANES]);
        let mut terminated = [false; LANES];
        let out = Outcome { observations: &mut observations, rewards: &mut rewards, terminated: &mut terminated };
        let mut rngs = [Generator::new(0), Generator::new(1)];
        Acrobot::new().step_lanes::<true>(&mut lanes, &[1; LANES], &mut rngs, out);
        [terminated[0], terminated[1]]
    }

    #[test]
    fn where_the_tip_is_at_the_bar_the_last_bit_decides() {
        let state = |theta1| AcrobotState { theta1, theta2: 0.1, ..AcrobotState::default() };
        let (mut below, mut above) = (1.0_f64, 3.0_f64);
        while below.next_up() < above {
            let middle = f64::midpoint(below, above);
            if state(middle).after(1).is_terminal() {
                above = middle;
            } else {
                below = middle;
            }
        }
        assert_eq!(ends([state(below), state(above)]), [false, true]);
    }
}
