//! What a training run tells those who listen: progress bars, loggers, viewers, or code of your own.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use crate::doctor::Finding;
use crate::evaluation::Evaluation;
use crate::experiment::Summary;
use crate::run::{EpisodeRecord, MetricsRow, WriteCost};

/// Something that happened in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Training begins, or goes on after `steps` environment steps; `run` is the run's folder.
    Started {
        /// The run's folder.
        run: &'a Path,
        /// Environment steps done before.
        steps: u64,
        /// Environment steps to do in all.
        total_timesteps: u64,
    },
    /// A decision, in words.
    Notice(&'a str),
    /// Something that went wrong but does not stop the run, in words.
    Warning(&'a str),
    /// An update was made. Comes after each, so what listens should be quick.
    Progress(Progress),
    /// An episode of an actor ended.
    EpisodeEnd(&'a EpisodeRecord),
    /// A row of metrics was written.
    Metrics(&'a MetricsRow),
    /// Something is wrong with the run by its metrics, found for the first time.
    Finding(&'a Finding),
    /// An evaluation was played.
    Evaluation {
        /// Environment steps done.
        steps: u64,
        /// Its returns.
        evaluation: &'a Evaluation,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// Environment steps done.
        steps: u64,
        /// What it cost.
        cost: WriteCost,
    },
    /// Training is over.
    Ended(&'a Summary),
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Environment steps.
    pub steps: u64,
    /// Gradient steps.
    pub updates: u64,
    /// Finished episodes.
    pub episodes: u64,
    /// Chance of a random action.
    pub epsilon: f64,
    /// Mean return of the last hundred episodes, once there is one.
    pub mean_return: Option<f64>,
    /// The share of those in which the task was achieved, where the environment tells (`is_success`).
    pub success_rate: Option<f64>,
    /// Time spent training, without evaluations and the time for which viewers held the run.
    pub elapsed: Duration,
}

/// Listens to a run; [`ControlFlow::Break`] ends it in order. Closures are callbacks:
///
/// ```
/// use std::ops::ControlFlow;
/// use cartwheel_trainer::{Callback, Event};
///
/// let mut episodes = 0;
/// let mut stop_after_a_thousand = |event: &Event<'_>| {
///     if let Event::EpisodeEnd(_) = event {
///         episodes += 1;
///     }
///     if episodes < 1000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
/// };
/// # fn check(_: &mut dyn Callback) {}
/// # check(&mut stop_after_a_thousand);
/// ```
pub trait Callback {
    /// Called with every event, on the learner's thread.
    fn on_event(&mut self, event: &Event<'_>) -> ControlFlow<()>;
}

impl<F: FnMut(&Event<'_>) -> ControlFlow<()>> Callback for F {
    fn on_event(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        self(event)
    }
}
