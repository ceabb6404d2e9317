//! What a fit tells those who listen.

use std::path::Path;
use std::time::Duration;

use super::task::Tally;

/// Something that happened in a fit.
#[derive(Debug)]
#[non_exhaustive]
pub enum FitEvent<'a> {
    /// It begins, or goes on after some samples.
    Started {
        /// The run's folder.
        run: &'a Path,
        /// Samples learnt from before, over all epochs.
        samples: u64,
        /// Samples to learn from in all.
        total: u64,
        /// What the share of samples that came out right is called.
        score: &'static str,
        /// Whether it is counted in training, and not in validation only.
        scores_training: bool,
    },
    /// A decision, in words.
    Notice(&'a str),
    /// Something that went wrong but does not stop the run, in words.
    Warning(&'a str),
    /// A step of the optimizer was made. Comes after each, so what listens should be quick.
    Progress(FitProgress),
    /// An epoch ended.
    Epoch(&'a EpochEnd),
    /// It is over.
    Ended,
}

/// Where a fit stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitProgress {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Samples learnt from, over all epochs.
    pub samples: u64,
    /// The sums of the epoch so far.
    pub tally: Tally,
}

/// What an epoch came to.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochEnd {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Epochs in all.
    pub epochs: u64,
    /// On what was learnt from, while it was.
    pub train: Tally,
    /// On what says which weights are the best.
    pub validation: Option<Tally>,
    /// Of the last step.
    pub learning_rate: f64,
    /// The mean norm of the gradient, before it was clipped.
    pub grad_norm: f64,
    /// How long it took.
    pub time: Duration,
    /// Whether its weights are the best so far.
    pub best: bool,
}
