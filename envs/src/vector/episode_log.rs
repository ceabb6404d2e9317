//! Saving environments that cannot save themselves: by what their episode did.

use serde::{Deserialize, Serialize};

use crate::{Action, EnvError, Generator, Result, Row, Rows, Space, Statistics};

/// What [`VectorEnv::save`](super::VectorEnv::save) writes of an environment, in postcard: exact for every float.
#[derive(Serialize, Deserialize)]
pub(crate) struct Saved {
    /// Where the environment's generator is.
    pub(crate) generator: Generator,
    /// Where it was before the episode.
    pub(crate) episode: Generator,
    /// The present observation.
    pub(crate) observation: Rows,
    pub(crate) state: SavedEnv,
}

/// An environment's own state, or how it came to it.
#[derive(Serialize, Deserialize)]
pub(crate) enum SavedEnv {
    State(Vec<u8>),
    Episode(EpisodeLog),
}

impl Saved {
    /// Reads a state of an environment with this observation space.
    pub(crate) fn read(state: &[u8], space: &Space) -> Result<Self> {
        let saved: Self = postcard::from_bytes(state).map_err(EnvError::bad_state)?;
        let rows = &saved.observation;
        if (rows.len(), rows.width(), rows.dtype()) != (1, space.width(), space.dtype()) {
            return Err(EnvError::bad_state("it is of an environment with other observations"));
        }
        Ok(saved)
    }

    /// Checks that the episode, played again, has led to where it was saved.
    pub(crate) fn check(&self, generator: &Generator, observation: Row<'_>) -> Result<()> {
        if *generator != self.generator || observation != self.observation.row(0) {
            return Err(EnvError::bad_state("its actions lead elsewhere now: the environment is not deterministic"));
        }
        Ok(())
    }
}

/// An episode so far: repeated from its generator, it leads to the same state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EpisodeLog {
    /// Of the environment's wrappers, as they were before the reset: they outlive episodes.
    pub(crate) statistics: Vec<Statistics>,
    /// Of discrete and of several integers.
    integers: Vec<i32>,
    continuous: Vec<f32>,
}

impl EpisodeLog {
    /// Forgets everything, to begin an episode.
    pub(crate) fn clear(&mut self) {
        self.statistics.clear();
        self.integers.clear();
        self.continuous.clear();
    }

    /// Adds a step.
    #[inline]
    pub(crate) fn push(&mut self, action: Action<'_>) {
        match action {
            Action::Discrete(action) => self.integers.push(action),
            Action::Multi(values) => self.integers.extend_from_slice(values),
            Action::Continuous(values) => self.continuous.extend_from_slice(values),
        }
    }

    /// The actions so far, which are of `space`.
    pub(crate) fn actions(&self, space: &Space) -> impl Iterator<Item = Action<'_>> {
        let width = space.width();
        let single = matches!(space, Space::Discrete { .. });
        let integers = self.integers.chunks_exact(width);
        let integers = integers.map(move |row| if single { Action::Discrete(row[0]) } else { Action::Multi(row) });
        integers.chain(self.continuous.chunks_exact(width).map(Action::Continuous))
    }

    /// How many steps there were of actions of `space`.
    pub(crate) fn len(&self, space: &Space) -> usize {
        (self.integers.len() + self.continuous.len()) / space.width()
    }
}
