//! Runs with the same settings but for their seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{Found, RESAMPLES};
use crate::statistics::{bootstrap_ci, iqm, mean_std, median};

/// A run of a group.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Its folder.
    pub path: PathBuf,
    /// Its seed.
    pub seed: u64,
    /// Environment steps.
    pub steps: u64,
    /// Mean return of its last evaluation.
    pub return_: f64,
}

/// Runs that differ in their seeds only.
#[derive(Clone, Debug)]
pub struct Group {
    /// The algorithm, and what sets the group apart from others of it.
    pub name: String,
    /// The algorithm.
    pub algo: String,
    /// The settings in which the groups of its algorithm differ.
    pub settings: BTreeMap<String, String>,
    /// The runs, by their seeds.
    pub runs: Vec<Compared>,
}

impl Group {
    /// The returns of its runs.
    pub fn returns(&self) -> Vec<f64> {
        self.runs.iter().map(|run| run.return_).collect()
    }

    /// Interquartile mean.
    pub fn iqm(&self) -> f64 {
        iqm(&self.returns())
    }

    /// 95 % bootstrap interval of the interquartile mean.
    pub fn ci95(&self) -> (f64, f64) {
        bootstrap_ci(&self.returns(), iqm, 0.95, RESAMPLES, 0)
    }

    /// Mean and standard deviation over seeds.
    pub fn mean_std(&self) -> (f64, f64) {
        mean_std(&self.returns())
    }

    /// Median.
    pub fn median(&self) -> f64 {
        median(&self.returns())
    }
}

/// What makes a run what it is: its settings without its seed, and without where it ran and what it kept; and when it was extended,
/// as what depends on a run's length was another until then.
pub(super) fn identity(Found { settings, extended_at, .. }: &Found) -> BTreeMap<String, String> {
    const APART: [&str; 9] = [
        "train.seed",
        "train.log_interval",
        "train.actors",
        "train.device",
        "env.info_keywords",
        "env.python",
        "env.python_workers",
        "env.python_timeout",
        "env.on_worker_death",
    ];
    let values = settings.values().into_iter();
    let extended = extended_at.iter().map(|steps| format!("at {steps}")).collect::<Vec<_>>().join(", ");
    let extended = ("extended".to_owned(), if extended.is_empty() { "never".to_owned() } else { extended });
    values
        .filter(|(key, _)| !key.starts_with("run.") && !APART.contains(&key.as_str()))
        .chain(std::iter::once(extended))
        .collect()
}

/// Groups runs, and names the groups by what differs.
pub(super) fn groups(found: Vec<Found>) -> Vec<Group> {
    let mut by_settings: BTreeMap<BTreeMap<String, String>, Vec<Compared>> = BTreeMap::new();
    // What is seen of each setting, by algorithm: another algorithm sets a group apart by its name.
    let mut seen: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for run in found {
        let identity = identity(&run);
        let Found { path, settings, summary, .. } = run;
        for (key, value) in &identity {
            seen.entry((settings.train.algo.to_string(), key.clone())).or_default().insert(value.clone());
        }
        let return_ = summary.greedy_return.map_or(f64::NAN, |greedy| greedy.mean);
        let run = Compared { path, seed: settings.train.seed, steps: summary.steps, return_ };
        by_settings.entry(identity).or_default().push(run);
    }
    let mut groups: Vec<Group> = by_settings
        .into_iter()
        .map(|(identity, mut runs)| {
            runs.sort_by_key(|run| run.seed);
            let algo = identity.get("train.algo").cloned().unwrap_or_default();
            let differs = |key: &String| seen.get(&(algo.clone(), key.clone())).is_some_and(|values| values.len() > 1);
            let settings: BTreeMap<_, _> = identity.into_iter().filter(|(key, _)| differs(key)).collect();
            let own = format!("{algo}.");
            let told =
                settings.iter().map(|(key, value)| format!(" {}={value}", key.strip_prefix(&own).unwrap_or(key)));
            let name = format!("{algo}{}", told.collect::<String>());
            Group { name, algo, settings, runs }
        })
        .collect();
    groups.sort_by(|a, b| b.iqm().total_cmp(&a.iqm()).then_with(|| a.name.cmp(&b.name)));
    groups
}
