//! Cuts episodes that go on for too long.

use super::state;
use crate::{Action, Env, Generator, Result, RowMut, Step, forward_env};

/// Truncates the episode with its `max_episode_steps`-th step (Gymnasium's `TimeLimit`).
///
/// The limit is checked after the step and whatever the step led to: a step that reaches a terminal
/// state just at the limit is both terminated and truncated.
#[derive(Clone, Debug)]
pub struct TimeLimit<E> {
    env: E,
    max_episode_steps: u32,
    elapsed: u32,
}

impl<E: Env> TimeLimit<E> {
    /// `env` with episodes of at most `max_episode_steps` steps.
    pub fn new(env: E, max_episode_steps: u32) -> Self {
        Self { env, max_episode_steps, elapsed: 0 }
    }
}

impl<E: Env> Env for TimeLimit<E> {
    forward_env!(env: observation_space, action_space);

    #[inline]
    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.elapsed = 0;
        self.env.reset(rng, observation)
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let mut step = self.env.step(action, rng, observation)?;
        self.elapsed = self.elapsed.saturating_add(1);
        step.truncated |= self.elapsed >= self.max_episode_steps;
        Ok(step)
    }

    fn max_episode_steps(&self) -> Option<u32> {
        Some(self.max_episode_steps)
    }

    fn save(&self) -> Option<Vec<u8>> {
        state::save(&self.elapsed, &self.env)
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.elapsed = state::restore(state, &mut self.env)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnvError, IdentityConfig, IdentityEnv, Rows};

    #[test]
    fn the_count_is_saved() {
        let mut env = TimeLimit::new(IdentityEnv::new(IdentityConfig::default()), 3);
        let mut rng = Generator::new(0);
        let mut row = Rows::for_space(&env.observation_space(), 1);
        let mut truncated = |env: &mut TimeLimit<_>| {
            let action = Action::Discrete(0);
            env.step(action, &mut rng, row.row_mut(0)).unwrap().truncated
        };
        assert!(!truncated(&mut env));
        let saved = env.save().unwrap();
        assert_eq!([truncated(&mut env), truncated(&mut env)], [false, true]);
        env.restore(&saved).unwrap();
        assert_eq!([truncated(&mut env), truncated(&mut env)], [false, true]);
        assert!(matches!(env.restore(&saved[..1]), Err(EnvError::BadState { .. })));
    }
}
