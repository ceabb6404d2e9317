//! Threads that turn runs into updates of the model.

mod checkpoint;
mod contest;
mod dispatch;
mod episode_infos;
mod files;
mod film;
#[cfg(test)]
pub(crate) mod fixture;
mod latest;
mod live;
mod mirror;
mod replay_threads;
mod replayer;
mod run_follower;
mod sandbox;
mod spaces;
mod what_if;

use std::path::PathBuf;

use cartwheel_trainer::watch;

use crate::model::RunId;

pub use checkpoint::Checkpoint;
pub use contest::{Contender, Contest, Side};
pub(crate) use dispatch::open;
pub(crate) use files::may_hold_runs;
pub use film::{Film, Moment};
pub(crate) use film::{best, scene_bytes};
pub(crate) use mirror::Mirror;
pub(crate) use replayer::settings;
pub(crate) use sandbox::Sandbox;
pub use what_if::{Branch, Move, Question};

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
    /// Reads what the environment told of these episodes of a run, by their places among its own.
    ReadInfos(RunId, PathBuf, Vec<usize>),
    /// Whose weights judge episodes that are played again from now on.
    JudgeBy(Checkpoint),
    /// Plays an episode of the run in a folder otherwise than it went.
    WhatIf(PathBuf, Question),
    /// Plays two policies from one seed.
    Compare([Contender; 2], u64),
    /// The window is closed.
    End,
}
