//! Which logs a run writes beside its own.

use std::time::SystemTime;

use crate::TrainError;
use crate::config::Settings;
use crate::run::{ExtraLogs, Manifest, RunDir, WandbRun, from_rfc3339};

/// The logs that `settings` ask for, of the run in `run`.
pub(super) fn extra_logs(settings: &Settings, run: &RunDir) -> Result<ExtraLogs, TrainError> {
    let wandb = settings.run.wandb.then(|| describe(settings, run)).transpose()?;
    Ok(ExtraLogs { csv: settings.run.csv, wandb })
}

/// What Weights & Biases is told of the run.
fn describe(settings: &Settings, run: &RunDir) -> Result<WandbRun, TrainError> {
    let started = Manifest::load(&run.manifest())?.started;
    // Sections as nested tables, which wandb shows as `dqn.learning_rate`.
    let config = toml::from_str(&settings.to_toml(false));
    Ok(WandbRun {
        project: settings.run.wandb_project.clone(),
        name: run.name(),
        config: config.map_err(|error| TrainError::Unfit(format!("settings for W&B: {error}")))?,
        started: from_rfc3339(&started).unwrap_or_else(SystemTime::now),
    })
}
