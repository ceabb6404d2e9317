//! What episodes came to.

use std::collections::VecDeque;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{check_size, state};
use crate::{Action, Env, EnvError, Generator, Info, Result, RowMut, Step, forward_env};

/// Keeps each episode's return, length and time (Gymnasium's `RecordEpisodeStatistics`).
///
/// The [`info`](Env::info) of a step that ends an episode has them under `stats_key`: `r`, the return; `l`, the
/// length; `t`, the seconds since the reset. Those of the last `buffer_length` episodes stay at hand.
#[derive(Clone, Debug)]
pub struct RecordEpisodeStatistics<E> {
    env: E,
    buffer_length: usize,
    stats_key: String,
    books: Books,
    started: Instant,
}

/// What is saved: all but the clock, which a restored episode starts anew.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Books {
    episode_count: u64,
    /// Of the episode that runs, or ended with the last step.
    current: EpisodeStatistics,
    ended: bool,
    last: VecDeque<EpisodeStatistics>,
}

/// One episode's statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpisodeStatistics {
    /// The sum of the rewards (`r`).
    pub episode_return: f64,
    /// How many steps (`l`).
    pub length: u64,
    /// Seconds from the reset to the end (`t`), rounded to microseconds.
    pub seconds: f64,
}

impl<E: Env> RecordEpisodeStatistics<E> {
    /// Gymnasium's defaults are a `buffer_length` of 100 and a `stats_key` of `"episode"`.
    ///
    /// # Errors
    /// [`EnvError::BadArgument`] if `stats_key` is empty, or the buffer takes too much memory.
    pub fn new(env: E, buffer_length: usize, stats_key: &str) -> Result<Self> {
        if stats_key.is_empty() {
            let expected = "the name under which info has the statistics";
            return Err(EnvError::bad_argument("RecordEpisodeStatistics", "stats_key", "''", expected));
        }
        // Three numbers of eight bytes each.
        check_size("RecordEpisodeStatistics", "buffer_length", buffer_length, buffer_length.checked_mul(6))?;
        let books = Books { last: VecDeque::with_capacity(buffer_length), ..Books::default() };
        Ok(Self { env, buffer_length, stats_key: stats_key.to_owned(), books, started: Instant::now() })
    }

    /// How many episodes have ended.
    pub fn episode_count(&self) -> u64 {
        self.books.episode_count
    }

    /// The last episodes, the oldest first (`return_queue`, `length_queue` and `time_queue` in one).
    pub fn episodes(&self) -> impl ExactSizeIterator<Item = &EpisodeStatistics> {
        self.books.last.iter()
    }
}

impl<E: Env> Env for RecordEpisodeStatistics<E> {
    forward_env!(env: observation_space, action_space);

    #[inline]
    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.env.reset(rng, observation)?;
        self.started = Instant::now();
        (self.books.current, self.books.ended) = (EpisodeStatistics::default(), false);
        Ok(())
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let step = self.env.step(action, rng, observation)?;
        let Books { episode_count, current, ended, last } = &mut self.books;
        current.episode_return += step.reward;
        current.length += 1;
        *ended = step.terminated || step.truncated;
        if *ended {
            current.seconds = (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e6;
            *episode_count += 1;
            if last.len() == self.buffer_length {
                last.pop_front();
            }
            if self.buffer_length > 0 {
                last.push_back(*current);
            }
        }
        Ok(step)
    }

    fn info(&self) -> Info {
        let mut info = self.env.info();
        if self.books.ended {
            let EpisodeStatistics { episode_return, length, seconds } = self.books.current;
            info.insert(self.stats_key.clone(), json!({"r": episode_return, "l": length, "t": seconds}));
        }
        info
    }

    fn save(&self) -> Option<Vec<u8>> {
        state::save(&self.books, &self.env)
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.books = state::restore(state, &mut self.env)?;
        self.started = Instant::now();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rows, ScriptedConfig, ScriptedEnv};

    #[test]
    fn the_last_episodes_are_kept() {
        let scripted = ScriptedEnv::new(ScriptedConfig { length: 3.try_into().unwrap(), ..ScriptedConfig::default() });
        let mut env = RecordEpisodeStatistics::new(scripted, 2, "episode").unwrap();
        let (mut rng, mut row) = (Generator::new(0), Rows::for_space(&env.observation_space(), 1));
        for _ in 0..3 {
            env.reset(&mut rng, row.row_mut(0)).unwrap();
            for t in 1..=3 {
                assert!(!env.info().contains_key("episode"), "{t}");
                env.step(Action::Discrete(0), &mut rng, row.row_mut(0)).unwrap();
            }
            let info = &env.info()["episode"];
            assert_eq!((info["r"].as_f64(), info["l"].as_u64()), (Some(6.0), Some(3)));
        }
        assert_eq!(env.episode_count(), 3);
        assert_eq!(env.episodes().map(|e| (e.episode_return, e.length)).collect::<Vec<_>>(), [(6.0, 3); 2]);
    }
}
