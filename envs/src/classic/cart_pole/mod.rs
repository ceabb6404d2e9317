//! CartPole: balance a pole that is hinged to a cart, by pushing the cart left or right.
//!
//! The system of Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult
//! learning control problems" (1983), as Gymnasium 1.4 computes it.
//!
//! | | |
//! |---|---|
//! | Action | `Discrete(2)`: 0 pushes the cart left, 1 right, with 10 N for 0.02 s |
//! | Observation | f32 \[4\]: cart position (m), cart velocity (m/s), pole angle (rad, clockwise from upright), pole angular velocity (rad/s); the state itself is f64 |
//! | Observation bounds | ±4.8, ±inf, ±0.41887903 (24°), ±inf: twice the limits, so that final observations are inside |
//! | Reward | 1 for every step, the last included; with `sutton_barto_reward`, 0 and -1 on termination |
//! | Start | all four uniform in \[-0.05, 0.05) |
//! | Terminated | the cart is beyond ±2.4 m or the pole beyond ±12° (strictly) |
//! | Truncated | after 200 steps (v0) or 500 (v1) |
//! | Solved | mean return of 195 (v0) or 475 (v1) |
//!
//! Versions: v1 differs from v0 in the time limit and threshold alone.

mod dynamics;
mod scene;
mod vector;

pub use dynamics::CartPoleState;
pub(super) use dynamics::{ANGLE_LIMIT, POSITION_LIMIT};
use serde::{Deserialize, Serialize};

use crate::saved_state::saved_state;
use crate::state_variable::numbers;
use crate::vector::NativeVector;
use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Key, KeyBindings, Result, RowMut, Scene, Space, StateVariable, Step,
};

/// CartPole's keyword arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CartPoleConfig {
    /// Reward 0 for each step and -1 for the terminating one, as in the 1983 paper.
    pub sutton_barto_reward: bool,
}

impl CartPoleConfig {
    /// The reward of a step that does not terminate, and of one that does.
    fn rewards(self) -> [f32; 2] {
        if self.sutton_barto_reward { [0.0, -1.0] } else { [1.0, 1.0] }
    }
}

/// A pole on a cart; see the module's table in the source, or `CartPole-v1` in Gymnasium's documentation.
#[derive(Clone, Debug, Default)]
pub struct CartPole {
    rewards: [f32; 2],
    state: CartPoleState,
}

impl CartPole {
    /// A cart at rest with the pole upright, until it is reset.
    pub fn new(config: CartPoleConfig) -> Self {
        Self { rewards: config.rewards(), state: CartPoleState::default() }
    }

    /// The exact state, of which the observation is the f32 image.
    pub fn state(&self) -> CartPoleState {
        self.state
    }
}

fn observation_space() -> Space {
    let high = vec![
        (2.0 * dynamics::POSITION_LIMIT) as f32,
        f32::INFINITY,
        (2.0 * dynamics::ANGLE_LIMIT) as f32,
        f32::INFINITY,
    ];
    Space::box_f32(high.iter().map(|x| -x).collect(), high)
}

impl Env for CartPole {
    fn observation_space(&self) -> Space {
        observation_space()
    }

    fn action_space(&self) -> Space {
        Space::discrete(2)
    }

    #[inline]
    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.state = CartPoleState::random(rng);
        observation.write(&self.state.observation());
        Ok(())
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let Action::Discrete(action @ 0..=1) = action else {
            return Err(EnvError::invalid_action(action, "0 (left) or 1 (right)"));
        };
        self.state = self.state.after(action);
        observation.write(&self.state.observation());
        let terminated = self.state.is_terminal();
        Ok(Step { reward: self.rewards[usize::from(terminated)].into(), terminated, truncated: false })
    }

    fn observation_names(&self) -> &[&str] {
        &["position", "velocity", "angle", "angular velocity"]
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(&self.state, scene);
    }

    /// A fifth of its own speed. Who sees what was a quarter of a second ago and changes keys eight times a second holds
    /// the pole for 500 steps at 10 steps a second, for 64 at 20, and for 10 at 50, which is its own.
    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::held(10).key(Key::Left, 0, "push left").key(Key::Right, 1, "push right")
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        let CartPoleState { x, x_dot, theta, theta_dot } = self.state;
        let [position, angle] = [2.0 * dynamics::POSITION_LIMIT, 2.0 * dynamics::ANGLE_LIMIT];
        vec![
            StateVariable::new("position", x, -position..=position),
            StateVariable::new("velocity", x_dot, -4.0..=4.0),
            StateVariable::new("angle", theta, -angle..=angle),
            StateVariable::new("angular velocity", theta_dot, -4.0..=4.0),
        ]
    }

    fn set_state_variables(&mut self, values: &[f64], mut observation: RowMut<'_>) -> Result<()> {
        let [x, x_dot, theta, theta_dot] = numbers(values)?;
        self.state = CartPoleState { x, x_dot, theta, theta_dot };
        observation.write(&self.state.observation());
        Ok(())
    }

    saved_state!();
}

pub(super) fn specs() -> Vec<EnvSpec> {
    let spec = |id, description| {
        EnvSpec::new(id, description, |config| Ok(CartPole::new(config)))
            .batch(|config, n, limit| NativeVector::new(CartPole::new(config), n, limit))
            .kwarg("sutton_barto_reward", false, "reward 0, and -1 on termination, in place of 1 for every step")
    };
    vec![
        spec("CartPole-v0", "Balance a pole on a cart for 200 steps").max_episode_steps(200).reward_threshold(195.0),
        spec("CartPole-v1", "Balance a pole on a cart for 500 steps").max_episode_steps(500).reward_threshold(475.0),
    ]
}
