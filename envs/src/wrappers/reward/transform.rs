//! Any function of the reward.

use super::{RewardMap, RewardWrapper};
use crate::wrappers::memory::Memory;
use crate::{Env, Step};

/// Replaces each reward by a function of it (Gymnasium's `TransformReward`).
pub type TransformReward<E, F> = RewardWrapper<E, Transform<F>>;

/// What [`TransformReward`] does.
#[derive(Clone, Copy, Debug)]
pub struct Transform<F>(F);

impl<E: Env, F: FnMut(f64) -> f64 + Send> TransformReward<E, F> {
    /// `func` gives the new reward for the old.
    pub fn new(env: E, func: F) -> Self {
        Self::around(env, Transform(func))
    }
}

impl<F: Send> Memory for Transform<F> {}

impl<F: FnMut(f64) -> f64 + Send> RewardMap for Transform<F> {
    #[inline]
    fn reward(&mut self, step: &Step) -> f64 {
        (self.0)(step.reward)
    }
}
