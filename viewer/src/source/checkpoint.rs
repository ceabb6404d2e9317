//! Whose weights judge what is shown.

use std::path::{Path, PathBuf};

use cartwheel_agents::Policy;
use cartwheel_trainer::policy_at;
use cartwheel_trainer::run::{Checkpoints, RunDir};

use crate::text;

/// Weights of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Checkpoint {
    /// Those that did best in evaluation; the last ones, if there was no evaluation yet.
    #[default]
    Best,
    /// Those of the last checkpoint.
    Latest,
    /// Those of the checkpoint at this step, while it is kept.
    At(u64),
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
        if let Self::At(step) = self {
            return Ok(Some(Checkpoints::new(run.checkpoints(), 1).path(*step)));
        }
        let best = Some(run.best_weights()).filter(|_| *self == Self::Best);
        Ok(best.into_iter().chain([run.latest_weights()]).find(|path| path.is_file()))
    }

    /// What it is called.
    pub fn name(&self) -> String {
        match self {
            Self::Best => text::BEST_WEIGHTS.to_owned(),
            Self::Latest => text::LATEST_WEIGHTS.to_owned(),
            Self::At(step) => text::weights_at(*step),
            Self::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// The policy, of the run in `folder`. `None` if the run has no weights yet.
    ///
    /// # Errors
    /// If the file cannot be read or is no policy's, in words for people.
    pub fn load(&self, folder: &Path) -> Result<Option<Policy>, String> {
        let Some(path) = self.file(folder)? else { return Ok(None) };
        if let Self::At(_) = self {
            let run = RunDir::open(folder).map_err(|error| error.to_string())?;
            return policy_at(&run, &path).map(Some).map_err(|error| error.to_string());
        }
        Policy::load(&path).map(Some).map_err(|error| error.to_string())
    }

    /// The same, or the best if it is of a step at which the run in `folder` has no checkpoint: of another run, or gone.
    pub fn or_best(&self, folder: &Path) -> Self {
        match self {
            Self::At(_) if !self.file(folder).is_ok_and(|file| file.is_some_and(|file| file.is_file())) => Self::Best,
            own => own.clone(),
        }
    }

    /// All that a run with checkpoints at these steps offers: the best and the latest, and then the newest first.
    pub fn offered(steps: &[u64]) -> impl Iterator<Item = Self> + '_ {
        [Self::Best, Self::Latest].into_iter().chain(steps.iter().rev().map(|step| Self::At(*step)))
    }
}
