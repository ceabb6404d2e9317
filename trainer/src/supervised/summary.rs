//! What a fit comes to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::report::Report;

/// What a fit came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitSummary {
    /// The model.
    pub model: String,
    /// Numbers that were learnt.
    pub parameters: u64,
    /// Whole epochs.
    pub epochs: u64,
    /// The epoch whose weights are kept as the best; none before the first was over.
    pub best_epoch: Option<u64>,
    /// Steps of the optimizer.
    pub steps: u64,
    /// Samples learnt from.
    pub samples: u64,
    /// How the best weights do on samples that were not learnt from: to test if there are any, else to validate, else those
    /// that were learnt from. None for a run that was stopped.
    pub report: Option<Report>,
    /// Files of samples that are broken and were gone on without (`images.on_broken = "skip"`), and why.
    #[serde(default)]
    pub skipped: Vec<String>,
    /// Seconds of training, without looking at other samples.
    pub wall_s: f64,
    /// Samples learnt from a second, by all processes together.
    pub samples_per_s: f64,
    /// Processes that trained it together.
    #[serde(default = "one")]
    pub processes: usize,
    /// Stages that each model was cut into.
    #[serde(default = "one")]
    pub stages: usize,
    /// The run's folder.
    pub run: PathBuf,
    /// The seed.
    pub seed: u64,
    /// Whether validation did not get better any more.
    pub early_stopped: bool,
    /// Whether it was stopped on demand and can be resumed.
    pub interrupted: bool,
}

/// As runs of before had.
fn one() -> usize {
    1
}
