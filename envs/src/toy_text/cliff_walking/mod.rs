//! CliffWalking: walk along a cliff's edge to the goal, without falling off.
//!
//! Example 6.6 of Sutton and Barto, "Reinforcement Learning: An Introduction" (second edition, 2018), as
//! Gymnasium 1.4 computes it.
//!
//! | | |
//! |---|---|
//! | Action | `Discrete(4)`: 0 goes up, 1 right, 2 down, 3 left; at the edge of the grid one stays |
//! | Observation | `Discrete(48)`: row · 12 + column, from the upper left |
//! | Chance | none; if slippery, the intended direction and the two across it have 1/3 each |
//! | Reward | -1; -100 for stepping off the cliff (row 3, columns 1 to 10), which leads back to the start |
//! | Start | 36, the lower left |
//! | Terminated | at 47, the lower right; a fall does not terminate |
//! | Truncated | never: it has no time limit |
//! | Info | `prob`: the probability of the last transition |

mod dynamics;
mod scene;
mod vector;

use serde::{Deserialize, Serialize};

use crate::toy_text::tabular::{Position, discrete};
use crate::vector::{Native, NativeVector};
use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Info, Key, KeyBindings, Result, RowMut, Scene, Space, StateVariable,
    Step,
};

/// CliffWalking's keyword arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CliffWalkingConfig {
    /// Whether steps may slip to either side.
    pub is_slippery: bool,
}

/// A path along a cliff; see the module's table in the source, or `CliffWalking-v1` in Gymnasium's
/// documentation.
#[derive(Clone, Debug)]
pub struct CliffWalking {
    is_slippery: bool,
    position: Position,
}

impl CliffWalking {
    /// At the start.
    pub fn new(config: CliffWalkingConfig) -> Self {
        Self { is_slippery: config.is_slippery, position: Position::start(dynamics::START) }
    }
}

impl Env for CliffWalking {
    fn observation_space(&self) -> Space {
        Space::discrete(dynamics::GRID.len())
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
        let action = discrete(action, 4, "0 (up), 1 (right), 2 (down) or 3 (left)")?;
        let step = self.position.follow(dynamics::transition(self.is_slippery, self.position.state, action, rng));
        observation.write(&[self.position.state]);
        Ok(step)
    }

    fn grid_shape(&self) -> Option<[usize; 2]> {
        Some(dynamics::GRID.shape())
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(self.position.state, scene);
    }

    fn info(&self) -> Info {
        self.position.info()
    }

    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::turn_based().key(Key::Left, 3, "left").key(Key::Down, 2, "down").key(Key::Right, 1, "right").key(
            Key::Up,
            0,
            "up",
        )
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        self.position.variables(dynamics::GRID.len())
    }

    fn set_state_variables(&mut self, values: &[f64], mut observation: RowMut<'_>) -> Result<()> {
        self.position = self.position.set(values, dynamics::GRID.len())?;
        observation.write(&[self.position.state]);
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.position).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let position: Position = postcard::from_bytes(state).map_err(EnvError::bad_state)?;
        self.position = position.checked(dynamics::GRID.len())?;
        Ok(())
    }
}

pub(super) fn specs() -> [EnvSpec; 2] {
    let spec = |id, description, is_slippery| {
        EnvSpec::new(id, description, |config| Ok(CliffWalking::new(config))).kwarg(
            "is_slippery",
            is_slippery,
            "steps may go to either side of where they should",
        )
    };
    [
        spec("CliffWalking-v1", "Walk along a cliff's edge to the goal", false)
            .batch(|config, n, limit| NativeVector::new(CliffWalking::new(config), n, limit)),
        // Where each step draws, a loop over single ones was measured to be a tenth faster.
        spec("CliffWalkingSlippery-v1", "Walk along a slippery cliff's edge to the goal", true),
    ]
}
