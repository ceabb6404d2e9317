//! Keeps count of the rewards that wrappers around it change.

use crate::{Action, Env, Generator, Result, RowMut, Step, forward_env};

/// Remembers what the environment inside pays, for [`Env::raw_reward`]: the innermost wrapper (Stable-Baselines3's
/// `Monitor`, which also is put below those that change rewards or skip frames).
#[derive(Clone, Debug)]
pub struct Monitor<E> {
    env: E,
    unread: f64,
}

impl<E: Env> Monitor<E> {
    /// `env` with its rewards counted.
    pub fn new(env: E) -> Self {
        Self { env, unread: 0.0 }
    }
}

impl<E: Env> Env for Monitor<E> {
    forward_env!(env: observation_space, action_space);

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.unread = 0.0;
        self.env.reset(rng, observation)
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let step = self.env.step(action, rng, observation)?;
        self.unread += step.reward;
        Ok(step)
    }

    fn raw_reward(&mut self) -> Option<f64> {
        Some(std::mem::take(&mut self.unread))
    }
}
