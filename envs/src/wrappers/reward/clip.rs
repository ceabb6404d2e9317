//! Rewards within bounds.

use super::{RewardMap, RewardWrapper};
use crate::wrappers::memory::Memory;
use crate::{Env, EnvError, Result, Step};

/// Clips rewards to `min_reward..=max_reward` (Gymnasium's `ClipReward`).
pub type ClipReward<E> = RewardWrapper<E, Clip>;

/// What [`ClipReward`] does.
#[derive(Clone, Copy, Debug)]
pub struct Clip {
    low: f64,
    high: f64,
}

impl<E: Env> ClipReward<E> {
    /// Clips below `min_reward` and above `max_reward`; `None` leaves a side open, but not both.
    ///
    /// # Errors
    /// [`EnvError::BadArgument`] if there is no bound, or they cross.
    pub fn new(env: E, min_reward: impl Into<Option<f64>>, max_reward: impl Into<Option<f64>>) -> Result<Self> {
        let (min, max) = (min_reward.into(), max_reward.into());
        let (low, high) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
        if min.is_none() && max.is_none() {
            return Err(EnvError::bad_argument(
                "ClipReward",
                "min_reward",
                "None",
                "a number where max_reward is None",
            ));
        }
        // Not `low > high`: NaN is no bound either.
        if !(low <= high) {
            let expected = format!("a number of at most max_reward, which is {high}");
            return Err(EnvError::bad_argument("ClipReward", "min_reward", low, expected));
        }
        Ok(Self::around(env, Clip { low, high }))
    }
}

impl Memory for Clip {}

impl RewardMap for Clip {
    #[inline]
    fn reward(&mut self, step: &Step) -> f64 {
        step.reward.clamp(self.low, self.high)
    }
}
