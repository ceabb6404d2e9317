//! Bandit: two arms, one of them better.

use serde::{Deserialize, Serialize};

use crate::{Action, Env, EnvSpec, Generator, Key, KeyBindings, Result, RowMut, Space, Step};

/// A two-armed bandit: the smallest environment with random rewards, whose optimal values are known.
///
/// | | |
/// |---|---|
/// | Observation | f32 \[1\], always 1 |
/// | Action | `Discrete(2)`: which arm |
/// | Reward | 1 with probability 0.2 (arm 0) or 0.8 (arm 1), else 0 |
/// | Terminated | with the first step |
#[derive(Clone, Copy, Debug, Default)]
pub struct BanditEnv;

/// It has no keyword arguments.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NoConfig {}

const OBSERVATION: [f32; 1] = [1.0];

impl Env for BanditEnv {
    fn observation_space(&self) -> Space {
        Space::box_f32(vec![0.0], vec![1.0])
    }

    fn action_space(&self) -> Space {
        Space::discrete(2)
    }

    fn reset(&mut self, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        observation.write(&OBSERVATION);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let probability = if action == Action::Discrete(1) { 0.8 } else { 0.2 };
        observation.write(&OBSERVATION);
        let pays = rng.random() < probability;
        Ok(Step { reward: f64::from(u8::from(pays)), terminated: true, truncated: false })
    }

    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::turn_based().key(Key::Left, 0, "left arm").key(Key::Right, 1, "right arm")
    }

    /// There is no state.
    fn save(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }

    fn restore(&mut self, _state: &[u8]) -> Result<()> {
        Ok(())
    }
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("Bandit-v0", "For tests: two arms, paying 0.2 and 0.8 on average", |NoConfig {}| Ok(BanditEnv))
}
