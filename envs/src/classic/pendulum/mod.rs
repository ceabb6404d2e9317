//! Pendulum: swing a pendulum up and hold it upright, with a motor too weak to lift it at once.
//!
//! As Gymnasium 1.4 computes it.
//!
//! | | |
//! |---|---|
//! | Action | `Box(-2, 2, (1,))`: torque, counterclockwise if positive, for 0.05 s; clipped to the bounds |
//! | Observation | f32 \[3\]: cosine and sine of the angle counterclockwise from upright, angular velocity (rad/s); the state itself is f64 |
//! | Observation bounds | ±1, ±1, ±8 |
//! | Reward | -(θ² + 0.1 ω² + 0.001 torque²), of the angle in \[-π, π) and the velocity before the step: from -16.2736044 to 0 |
//! | Start | angle uniform in \[-π, π), velocity in \[-1, 1) |
//! | Terminated | never |
//! | Truncated | after 200 steps |
//! | Solved | not agreed on |

mod dynamics;
mod scene;
mod vector;

pub use dynamics::PendulumState;
use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::state_variable::numbers;
use crate::vector::NativeVector;
use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Key, KeyBindings, Result, RowMut, Scene, Space, StateVariable, Step,
};

/// Pendulum's keyword arguments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PendulumConfig {
    /// The acceleration of gravity, in m/s².
    pub g: f64,
}

impl Default for PendulumConfig {
    fn default() -> Self {
        Self { g: 10.0 }
    }
}

/// A pendulum with a motor; see the module's table in the source, or `Pendulum-v1` in Gymnasium's documentation.
#[derive(Clone, Debug, Default)]
pub struct Pendulum {
    config: PendulumConfig,
    state: PendulumState,
    /// Of the last step, to be drawn.
    torque: f32,
}

impl Pendulum {
    /// A pendulum at rest upright, until it is reset.
    pub fn new(config: PendulumConfig) -> Self {
        Self { config, state: PendulumState::default(), torque: 0.0 }
    }

    /// The exact state, which the observation shows rounded to f32.
    pub fn state(&self) -> PendulumState {
        self.state
    }
}

impl Env for Pendulum {
    fn observation_space(&self) -> Space {
        let high = vec![1.0, 1.0, dynamics::MAX_SPEED as f32];
        Space::box_f32(high.iter().map(|x| -x).collect(), high)
    }

    fn action_space(&self) -> Space {
        Space::box_f32(vec![-dynamics::MAX_TORQUE], vec![dynamics::MAX_TORQUE])
    }

    #[inline]
    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.state = PendulumState::random(rng);
        self.torque = 0.0;
        observation.write(&self.state.observation());
        Ok(())
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let torque = match action {
            Action::Continuous(&[torque]) if !torque.is_nan() => torque,
            _ => return Err(EnvError::invalid_action(action, "one torque, from -2 to 2")),
        };
        self.torque = torque.clamp(-dynamics::MAX_TORQUE, dynamics::MAX_TORQUE);
        let reward = -self.state.cost(self.state.turned().rem_euclid(dynamics::TURN), self.torque);
        self.state = self.state.after(self.state.theta.sin(), self.torque, self.config.g);
        observation.write(&self.state.observation());
        Ok(Step { reward, terminated: false, truncated: false })
    }

    fn observation_names(&self) -> &[&str] {
        &["cos θ", "sin θ", "angular velocity"]
    }

    fn action_names(&self) -> &[&str] {
        &["torque"]
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(&self.state, self.torque, scene);
    }

    /// At its own speed.
    fn key_bindings(&self) -> KeyBindings {
        let torque = |part: f32| vec![part * dynamics::MAX_TORQUE];
        KeyBindings::real_time(20, torque(0.0)).key(Key::Left, torque(1.0), "turn left").key(
            Key::Right,
            torque(-1.0),
            "turn right",
        )
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        let PendulumState { theta, theta_dot } = self.state;
        vec![
            StateVariable::new("θ", theta, -PI..=PI),
            StateVariable::new("angular velocity", theta_dot, -dynamics::MAX_SPEED..=dynamics::MAX_SPEED),
        ]
    }

    fn set_state_variables(&mut self, values: &[f64], mut observation: RowMut<'_>) -> Result<()> {
        let [theta, theta_dot] = numbers(values)?;
        self.state = PendulumState { theta, theta_dot };
        observation.write(&self.state.observation());
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&(self.state, self.torque)).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        (self.state, self.torque) = postcard::from_bytes(state).map_err(EnvError::bad_state)?;
        Ok(())
    }
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("Pendulum-v1", "Swing a pendulum up and hold it there", |config| Ok(Pendulum::new(config)))
        .batch(|config, n, limit| NativeVector::new(Pendulum::new(config), n, limit))
        .max_episode_steps(200)
        .kwarg("g", PendulumConfig::default().g, "the acceleration of gravity, in m/s²")
}
