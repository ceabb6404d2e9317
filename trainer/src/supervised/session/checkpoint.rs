//! Checkpoints of a fit: everything that the next step depends on.

use std::collections::BTreeSet;

use cartwheel_agents::nn::optim::{Ema, LossScaler, SolverState};
use serde::{Deserialize, Serialize};

use super::{Session, tolerated};
use crate::TrainError;
use crate::run::LogPositions;
use crate::supervised::events::FitEvent;
use crate::supervised::task::{Tally, Task};
use crate::watch::Activity;

/// What is counted, and summed up since the last row of metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Whole epochs done.
    pub(crate) epochs: u64,
    /// How many samples of the order of the epoch after them were gone through, by all processes.
    pub(crate) epoch_at: u64,
    /// Steps of the optimizer.
    pub(crate) steps: u64,
    /// Samples learnt from.
    pub(crate) samples: u64,
    /// Seconds of training, without looking at other samples.
    pub(crate) wall_s: f64,
    /// Of that those of the epoch.
    pub(crate) epoch_s: f64,
    /// Over the epoch.
    pub(crate) epoch: Tally,
    /// Since the last row of metrics.
    pub(crate) window: Tally,
    /// Norms of the gradient, and how many: over the epoch, and since the last row of metrics.
    pub(crate) norms: [(f64, u64); 2],
    /// Samples and seconds of training at the last row of metrics.
    pub(crate) row_at: (u64, f64),
    /// The learning rate of the last step.
    pub(crate) learning_rate: f64,
    /// The best epoch and what it came to.
    pub(crate) best: Option<(u64, f64)>,
    /// Epochs since.
    pub(crate) waited: u64,
    /// Files that were skipped, and why.
    pub(crate) skipped: BTreeSet<String>,
}

/// A number that other samples do not have: the CRC-32C of what identifies them.
pub(crate) fn fingerprint(task: &dyn Task) -> u32 {
    let mut crc = 0;
    task.identify(&mut |bytes| crc = crc32c::crc32c_append(crc, bytes));
    crc
}

/// A checkpoint, of the whole model.
#[derive(Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) counters: Counters,
    /// The [`fingerprint`] of what was learnt from.
    pub(crate) data: u32,
    pub(crate) logs: LogPositions,
    pub(crate) parameters: Vec<f32>,
    pub(crate) solver: SolverState,
    pub(crate) ema: Option<Ema<f32>>,
    /// Of mixed precision.
    pub(crate) scaler: Option<LossScaler>,
}

impl Session<'_> {
    /// Writes a checkpoint and the weights. A disk that refuses does not stop training: what was saved before stays.
    ///
    /// # Errors
    /// If another stage is lost.
    pub(crate) fn checkpoint(&mut self) -> Result<(), TrainError> {
        // The last epoch's is the last of all.
        if !self.mesh.is_kept() || self.saved_at.replace(self.counters.steps) == Some(self.counters.steps) {
            return Ok(());
        }
        self.watch.doing(Activity::Writing);
        self.note_skipped();
        if let Some(error) = tolerated(self.try_checkpoint())? {
            let notice = format!(
                "the checkpoint at step {} could not be written: {error}; training goes on",
                self.counters.steps
            );
            self.tell(&FitEvent::Warning(&notice));
        }
        Ok(())
    }

    /// Takes down which files were skipped.
    pub(crate) fn note_skipped(&mut self) {
        self.counters.skipped.extend(self.task.skipped());
    }

    fn try_checkpoint(&mut self) -> Result<(), TrainError> {
        // All that others have comes before anything is written: a disk that refuses leaves nobody waiting.
        let whole = self.whole()?;
        let latest = self.save_weights(&self.run.latest_weights()).map(drop);
        let refused = tolerated(latest)?;
        let has_no_best = self.counters.best.is_none();
        if self.mesh.stages.share(&has_no_best)?.unwrap_or(has_no_best) {
            self.save_best()?;
        }
        if let Some(error) = refused {
            return Err(error);
        }
        if let Some((parameters, solver, ema)) = whole {
            let state = Checkpoint {
                counters: self.counters.clone(),
                data: self.data,
                logs: self.writer.sync()?,
                parameters: parameters.to_flat(),
                solver,
                ema,
                scaler: self.scaler.clone(),
            };
            self.checkpoints.save(self.counters.steps, &state)?;
        }
        Ok(())
    }
}
