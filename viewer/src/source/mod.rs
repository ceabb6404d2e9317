//! Threads that turn runs into updates of the model.

mod files;
mod film;
mod run_follower;
mod spaces;

use std::path::PathBuf;

use cartwheel_trainer::watch;

use crate::model::RunId;

pub(crate) use files::Files;
pub use film::{Film, Moment};

/// What the window asks of its sources.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Reads a run's folder, or the runs in a folder, and goes on reading what is added.
    Follow(PathBuf),
    /// Attaches to this run whenever it is live, and to no other.
    Attach(RunId, PathBuf),
    /// Something for the run that is attached to.
    Send(watch::Request),
    /// Plays an episode of a run again: its place among the run's.
    Replay(RunId, PathBuf, usize),
    /// The window is closed.
    End,
}
