//! MountainCarContinuous: MountainCar with a throttle, paid for by the effort.
//!
//! As Gymnasium 1.4 computes it.
//!
//! | | |
//! |---|---|
//! | Action | `Box(-1, 1, (1,))`: throttle, to the right if positive; clipped to the bounds and times 0.0015 |
//! | Observation | f32 \[2\]: position, velocity; the state itself is f64 after a reset and f32 after a step |
//! | Observation bounds | \[-1.2, 0.6\], ±0.07 |
//! | Reward | -0.1 throttle², of the throttle before clipping; 100 more for a terminating step |
//! | Start | position uniform in \[-0.6, -0.4), at rest |
//! | Terminated | position at least 0.45 and velocity at least `goal_velocity` |
//! | Truncated | after 999 steps |
//! | Solved | mean return of 90 |
//!
//! The wall at the left stops the car; at the right the position is held at 0.6 and the velocity kept.

mod dynamics;
mod vector;

pub use dynamics::MountainCarContinuousState;
use serde::{Deserialize, Serialize};

use super::mountain_car::{observation_space, scene, state_variables};
use crate::saved_state::saved_state;
use crate::state_variable::numbers;
use crate::vector::NativeVector;
use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Key, KeyBindings, Result, RowMut, Scene, Space, StateVariable, Step,
};

/// MountainCarContinuous's keyword arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MountainCarContinuousConfig {
    /// The least velocity with which the flag counts as reached.
    pub goal_velocity: f64,
}

/// A car with a throttle in a valley; see the module's table in the source, or `MountainCarContinuous-v0` in
/// Gymnasium's documentation.
#[derive(Clone, Debug, Default)]
pub struct MountainCarContinuous {
    config: MountainCarContinuousConfig,
    state: MountainCarContinuousState,
}

impl MountainCarContinuous {
    /// A car at rest at position 0, until it is reset.
    pub fn new(config: MountainCarContinuousConfig) -> Self {
        Self { config, state: MountainCarContinuousState::default() }
    }

    /// The exact state, of which the observation is the f32 image.
    pub fn state(&self) -> MountainCarContinuousState {
        self.state
    }
}

impl Env for MountainCarContinuous {
    fn observation_space(&self) -> Space {
        observation_space()
    }

    fn action_space(&self) -> Space {
        Space::box_f32(vec![-1.0], vec![1.0])
    }

    #[inline]
    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.state = MountainCarContinuousState::random(rng);
        observation.write(&self.state.observation());
        Ok(())
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let throttle = match action {
            Action::Continuous(&[throttle]) if !throttle.is_nan() => throttle,
            _ => return Err(EnvError::invalid_action(action, "one throttle, from -1 to 1")),
        };
        let slope = self.state.slope_angle().cos();
        let (state, terminated) = self.state.after(throttle, slope, self.config.goal_velocity);
        self.state = state;
        observation.write(&state.observation());
        Ok(Step { reward: dynamics::reward(throttle, terminated), terminated, truncated: false })
    }

    fn observation_names(&self) -> &[&str] {
        &["position", "velocity"]
    }

    fn action_names(&self) -> &[&str] {
        &["force"]
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(self.state.position(), dynamics::GOAL, scene);
    }

    fn key_bindings(&self) -> KeyBindings {
        let throttle = |throttle: f32| vec![throttle];
        KeyBindings::real_time(30, throttle(0.0)).key(Key::Left, throttle(-1.0), "left").key(
            Key::Right,
            throttle(1.0),
            "right",
        )
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        state_variables(self.state.position(), self.state.velocity())
    }

    fn set_state_variables(&mut self, values: &[f64], mut observation: RowMut<'_>) -> Result<()> {
        let state: [f64; 2] = numbers(values)?;
        self.state = match self.state {
            MountainCarContinuousState::Reset(_) => MountainCarContinuousState::Reset(state),
            MountainCarContinuousState::Stepped(_) => MountainCarContinuousState::Stepped(state.map(|x| x as f32)),
        };
        observation.write(&self.state.observation());
        Ok(())
    }

    saved_state!();
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("MountainCarContinuous-v0", "Throttle a weak car out of a valley with little effort", |config| {
        Ok(MountainCarContinuous::new(config))
    })
    .batch(|config, n, limit| NativeVector::new(MountainCarContinuous::new(config), n, limit))
    .max_episode_steps(999)
    .reward_threshold(90.0)
    .kwarg("goal_velocity", 0.0, "the least velocity with which the flag counts as reached")
}
