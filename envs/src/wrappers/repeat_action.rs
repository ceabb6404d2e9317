//! One action for several steps.

use crate::{Action, Env, EnvError, Generator, Result, RowMut, Step, forward_env};

/// Repeats each action for `num_repeats` steps, or until the episode ends, and adds up the rewards (Gymnasium's
/// `RepeatAction`).
#[derive(Clone, Debug)]
pub struct RepeatAction<E> {
    env: E,
    num_repeats: u32,
}

impl<E: Env> RepeatAction<E> {
    /// `env`, stepped `num_repeats` times a step.
    ///
    /// # Errors
    /// [`EnvError::BadArgument`] if `num_repeats` is 0.
    pub fn new(env: E, num_repeats: u32) -> Result<Self> {
        if num_repeats == 0 {
            return Err(EnvError::bad_argument("RepeatAction", "num_repeats", 0, "at least 1"));
        }
        Ok(Self { env, num_repeats })
    }
}

impl<E: Env> Env for RepeatAction<E> {
    forward_env!(env: observation_space, action_space, reset);

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let mut all = Step { reward: 0.0, terminated: false, truncated: false };
        for _ in 0..self.num_repeats {
            let step = self.env.step(action, rng, observation.reborrow())?;
            all = Step { reward: all.reward + step.reward, ..step };
            if step.terminated || step.truncated {
                break;
            }
        }
        Ok(all)
    }
}
