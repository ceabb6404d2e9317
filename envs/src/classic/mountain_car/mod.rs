//! MountainCar: rock a weak car out of a valley, to the flag on the right hill.
//!
//! The problem of Moore, "Efficient memory-based learning for robot control" (1990), as Gymnasium 1.4 computes it.
//!
//! | | |
//! |---|---|
//! | Action | `Discrete(3)`: accelerate to the left, not at all, to the right, by 0.001 |
//! | Observation | f32 \[2\]: position, velocity; the state itself is f64 |
//! | Observation bounds | \[-1.2, 0.6\], ±0.07 |
//! | Reward | -1 for every step, the last included |
//! | Start | position uniform in \[-0.6, -0.4), at rest |
//! | Terminated | position at least 0.5 and velocity at least `goal_velocity` |
//! | Truncated | after 200 steps |
//! | Solved | mean return of -110 |
//!
//! The wall at the left stops the car; at the right the position is held at 0.6 and the velocity kept.

mod dynamics;
pub(super) mod scene;
mod vector;

pub use dynamics::MountainCarState;
pub(super) use dynamics::{MAX_SPEED, POSITION_LIMITS};
use serde::{Deserialize, Serialize};

use crate::saved_state::saved_state;
use crate::state_variable::numbers;
use crate::vector::NativeVector;
use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Key, KeyBindings, Result, RowMut, Scene, Space, StateVariable, Step,
};

/// MountainCar's keyword arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MountainCarConfig {
    /// The least velocity with which the flag counts as reached.
    pub goal_velocity: f64,
}

/// A car in a valley; see the module's table in the source, or `MountainCar-v0` in Gymnasium's documentation.
#[derive(Clone, Debug, Default)]
pub struct MountainCar {
    config: MountainCarConfig,
    state: MountainCarState,
}

impl MountainCar {
    /// A car at rest at position 0, until it is reset.
    pub fn new(config: MountainCarConfig) -> Self {
        Self { config, state: MountainCarState::default() }
    }

    /// The exact state, of which the observation is the f32 image.
    pub fn state(&self) -> MountainCarState {
        self.state
    }
}

/// Of this MountainCar and of the continuous one.
pub(super) fn observation_space() -> Space {
    let (position, speed) = (dynamics::POSITION_LIMITS, dynamics::MAX_SPEED as f32);
    Space::box_f32(vec![position[0] as f32, -speed], vec![position[1] as f32, speed])
}

/// Of this MountainCar and of the continuous one.
pub(super) fn state_variables(position: f64, velocity: f64) -> Vec<StateVariable> {
    let [left, right] = dynamics::POSITION_LIMITS;
    vec![
        StateVariable::new("position", position, left..=right),
        StateVariable::new("velocity", velocity, -dynamics::MAX_SPEED..=dynamics::MAX_SPEED),
    ]
}

impl Env for MountainCar {
    fn observation_space(&self) -> Space {
        observation_space()
    }

    fn action_space(&self) -> Space {
        Space::discrete(3)
    }

    #[inline]
    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.state = MountainCarState::random(rng);
        observation.write(&self.state.observation());
        Ok(())
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let Action::Discrete(action @ 0..=2) = action else {
            return Err(EnvError::invalid_action(action, "0 (left), 1 (neither) or 2 (right)"));
        };
        let slope = (3.0 * self.state.position).cos();
        self.state = self.state.after(action, slope);
        observation.write(&self.state.observation());
        let terminated = self.state.is_terminal(self.config.goal_velocity);
        Ok(Step { reward: -1.0, terminated, truncated: false })
    }

    fn observation_names(&self) -> &[&str] {
        &["position", "velocity"]
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(self.state.position, dynamics::GOAL, scene);
    }

    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::real_time(30, 1).key(Key::Left, 0, "left").key(Key::Right, 2, "right").key(Key::Down, 1, "coast")
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        state_variables(self.state.position, self.state.velocity)
    }

    fn set_state_variables(&mut self, values: &[f64], mut observation: RowMut<'_>) -> Result<()> {
        let [position, velocity] = numbers(values)?;
        self.state = MountainCarState { position, velocity };
        observation.write(&self.state.observation());
        Ok(())
    }

    saved_state!();
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("MountainCar-v0", "Rock a weak car out of a valley", |config| Ok(MountainCar::new(config)))
        .batch(|config, n, limit| NativeVector::new(MountainCar::new(config), n, limit))
        .max_episode_steps(200)
        .reward_threshold(-110.0)
        .kwarg("goal_velocity", 0.0, "the least velocity with which the flag counts as reached")
}
