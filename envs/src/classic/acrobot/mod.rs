//! Acrobot: swing the tip of two hanging links above a bar, by turning the joint between them.
//!
//! The system of Sutton, "Generalization in reinforcement learning" (1996), in the form of Sutton and Barto's book,
//! as Gymnasium 1.4 computes it.
//!
//! | | |
//! |---|---|
//! | Action | `Discrete(3)`: torque of -1, 0 or 1 N m on the joint between the links, for 0.2 s |
//! | Observation | f32 \[6\]: cosine and sine of the first link's angle from hanging, the same of the second link's angle from the first, both angular velocities (rad/s); the state itself is f64 |
//! | Observation bounds | ±1 four times, ±4π, ±9π |
//! | Reward | -1 for every step, 0 for a terminating one |
//! | Start | all four uniform in \[-0.1, 0.1), rounded to f32 |
//! | Terminated | the tip is more than 1 m above the fixed end: -cos θ1 - cos(θ1 + θ2) > 1 |
//! | Truncated | after 500 steps |
//! | Solved | mean return of -100 |

mod dynamics;
mod scene;
mod vector;

pub use dynamics::AcrobotState;
use std::f64::consts::PI;

use serde::Deserialize;

use crate::state_variable::numbers;
use crate::vector::NativeVector;
use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Key, KeyBindings, Result, RowMut, Scene, Space, StateVariable, Step,
};

/// Two links, the upper one hanging from a bar; see the module's table in the source, or `Acrobot-v1` in
/// Gymnasium's documentation.
#[derive(Clone, Debug, Default)]
pub struct Acrobot {
    state: AcrobotState,
}

/// It has no keyword arguments.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NoConfig {}

impl Acrobot {
    /// Both links hanging at rest, until it is reset.
    pub fn new() -> Self {
        Self::default()
    }

    /// The exact state, which the observation shows rounded to f32.
    pub fn state(&self) -> AcrobotState {
        self.state
    }

    fn take_up(&mut self, state: AcrobotState) -> Result<()> {
        if !state.is_within_limits() {
            return Err(EnvError::bad_state("an angle or velocity is out of bounds"));
        }
        self.state = state;
        Ok(())
    }
}

impl Env for Acrobot {
    fn observation_space(&self) -> Space {
        let [first, second] = dynamics::MAX_SPEEDS.map(|speed| speed as f32);
        let high = vec![1.0, 1.0, 1.0, 1.0, first, second];
        Space::box_f32(high.iter().map(|x| -x).collect(), high)
    }

    fn action_space(&self) -> Space {
        Space::discrete(3)
    }

    #[inline]
    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.state = AcrobotState::random(rng);
        observation.write(&self.state.observation());
        Ok(())
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let Action::Discrete(action @ 0..=2) = action else {
            return Err(EnvError::invalid_action(action, "0 (torque -1), 1 (none) or 2 (torque 1)"));
        };
        self.state = self.state.after(action);
        observation.write(&self.state.observation());
        let terminated = self.state.is_terminal();
        Ok(Step { reward: if terminated { 0.0 } else { -1.0 }, terminated, truncated: false })
    }

    fn observation_names(&self) -> &[&str] {
        &["cos θ1", "sin θ1", "cos θ2", "sin θ2", "θ1 velocity", "θ2 velocity"]
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(&self.state, scene);
    }

    /// Twice its own speed: five states a second are a slide show.
    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::real_time(10, 1).key(Key::Left, 0, "turn left").key(Key::Right, 2, "turn right").key(
            Key::Down,
            1,
            "let it swing",
        )
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        let AcrobotState { theta1, theta2, theta1_dot, theta2_dot } = self.state;
        let [first, second] = dynamics::MAX_SPEEDS;
        vec![
            StateVariable::new("θ1", theta1, -PI..=PI),
            StateVariable::new("θ2", theta2, -PI..=PI),
            StateVariable::new("θ1 velocity", theta1_dot, -first..=first),
            StateVariable::new("θ2 velocity", theta2_dot, -second..=second),
        ]
    }

    fn set_state_variables(&mut self, values: &[f64], mut observation: RowMut<'_>) -> Result<()> {
        let [theta1, theta2, theta1_dot, theta2_dot] = numbers(values)?;
        self.take_up(AcrobotState { theta1, theta2, theta1_dot, theta2_dot })?;
        observation.write(&self.state.observation());
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.state).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.take_up(postcard::from_bytes(state).map_err(EnvError::bad_state)?)
    }
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("Acrobot-v1", "Swing two links above a bar", |NoConfig {}| Ok(Acrobot::new()))
        .batch(|NoConfig {}, n, limit| NativeVector::new(Acrobot::new(), n, limit))
        .max_episode_steps(500)
        .reward_threshold(-100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_out_of_bounds_is_not_restored() {
        let mut env = Acrobot::new();
        for theta1 in [1e30, f64::NAN] {
            let saved = postcard::to_stdvec(&AcrobotState { theta1, ..AcrobotState::default() }).unwrap();
            assert!(matches!(env.restore(&saved), Err(EnvError::BadState { .. })), "{theta1}");
        }
    }
}
