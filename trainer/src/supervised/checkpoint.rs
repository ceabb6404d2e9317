//! Checkpoints of a fit: everything that the next step depends on.

use std::collections::BTreeSet;

use cartwheel_agents::nn::optim::{Ema, LossScaler, SolverState};
use serde::{Deserialize, Serialize};

use super::task::{Tally, Task};
use crate::run::LogPositions;

/// What is counted, and summed up since the last row of metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Books {
    /// Whole epochs done.
    pub(super) epochs: u64,
    /// How many samples of the order of the epoch after them were gone through, by all processes.
    pub(super) epoch_at: u64,
    /// Steps of the optimizer.
    pub(super) steps: u64,
    /// Samples learnt from.
    pub(super) samples: u64,
    /// Seconds of training, without looking at other samples.
    pub(super) wall_s: f64,
    /// Of that those of the epoch.
    pub(super) epoch_s: f64,
    /// Over the epoch.
    pub(super) epoch: Tally,
    /// Since the last row of metrics.
    pub(super) window: Tally,
    /// Norms of the gradient, and how many: over the epoch, and since the last row of metrics.
    pub(super) norms: [(f64, u64); 2],
    /// Samples and seconds of training at the last row of metrics.
    pub(super) row_at: (u64, f64),
    /// The learning rate of the last step.
    pub(super) learning_rate: f64,
    /// The best epoch and what it came to.
    pub(super) best: Option<(u64, f64)>,
    /// Epochs since.
    pub(super) waited: u64,
    /// Files that were skipped, and why.
    pub(super) skipped: BTreeSet<String>,
}

/// A number that other samples do not have: the CRC-32C of what identifies them.
pub(super) fn fingerprint(task: &dyn Task) -> u32 {
    let mut crc = 0;
    task.identify(&mut |bytes| crc = crc32c::crc32c_append(crc, bytes));
    crc
}

/// A checkpoint, of the whole model.
#[derive(Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) books: Books,
    /// The [`fingerprint`] of what was learnt from.
    pub(super) data: u32,
    pub(super) logs: LogPositions,
    pub(super) parameters: Vec<f32>,
    pub(super) solver: SolverState,
    pub(super) ema: Option<Ema<f32>>,
    /// Of mixed precision.
    pub(super) scaler: Option<LossScaler>,
}
