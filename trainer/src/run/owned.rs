//! A run that this process writes: made or gone on with, and brought to its end.

use std::fmt::Display;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::atomic::write_atomic;
use super::clock::from_rfc3339;
use super::dir::{RunDir, default_name};
use super::error::RunError;
use super::lock::RunLock;
use super::manifest::{Manifest, Outcome};
use super::row_log::ExtraLogs;
use super::wandb::WandbRun;

/// A run's folder, locked by this process, with its manifest.
pub(crate) struct OwnedRun {
    pub(crate) dir: RunDir,
    pub(crate) manifest: Manifest,
    /// Whether it was made here, and not gone on with.
    is_new: bool,
    /// Whether it goes on.
    has_begun: bool,
    _lock: RunLock,
}

impl OwnedRun {
    /// A new folder in `runs`, with the configuration that is to be run; `name` is its own, or one is made up.
    pub(crate) fn create(runs: &Path, name: Option<&str>, manifest: Manifest, config: &str) -> Result<Self, RunError> {
        let fill = |dir: &RunDir| {
            manifest.save(&dir.manifest())?;
            write_config(dir, config)
        };
        let dir = match name {
            Some(name) => RunDir::create(runs, name, &fill)?,
            None => {
                let name = default_name(&manifest.env, &manifest.algo, manifest.seed, SystemTime::now());
                RunDir::create_unique(runs, &name, &fill)?
            }
        };
        let lock = dir.lock()?;
        Ok(Self { dir, manifest, is_new: true, has_begun: false, _lock: lock })
    }

    /// A run that is there.
    pub(crate) fn reopen(dir: RunDir) -> Result<Self, RunError> {
        let lock = dir.lock()?;
        let manifest = Manifest::load(&dir.manifest())?;
        Ok(Self { dir, manifest, is_new: false, has_begun: false, _lock: lock })
    }

    /// Notes that it is to go on for longer, by another configuration, where it had `done` so much.
    pub(crate) fn extend(&mut self, done: u64, config: &str) -> Result<(), RunError> {
        write_config(&self.dir, config)?;
        self.manifest.extended_at.push(done);
        Ok(())
    }

    /// Notes that it goes on: from a checkpoint, or from its beginning after it had ended.
    pub(crate) fn begin(&mut self, from_checkpoint: bool) -> Result<(), RunError> {
        self.has_begun = true;
        if from_checkpoint || self.manifest.outcome != Outcome::Running {
            self.manifest.resume();
            self.manifest.save(&self.dir.manifest())?;
        }
        Ok(())
    }

    /// Notes how it ended; of one that was to go on and never did, nothing. The folder of one that failed before anything came of it is
    /// removed: its name is free for the next attempt. The run stays locked as long as this lives.
    pub(crate) fn end<S: Serialize, E: Display>(
        &mut self,
        result: &Result<S, E>,
        interrupted: impl FnOnce(&S) -> bool,
    ) {
        if result.is_err() && self.is_new && self.is_bare() && self.remove().is_ok() {
            tracing::info!("{} is removed: nothing came of the run", self.dir.path().display());
            return;
        }
        if result.is_err() && !self.is_new && !self.has_begun {
            return;
        }
        let outcome = match result {
            Ok(summary) if interrupted(summary) => Outcome::Interrupted,
            Ok(_) => Outcome::Finished,
            Err(error) => Outcome::Failed { message: error.to_string() },
        };
        self.manifest.end(outcome, result.as_ref().ok().and_then(|summary| serde_json::to_value(summary).ok()));
        if let Err(error) = self.manifest.save(&self.dir.manifest()) {
            // The run itself is complete; what it came to must still be told.
            tracing::warn!("{error}");
        }
    }

    /// Takes its folder away at once, however long it takes to remove what is in it.
    fn remove(&self) -> std::io::Result<()> {
        let name = self.dir.path().file_name().unwrap_or_default().to_string_lossy();
        let gone = self.dir.path().with_file_name(format!(".{name}.gone"));
        fs::rename(self.dir.path(), &gone)?;
        // A rest of it is no run of that name any more.
        let _ = fs::remove_dir_all(&gone);
        Ok(())
    }

    /// Whether it has no checkpoint, no row of metrics and no episode.
    fn is_bare(&self) -> bool {
        let is_empty = |log: &Path| fs::metadata(log).is_ok_and(|file| file.len() == 0);
        let unsaved = fs::read_dir(self.dir.checkpoints()).is_ok_and(|mut files| files.next().is_none());
        unsaved && is_empty(&self.dir.metrics()) && is_empty(&self.dir.episodes())
    }
}

fn write_config(dir: &RunDir, config: &str) -> Result<(), RunError> {
    let file = dir.config();
    write_atomic(&file, |out| out.write_all(config.as_bytes())).map(drop).map_err(RunError::io("write", &file))
}

/// What a finished run said when it finished; nothing if it is not finished.
pub(crate) fn finished<S: DeserializeOwned>(dir: &RunDir) -> Result<Option<S>, RunError> {
    let manifest = Manifest::load(&dir.manifest())?;
    let (Outcome::Finished, Some(result)) = (manifest.outcome, manifest.result) else { return Ok(None) };
    serde_json::from_value(result)
        .map(Some)
        .map_err(|error| RunError::Malformed { file: dir.manifest(), problem: format!("its result: {error}") })
}

impl ExtraLogs {
    /// The logs of the run in `dir` that its settings ask for; `wandb` is the project there. Sections of `config` become
    /// nested tables, which W&B shows as `dqn.learning_rate`.
    pub(crate) fn of(dir: &RunDir, csv: bool, wandb: Option<&str>, config: &str) -> Result<Self, RunError> {
        let describe = |project: &str| -> Result<WandbRun, RunError> {
            let started = Manifest::load(&dir.manifest())?.started;
            let config = toml::from_str(config)
                .map_err(|error| RunError::Malformed { file: dir.config(), problem: error.to_string() })?;
            Ok(WandbRun {
                project: project.to_owned(),
                name: dir.name(),
                config,
                started: from_rfc3339(&started).unwrap_or_else(SystemTime::now),
            })
        };
        Ok(Self { csv, wandb: wandb.map(describe).transpose()? })
    }
}
