//! Tables of results: an algorithm on an environment, with many seeds, beside what others reached.
//!
//! A seed is a run like any other, in a folder of its own. One that is there and finished is not run again; one that was
//! interrupted goes on from its last checkpoint.

mod report;
mod table;

pub use report::{Results, page};
pub use table::{Row, Table};

use std::path::Path;

use crate::{ActorCount, Settings, TrainError};

impl Row {
    /// The settings of the seed `seed` of this row, as a run in the folder `runs`: the shipped ones, to their end.
    ///
    /// # Errors
    /// Never for a released build: a test loads every shipped file.
    pub fn settings(&self, seed: u64, runs: &Path) -> Result<Settings, TrainError> {
        let mut settings = Settings::shipped(self.algo, &self.env)?;
        settings.train.seed = seed;
        settings.train.stop_when_solved = false;
        settings.train.actors = ActorCount::Exactly(1);
        settings.run.dir = runs.display().to_string();
        settings.run.name = Some(self.run_name(seed));
        settings.run.record_episodes = false;
        settings.run.watch = false;
        Ok(settings)
    }

    /// The name of a seed's run.
    pub fn run_name(&self, seed: u64) -> String {
        let env = self.env.replace(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)), "-");
        format!("{env}-{}-s{seed}", self.algo)
    }
}
