//! Whose weights judge what is shown.

use std::path::{Path, PathBuf};

use cartwheel_agents::Policy;
use cartwheel_trainer::run::RunDir;

use crate::text;

/// Weights of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Checkpoint {
    /// Those that did best in evaluation; the last ones, if there was no evaluation yet.
    #[default]
    Best,
    /// Those of the last checkpoint.
    Latest,
    /// Those in this file.
    File(PathBuf),
}

impl Checkpoint {
    /// The file, of the run in `folder`. `None` if the run has no weights yet.
    ///
    /// # Errors
    /// If the folder is no run's, in words for people.
    pub fn file(&self, folder: &Path) -> Result<Option<PathBuf>, String> {
        if let Self::File(path) = self {
            return Ok(Some(path.clone()));
        }
        let run = RunDir::open(folder).map_err(|error| error.to_string())?;
        let best = Some(run.best_weights()).filter(|_| *self == Self::Best);
        Ok(best.into_iter().chain([run.latest_weights()]).find(|path| path.is_file()))
    }

    /// What it is called.
    pub fn name(&self) -> String {
        match self {
            Self::Best => text::BEST_WEIGHTS.to_owned(),
            Self::Latest => text::LATEST_WEIGHTS.to_owned(),
            Self::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// The policy, of the run in `folder`. `None` if the run has no weights yet.
    ///
    /// # Errors
    /// If the file cannot be read or is no policy's, in words for people.
    pub fn load(&self, folder: &Path) -> Result<Option<Policy>, String> {
        let file = self.file(folder)?;
        file.map(|path| Policy::load(&path).map_err(|error| error.to_string())).transpose()
    }
}
