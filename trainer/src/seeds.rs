//! The same experiment with several seeds: one seed says little in reinforcement learning.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::statistics::{bootstrap_ci, iqm, mean_std, median};
use crate::{ActorCount, Clock, Event, Experiment, Settings, Summary, TrainError};

/// What several seeds came to, over their final greedy returns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Interquartile mean (Agarwal et al. 2021).
    pub iqm: f64,
    /// 95 % percentile bootstrap interval of the interquartile mean.
    pub ci95: (f64, f64),
    /// Share of the seeds that solved the task.
    pub solved: f64,
}

impl Aggregate {
    /// Over those of `summaries` that have a final evaluation; nothing if none has.
    pub fn of(summaries: &[Summary]) -> Option<Self> {
        let ended = || summaries.iter().filter_map(|summary| Some((summary.solved, summary.greedy_return?.mean)));
        let returns: Vec<f64> = ended().map(|(_, mean)| mean).collect();
        (!returns.is_empty()).then(|| Self {
            mean: mean_std(&returns).0,
            median: median(&returns),
            iqm: iqm(&returns),
            ci95: bootstrap_ci(&returns, iqm, 0.95, 10_000, 0),
            solved: ended().filter(|(solved, _)| *solved).count() as f64 / returns.len() as f64,
        })
    }
}

/// Trains `settings` with `count` seeds from `settings.train.seed` on, as many at a time as there are cores.
/// Each becomes a run of its own; a name gets the seed appended. Answers in the order of the seeds; `listen` is
/// told of the events of each seed, from several threads.
pub fn train_seeds(
    settings: &Settings,
    count: u64,
    stop: &Arc<AtomicBool>,
    git_revision: Option<&str>,
    listen: &(dyn Fn(u64, &Event<'_>) + Sync),
) -> Vec<Result<Summary, TrainError>> {
    let first = settings.train.seed;
    let of = |i: u64| {
        let mut settings = settings.clone();
        settings.train.seed += i;
        settings.run.name = settings.run.name.map(|name| format!("{name}-s{}", settings.train.seed));
        settings
    };
    let listen = |i: usize, event: &Event<'_>| listen(first + i as u64, event);
    train_all((0..count).map(of).collect(), stop, git_revision, &listen).into_iter().flatten().collect()
}

/// Trains with each of these settings, as many at a time as there are cores. A run of the same name with the same settings
/// is gone on with: one that is finished is left as it is. Answers in their order, nothing for those that were not begun
/// before `stop`; `listen` is told of the events of each, from several threads.
pub fn train_all(
    settings: Vec<Settings>,
    stop: &Arc<AtomicBool>,
    git_revision: Option<&str>,
    listen: &(dyn Fn(usize, &Event<'_>) + Sync),
) -> Vec<Option<Result<Summary, TrainError>>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = settings.iter().map(threads).max().unwrap_or(1);
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<Summary, TrainError>>>> = settings.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..(cores / threads).clamp(1, settings.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = results.get(i) else { break };
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut settings = settings[i].clone();
                    // The runs themselves fill the cores.
                    if settings.train.actors == ActorCount::Auto {
                        settings.train.actors = ActorCount::Exactly(1);
                    }
                    let callback = |event: &Event<'_>| {
                        listen(i, event);
                        ControlFlow::Continue(())
                    };
                    let result = begin(settings).and_then(|experiment| {
                        experiment.stop_when(stop.clone()).git_revision(git_revision).callback(callback).run()
                    });
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    results.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// Threads that a run keeps busy.
fn threads(settings: &Settings) -> usize {
    match (settings.train.clock, settings.train.actors) {
        (Clock::Sync, ActorCount::Exactly(actors)) => actors,
        (Clock::Async, ActorCount::Exactly(actors)) => actors + 1,
        (Clock::Sync, ActorCount::Auto) => 1,
        (Clock::Async, ActorCount::Auto) => 2,
    }
}

/// The run with these settings: a new one, or the one of this name that has them.
fn begin<'a>(settings: Settings) -> Result<Experiment<'a>, TrainError> {
    let Some(name) = &settings.run.name else { return Ok(Experiment::new(settings)) };
    let folder = Path::new(&settings.run.dir).join(name);
    if !folder.exists() {
        return Ok(Experiment::new(settings));
    }
    let mut found = Experiment::resume(&folder)?;
    let how = match () {
        () if *found.settings_mut() != settings => "made with other settings",
        // What depends on a run's length was another at its beginning.
        () if found.was_extended()? => "shorter once and trained further",
        () => return Ok(found),
    };
    Err(TrainError::Unfit(format!(
        "the run {} was {how}: move it away, or choose another folder for the runs",
        folder.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CheckpointCosts, GreedyReturn};

    fn summary(solved: bool, mean: Option<f64>) -> Summary {
        Summary {
            solved,
            solved_at: None,
            greedy_return: mean.map(|mean| GreedyReturn { mean, std: 0.0, episodes: 10, success_rate: None }),
            steps: 1,
            updates: 1,
            episodes: 1,
            wall_s: 1.0,
            cpu_s: 1.0,
            run: "runs/s".into(),
            seed: 1,
            interrupted: mean.is_none(),
            checkpoints: CheckpointCosts::default(),
        }
    }

    #[test]
    fn seeds_without_a_final_evaluation_do_not_count() {
        let summaries =
            [summary(true, Some(8.0)), summary(false, Some(4.0)), summary(true, None), summary(false, None)];
        let aggregate = Aggregate::of(&summaries).expect("two returns");
        assert_eq!((aggregate.mean, aggregate.median, aggregate.solved), (6.0, 6.0, 0.5));
        assert_eq!(Aggregate::of(&summaries[2..]), None);
    }
}
