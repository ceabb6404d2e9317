//! Runs beside each other: groups of seeds, what each came to, and how sure that is.
//!
//! Runs with the same settings are one group, whatever their seeds. A run's return is the mean of its last evaluation, as in
//! `cartwheel reproduce`; groups are compared as rliable does (Agarwal et al. 2021, <https://arxiv.org/abs/2108.13264>):
//! interquartile means, their bootstrap intervals, and the probability of improvement. All runs are of one environment, so
//! that there is one stratum and the stratified bootstrap is the plain one over seeds.

mod curves;
mod group;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use curves::curves;
pub use group::{Compared, Group};
use serde::Serialize;

use crate::run::{Manifest, Outcome, RunDir};
use crate::statistics::{improvement_ci, probability_of_improvement};
use crate::{Settings, Summary, TrainError};

/// Resamples of every bootstrap.
const RESAMPLES: usize = 10_000;

/// Groups of runs of one environment.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The environment's id.
    pub env: String,
    /// The groups, the highest interquartile mean first.
    pub groups: Vec<Group>,
    /// Runs that are not in them.
    pub left_out: Vec<LeftOut>,
    /// The return at which the task counts as solved, where that is known.
    pub threshold: Option<f64>,
}

/// A run that is not compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// Its folder.
    pub run: PathBuf,
    /// Why.
    pub why: String,
}

/// How likely a run of one group does better than one of another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Improvement {
    /// The group that may be better.
    pub x: String,
    /// The other.
    pub y: String,
    /// The share of pairs of their runs in which that of `x` has the higher return; ties count half.
    pub probability: f64,
    /// Its 95 % bootstrap interval.
    pub ci95: (f64, f64),
}

/// A run that was read.
struct Found {
    path: PathBuf,
    settings: Settings,
    summary: Summary,
    /// See [`Manifest::extended_at`].
    extended_at: Vec<u64>,
}

impl Comparison {
    /// Compares the runs in these folders; a folder that is no run but holds runs stands for all of them.
    ///
    /// # Errors
    /// If one is no run, if there is no finished run among them, or if they are of different environments.
    pub fn of(paths: &[PathBuf]) -> Result<Self, TrainError> {
        let mut left_out = Vec::new();
        let mut found: Vec<Found> = Vec::new();
        for path in expand(paths)? {
            match read(&path)? {
                Err(why) => left_out.push(LeftOut { run: path, why }),
                Ok(run) if let Some(twin) = found.iter().find(|other| same_run(other, &run)) => {
                    let why = format!("{} has the same settings and the same seed", twin.path.display());
                    left_out.push(LeftOut { run: path, why });
                }
                Ok(run) => found.push(run),
            }
        }
        let Some(first) = found.first() else {
            let why: Vec<_> = left_out.iter().map(|out| format!("\n  {}: {}", out.run.display(), out.why)).collect();
            return Err(TrainError::Unfit(format!("there is no finished run to compare:{}", why.concat())));
        };
        check_environments(&found)?;
        let (env, threshold) = (first.settings.env.id.clone(), threshold(&first.settings));
        Ok(Self { env, groups: group::groups(found), left_out, threshold })
    }

    /// Of each pair of groups, how likely the one with the higher interquartile mean does better.
    pub fn improvements(&self) -> Vec<Improvement> {
        let mut all = Vec::new();
        for (i, x) in self.groups.iter().enumerate() {
            for y in &self.groups[i + 1..] {
                let (a, b) = (x.returns(), y.returns());
                all.push(Improvement {
                    x: x.name.clone(),
                    y: y.name.clone(),
                    probability: probability_of_improvement(&a, &b),
                    ci95: improvement_ci(&a, &b, 0.95, RESAMPLES, 0),
                });
            }
        }
        all
    }
}

/// The runs that are meant.
fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, TrainError> {
    let mut runs: Vec<PathBuf> = Vec::new();
    // `sweeps/a/trial-0003-s*` also names the logs of a sweep, which lie beside its runs.
    let is_log =
        |path: &PathBuf| path.extension().is_some_and(|e| e == "log") && RunDir::open(path.with_extension("")).is_ok();
    for path in paths.iter().filter(|path| !is_log(path)) {
        let inside = match RunDir::open(path) {
            Ok(_) => vec![path.clone()],
            Err(error) => {
                let listed = RunDir::list(path).unwrap_or_default().into_iter();
                let inside: Vec<_> = listed.map(|run| run.path).filter(|path| RunDir::open(path).is_ok()).collect();
                if inside.is_empty() {
                    return Err(error.into());
                }
                inside
            }
        };
        for run in inside {
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
    }
    Ok(runs)
}

/// A run's settings and summary, or why it has none to compare.
fn read(path: &Path) -> Result<Result<Found, String>, TrainError> {
    let run = RunDir::open(path)?;
    let manifest = Manifest::load(&run.manifest())?;
    let settings = Settings::from_file(&run.config())?;
    let why = match manifest.outcome {
        Outcome::Finished => "it has no final evaluation".to_owned(),
        Outcome::Running if run.is_locked() => "it is still running".to_owned(),
        Outcome::Running => format!("it was killed: cartwheel train --resume {} goes on with it", path.display()),
        Outcome::Interrupted => {
            format!("it was interrupted: cartwheel train --resume {} goes on with it", path.display())
        }
        Outcome::Failed { message } => format!("it failed: {message}"),
    };
    let summary = manifest.result.and_then(|result| serde_json::from_value::<Summary>(result).ok());
    Ok(match summary {
        Some(summary) if summary.greedy_return.is_some() && !summary.interrupted => {
            Ok(Found { path: path.to_owned(), settings, summary, extended_at: manifest.extended_at })
        }
        _ => Err(why),
    })
}

fn same_run(a: &Found, b: &Found) -> bool {
    a.settings.train.seed == b.settings.train.seed && group::identity(a) == group::identity(b)
}

/// Refuses runs whose returns do not measure the same thing.
fn check_environments(found: &[Found]) -> Result<(), TrainError> {
    let mut envs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Found { path, settings, .. } in found {
        let env = &settings.env;
        let args: String = env.args.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        envs.entry(format!("{}{args}", env.id)).or_default().push(path.display().to_string());
    }
    if envs.len() == 1 {
        return Ok(());
    }
    let envs: Vec<_> = envs.iter().map(|(env, runs)| format!("\n  {env}: {}", runs.join(", "))).collect();
    Err(TrainError::Unfit(format!(
        "these runs are of different environments, whose returns cannot be compared: compare those of one at a time{}",
        envs.concat()
    )))
}

/// The return at which the task counts as solved. Python is not started to ask.
fn threshold(settings: &Settings) -> Option<f64> {
    let builder = settings.env.builder();
    settings
        .eval
        .solved_at
        .or_else(|| if builder.is_python() { None } else { builder.make().ok()?.spec().reward_threshold })
}
