//! Checkpoints of a fit: everything that the next step depends on.

use std::collections::BTreeSet;

use cartwheel_agents::nn::optim::{Ema, LossScaler, SolverState};
use serde::{Deserialize, Serialize};

use crate::run::LogPositions;
use crate::supervised::task::{Tally, Task};

/// What is counted, and summed up since the last row of metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::supervised) struct Books {
    /// Whole epochs done.
    pub(in crate::supervised) epochs: u64,
    /// How many samples of the order of the epoch after them were gone through, by all processes.
    pub(in crate::supervised) epoch_at: u64,
    /// Steps of the optimizer.
    pub(in crate::supervised) steps: u64,
    /// Samples learnt from.
    pub(in crate::supervised) samples: u64,
    /// Seconds of training, without looking at other samples.
    pub(in crate::supervised) wall_s: f64,
    /// Of that those of the epoch.
    pub(in crate::supervised) epoch_s: f64,
    /// Over the epoch.
    pub(in crate::supervised) epoch: Tally,
    /// Since the last row of metrics.
    pub(in crate::supervised) window: Tally,
    /// Norms of the gradient, and how many: over the epoch, and since the last row of metrics.
    pub(in crate::supervised) norms: [(f64, u64); 2],
    /// Samples and seconds of training at the last row of metrics.
    pub(in crate::supervised) row_at: (u64, f64),
    /// The learning rate of the last step.
    pub(in crate::supervised) learning_rate: f64,
    /// The best epoch and what it came to.
    pub(in crate::supervised) best: Option<(u64, f64)>,
    /// Epochs since.
    pub(in crate::supervised) waited: u64,
    /// Files that were skipped, and why.
    pub(in crate::supervised) skipped: BTreeSet<String>,
}

/// A number that other samples do not have: the CRC-32C of what identifies them.
pub(in crate::supervised) fn fingerprint(task: &dyn Task) -> u32 {
    let mut crc = 0;
    task.identify(&mut |bytes| crc = crc32c::crc32c_append(crc, bytes));
    crc
}

/// A checkpoint, of the whole model.
#[derive(Serialize, Deserialize)]
pub(in crate::supervised) struct Checkpoint {
    pub(in crate::supervised) books: Books,
    /// The [`fingerprint`] of what was learnt from.
    pub(in crate::supervised) data: u32,
    pub(in crate::supervised) logs: LogPositions,
    pub(in crate::supervised) parameters: Vec<f32>,
    pub(in crate::supervised) solver: SolverState,
    pub(in crate::supervised) ema: Option<Ema<f32>>,
    /// Of mixed precision.
    pub(in crate::supervised) scaler: Option<LossScaler>,
}
