//! Wrappers that change what is rewarded.

mod clip;
mod normalize;
mod transform;

pub use clip::ClipReward;
pub use normalize::NormalizeReward;
pub use transform::TransformReward;

use super::memory::{Memory, forward_memory};
use crate::{Action, Env, Generator, Result, RowMut, Statistics, Step, forward_env};

/// What a reward wrapper makes of rewards.
pub trait RewardMap: Memory {
    /// The reward in place of `step.reward`.
    fn reward(&mut self, step: &Step) -> f64;
}

/// An environment whose rewards go through `M` (Gymnasium's `RewardWrapper`).
///
/// A wrapper of one's own is a [`RewardMap`], [around](Self::around) an environment.
#[derive(Clone, Debug)]
pub struct RewardWrapper<E, M> {
    env: E,
    map: M,
}

impl<E: Env, M: RewardMap> RewardWrapper<E, M> {
    /// `env` with its rewards mapped.
    pub fn around(env: E, map: M) -> Self {
        Self { env, map }
    }
}

impl<E: Env, M: RewardMap> Env for RewardWrapper<E, M> {
    forward_env!(env: observation_space, action_space, reset);

    #[inline]
    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let step = self.env.step(action, rng, observation)?;
        Ok(Step { reward: self.map.reward(&step), ..step })
    }

    forward_memory!();
}
