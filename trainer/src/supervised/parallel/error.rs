//! What ends a run of several processes.

use serde::{Deserialize, Serialize};

/// Why processes cannot train together, or not any more. They tell it each other, so that all of them name the same cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum ParallelError {
    /// Processes, or the variables that number them, do not fit together.
    #[error("{0}")]
    Unfit(String),
    /// They did not find each other.
    #[error("{0}")]
    Apart(String),
    /// It was asked to end before all had met.
    #[error("stopped before all processes had met")]
    Stopped,
    /// A process is gone, and did not say why.
    #[error("rank {rank} is gone: {how}")]
    Gone {
        /// Its rank.
        rank: usize,
        /// What is known of it.
        how: String,
    },
    /// A process failed.
    #[error("rank {rank} failed: {error}")]
    Failed {
        /// Its rank.
        rank: usize,
        /// What it said.
        error: String,
    },
}
