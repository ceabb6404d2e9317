//! Wrappers that change what is done.

mod clip;
mod discretize;
mod rescale;
mod sticky;
mod transform;

pub use clip::ClipAction;
pub use discretize::DiscretizeAction;
pub use rescale::RescaleAction;
pub use sticky::StickyAction;
pub use transform::TransformAction;

use super::memory::{Memory, forward_memory};
use crate::{Action, Env, Generator, Result, RowMut, Space, Statistics, Step, forward_env};

/// What an action wrapper makes of actions.
pub trait ActionMap: Memory {
    /// An episode begins.
    fn reset(&mut self) {}

    /// The action that the inner environment takes. What is drawn from `rng`, the environment's own stream, is drawn
    /// before its step.
    fn action<'a>(&'a mut self, action: Action<'a>, rng: &mut Generator) -> Action<'a>;
}

/// An environment whose actions go through `M` (Gymnasium's `ActionWrapper`).
///
/// A wrapper of one's own is an [`ActionMap`], [around](Self::around) an environment.
#[derive(Clone, Debug)]
pub struct ActionWrapper<E, M> {
    env: E,
    map: M,
    space: Space,
}

impl<E: Env, M: ActionMap> ActionWrapper<E, M> {
    /// `env` taking actions of `action_space`, mapped into its own.
    pub fn around(env: E, map: M, action_space: Space) -> Self {
        Self { env, map, space: action_space }
    }
}

impl<E: Env, M: ActionMap> Env for ActionWrapper<E, M> {
    forward_env!(env: observation_space);

    fn action_space(&self) -> Space {
        self.space.clone()
    }

    /// What is valid inside need not be so before the action is changed.
    fn action_mask(&self, _: &mut [bool]) -> bool {
        false
    }

    #[inline]
    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.map.reset();
        self.env.reset(rng, observation)
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let action = self.map.action(action, rng);
        self.env.step(action, rng, observation)
    }

    forward_memory!();
}
