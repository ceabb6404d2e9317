//! Rewards of a steady scale.

use super::{RewardMap, RewardWrapper};
use crate::wrappers::memory::Memory;
use crate::wrappers::state;
use crate::{Env, EnvError, Result, Statistics, Step};

/// Divides rewards by the standard deviation of the discounted return (Gymnasium's `NormalizeReward`).
///
/// Each step's return is `gamma` times the one before, plus the reward; a step that *terminates* forgets the one
/// before, one that only truncates does not, as in Gymnasium. The mean is not subtracted. The returns' variance
/// outlives episodes; with `update_running_mean` off ([`Statistics`]) it is used as it is.
pub type NormalizeReward<E> = RewardWrapper<E, Normalize>;

/// What [`NormalizeReward`] does.
#[derive(Clone, Debug)]
pub struct Normalize {
    gamma: f64,
    epsilon: f64,
    statistics: Statistics,
}

impl<E: Env> NormalizeReward<E> {
    /// Gymnasium's defaults are a `gamma` of 0.99 and an `epsilon`, which is added to the variance, of 1e-8.
    ///
    /// # Errors
    /// [`EnvError::BadArgument`] for a `gamma` outside 0 to 1, or an `epsilon` that is not above 0.
    pub fn new(env: E, gamma: f64, epsilon: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&gamma) {
            return Err(EnvError::bad_argument("NormalizeReward", "gamma", gamma, "a number from 0 to 1"));
        }
        if !(epsilon > 0.0) {
            return Err(EnvError::bad_argument("NormalizeReward", "epsilon", epsilon, "a number above 0"));
        }
        Ok(Self::around(env, Normalize { gamma, epsilon, statistics: Statistics::new(1) }))
    }
}

impl Memory for Normalize {
    fn save(&self, state: &mut Vec<u8>) {
        state::put(&self.statistics, state);
    }

    fn restore<'a>(&mut self, state: &'a [u8]) -> Result<&'a [u8]> {
        let rest;
        (self.statistics, rest) = state::take_statistics(state, 1)?;
        Ok(rest)
    }

    fn statistics(&self) -> Option<&Statistics> {
        Some(&self.statistics)
    }

    fn statistics_mut(&mut self) -> Option<&mut Statistics> {
        Some(&mut self.statistics)
    }
}

impl RewardMap for Normalize {
    #[inline]
    fn reward(&mut self, step: &Step) -> f64 {
        let Statistics { moments, discounted_return, update_running_mean } = &mut self.statistics;
        let carried = if step.terminated { 0.0 } else { 1.0 };
        *discounted_return = *discounted_return * self.gamma * carried + step.reward;
        if *update_running_mean {
            moments.update(std::iter::once(*discounted_return));
        }
        step.reward / (moments.var[0] + self.epsilon).sqrt()
    }
}
