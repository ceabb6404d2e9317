//! FrozenLake: cross the ice to the goal without falling into a hole, where steps may slip sideways.
//!
//! As Gymnasium 1.4 computes it.
//!
//! | | |
//! |---|---|
//! | Action | `Discrete(4)`: 0 goes left, 1 down, 2 right, 3 up; at the edge one stays |
//! | Observation | `Discrete(rows * columns)`: row · columns + column, from the upper left |
//! | Chance | if slippery, the intended direction has `success_rate`, each of the two across it half of the rest |
//! | Reward | by the tile stepped on: `reward_schedule` = \[goal, hole, frozen\], at first 1, 0 and 0 |
//! | Start | an S of the map, uniformly |
//! | Terminated | on a G or an H |
//! | Truncated | after 100 steps (4x4) or 200 (8x8) |
//! | Info | `prob`: the probability of the last transition |

mod dynamics;
mod scene;
mod vector;

pub use dynamics::{FrozenLakeMap, FrozenLakeMapName};
use serde::{Deserialize, Serialize};

use crate::toy_text::tabular::{Position, Probability, discrete};
use crate::vector::{Native, NativeVector};
use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Info, Key, KeyBindings, Result, RowMut, Scene, Space, StateVariable,
    Step,
};

/// FrozenLake's keyword arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrozenLakeConfig {
    /// A map of one's own, in place of the one named.
    pub desc: Option<FrozenLakeMap>,
    /// A map that comes with the environment. There is no random one, as Gymnasium makes for `None`: it
    /// could not be made again.
    pub map_name: FrozenLakeMapName,
    /// Whether steps may slip.
    pub is_slippery: bool,
    /// The probability of going where intended, if it is slippery.
    pub success_rate: Probability,
    /// The rewards of stepping on a goal, a hole and anything else.
    pub reward_schedule: [f64; 3],
}

impl Default for FrozenLakeConfig {
    fn default() -> Self {
        Self {
            desc: None,
            map_name: FrozenLakeMapName::default(),
            is_slippery: true,
            success_rate: Probability(1.0 / 3.0),
            reward_schedule: [1.0, 0.0, 0.0],
        }
    }
}

/// A lake of ice with holes; see the module's table in the source, or `FrozenLake-v1` in Gymnasium's
/// documentation.
#[derive(Clone, Debug)]
pub struct FrozenLake {
    config: FrozenLakeConfig,
    map: FrozenLakeMap,
    position: Position,
}

impl FrozenLake {
    /// On the map's upper left cell, until it is reset.
    pub fn new(config: FrozenLakeConfig) -> Self {
        let map = config.desc.clone().unwrap_or_else(|| config.map_name.into());
        Self { config, map, position: Position::start(0) }
    }
}

impl Env for FrozenLake {
    fn observation_space(&self) -> Space {
        Space::discrete(self.map.grid().len())
    }

    fn action_space(&self) -> Space {
        Space::discrete(4)
    }

    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.position = self.start(rng);
        observation.write(&[self.position.state]);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let action = discrete(action, 4, "0 (left), 1 (down), 2 (right) or 3 (up)")?;
        let transition = dynamics::transition(&self.map, &self.config, self.position.state, action, rng);
        let step = self.position.follow(transition);
        observation.write(&[self.position.state]);
        Ok(step)
    }

    fn grid_shape(&self) -> Option<[usize; 2]> {
        Some(self.map.grid().shape())
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(&self.map, self.position.state, scene);
    }

    fn info(&self) -> Info {
        self.position.info()
    }

    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::turn_based().key(Key::Left, 0, "left").key(Key::Down, 1, "down").key(Key::Right, 2, "right").key(
            Key::Up,
            3,
            "up",
        )
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        self.position.variables(self.map.grid().len())
    }

    fn set_state_variables(&mut self, values: &[f64], mut observation: RowMut<'_>) -> Result<()> {
        self.position = self.position.set(values, self.map.grid().len())?;
        observation.write(&[self.position.state]);
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.position).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let position: Position = postcard::from_bytes(state).map_err(EnvError::bad_state)?;
        self.position = position.checked(self.map.grid().len())?;
        Ok(())
    }
}

pub(super) fn specs() -> [EnvSpec; 2] {
    let spec = |id, description, map| {
        EnvSpec::new(id, description, |config| Ok(FrozenLake::new(config)))
            .batch(|config, n, limit| NativeVector::new(FrozenLake::new(config), n, limit))
            .kwarg("desc", (), "a map of one's own: a list of rows of S, F, H and G")
            .kwarg("map_name", map, "a map that comes with it: 4x4 or 8x8")
            .kwarg("is_slippery", true, "steps may go to either side of where they should")
            .kwarg("success_rate", 1.0 / 3.0, "the probability of not slipping, if slippery")
            .kwarg("reward_schedule", vec![1.0, 0.0, 0.0], "rewards of stepping on goal, hole and ice")
    };
    [
        spec("FrozenLake-v1", "Cross slippery ice of 4 by 4 cells without falling into a hole", "4x4")
            .max_episode_steps(100)
            .reward_threshold(0.70),
        spec("FrozenLake8x8-v1", "Cross slippery ice of 8 by 8 cells without falling into a hole", "8x8")
            .max_episode_steps(200)
            .reward_threshold(0.85),
    ]
}
