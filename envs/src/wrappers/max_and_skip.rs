//! One observation of several steps.

use super::state;
use crate::{Action, Env, EnvError, Generator, Result, RowMut, Rows, Space, StateVariable, Step, forward_env};

/// Repeats each action for `skip` steps and shows the greater of the last two observations, element by element; rewards
/// are added up (Gymnasium's `MaxAndSkipObservation`).
///
/// If the episode ends before the last two of the steps, the observation is still that of the step before, as in
/// Gymnasium. The first step of an episode begins with zeros; in Gymnasium with what the last episode left.
#[derive(Clone, Debug)]
pub struct MaxAndSkipObservation<E> {
    env: E,
    skip: u32,
    /// The inner environment's last observation.
    inner: Rows,
    /// The observations of the last two of the steps.
    last: Rows,
}

impl<E: Env> MaxAndSkipObservation<E> {
    /// `env`, stepped `skip` times a step: 4 in Gymnasium, if not given.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] for composite observations; [`EnvError::BadArgument`] if `skip` is below 2.
    pub fn new(env: E, skip: u32) -> Result<Self> {
        let space = env.observation_space();
        if let Space::Tuple(_) | Space::Dict(_) = space {
            let (needs, advice) = ("observations of one shape", "wrap it in FlattenObservation first");
            return Err(EnvError::unfit_observation("MaxAndSkipObservation", needs, &space, advice));
        }
        if skip < 2 {
            let expected = "at least 2; RepeatAction skips without looking at two observations";
            return Err(EnvError::bad_argument("MaxAndSkipObservation", "skip", skip, expected));
        }
        Ok(Self { env, skip, inner: Rows::for_space(&space, 1), last: Rows::for_space(&space, 2) })
    }
}

impl<E: Env> Env for MaxAndSkipObservation<E> {
    forward_env!(env: observation_space, action_space);

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.last.clear();
        self.env.reset(rng, observation)
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let mut all = Step { reward: 0.0, terminated: false, truncated: false };
        for i in 0..self.skip {
            let step = self.env.step(action, rng, self.inner.row_mut(0))?;
            // The last but one goes to the first row, the last to the second.
            if let Some(row) = (i + 2).checked_sub(self.skip) {
                self.last.copy_row(row as usize, &self.inner, 0);
            }
            all = Step { reward: all.reward + step.reward, ..step };
            if step.terminated || step.truncated {
                break;
            }
        }
        observation.copy_from(self.last.row(0));
        observation.max_with(self.last.row(1));
        Ok(all)
    }

    /// None: what it shows is of two states.
    fn state_variables(&self) -> Vec<StateVariable> {
        Vec::new()
    }

    fn save(&self) -> Option<Vec<u8>> {
        state::save(&self.last, &self.env)
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let (last, inner) = state::take_rows(state, &self.last)?;
        self.env.restore(inner)?;
        self.last = last;
        Ok(())
    }
}
