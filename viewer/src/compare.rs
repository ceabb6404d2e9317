//! Configurations of runs: filtered, told apart, grouped.

use std::collections::BTreeMap;

use crate::model::{Run, RunId};

/// Settings that say nothing of what was tried: runs that differ in these alone are repetitions of one experiment.
const REPETITION: &[&str] = &["train.seed", "run.name", "run.dir"];

/// Runs that are shown as one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    /// What they are called.
    pub(crate) name: String,
    /// Which they are; at least one.
    pub(crate) runs: Vec<RunId>,
}

/// Whether a run fits a filter: words, of which each must be in its name, or, as `key=value`, in its configuration. A
/// key may be cut at its start (`learning_rate` for `dqn.learning_rate`), a value at its end. Capitals do not matter.
pub(crate) fn fits(run: &Run, filter: &str) -> bool {
    filter.split_whitespace().all(|word| match word.split_once('=') {
        None => run.name.to_lowercase().contains(&word.to_lowercase()),
        Some((key, value)) => run.config.iter().any(|(name, is)| {
            let start = name.len().saturating_sub(key.len());
            let whole = start == 0 || name[..start].ends_with('.');
            let named = name.get(start..).is_some_and(|end| whole && end.eq_ignore_ascii_case(key));
            named && is.get(..value.len()).is_some_and(|start| start.eq_ignore_ascii_case(value))
        }),
    })
}

/// What a run's configuration has otherwise than another's: the setting, its value here and its value there.
pub(crate) fn differences<'a>(run: &'a Run, other: &'a Run) -> Vec<(&'a str, &'a str, &'a str)> {
    let there: BTreeMap<&str, &str> = other.config.iter().map(|(name, value)| (&**name, &**value)).collect();
    let settings = run.config.iter().filter_map(|(name, here)| {
        let there = there.get(&**name)?;
        (here != there).then_some((&**name, &**here, *there))
    });
    settings.collect()
}

/// Runs that differ in no more than their seeds, together, in the order of their first; a run whose configuration is not
/// known is alone. A group is called by what it has otherwise than the first.
pub(crate) fn groups<'a>(runs: impl Iterator<Item = (RunId, &'a Run)>) -> Vec<Group> {
    let mut experiments: Vec<Experiment<'_>> = Vec::new();
    for (id, run) in runs {
        let config: Vec<_> = run.config.iter().filter(|(name, _)| !REPETITION.contains(&&**name)).collect();
        match experiments.iter_mut().find(|other| !config.is_empty() && other.config == config) {
            Some(experiment) => experiment.runs.push(id),
            None => experiments.push(Experiment { config, first: run, runs: vec![id] }),
        }
    }
    let has_otherwise = |experiment: &Experiment<'_>, (name, value): &(String, String)| {
        experiment.config.iter().any(|(other, is)| other == name && is != value)
    };
    let settings = experiments.first().map_or(&[][..], |first| &first.config);
    let varies = |setting: &&&(String, String)| experiments.iter().any(|other| has_otherwise(other, setting));
    let varied: Vec<&str> = settings.iter().filter(varies).map(|(name, _)| name.as_str()).collect();
    experiments.iter().map(|experiment| experiment.called_by(&varied)).collect()
}

/// A configuration without what only tells repetitions apart.
struct Experiment<'a> {
    config: Vec<&'a (String, String)>,
    first: &'a Run,
    runs: Vec<RunId>,
}

impl Experiment<'_> {
    fn called_by(&self, varied: &[&str]) -> Group {
        let settings = self.config.iter().filter(|(name, _)| varied.contains(&name.as_str()));
        let settings: Vec<_> = settings.map(|(name, value)| format!("{name}={value}")).collect();
        let name = if settings.is_empty() { self.first.name.clone() } else { settings.join(" ") };
        Group { name, runs: self.runs.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, Update};
    use cartwheel_trainer::Settings;

    fn model() -> Model {
        let mut model = Model::default();
        for (id, (seed, rate)) in [(1, 1e-3), (2, 1e-3), (1, 1e-2)].into_iter().enumerate() {
            let mut settings = Settings::default();
            (settings.train.seed, settings.dqn.learning_rate) = (seed, rate);
            settings.run.name = Some(format!("run-{id}"));
            model.apply(Update::Opened(format!("runs/Run-{id}").into()));
            model.apply(Update::Settings(id, Box::new(settings)));
        }
        model.apply(Update::Opened("runs/broken".into()));
        model
    }

    #[test]
    fn filters_go_by_name_and_configuration() {
        let model = model();
        let fitting = |filter: &str| -> Vec<RunId> {
            (0..model.runs.len()).filter(|id| fits(&model.runs[*id], filter)).collect()
        };
        assert_eq!(fitting(""), [0, 1, 2, 3]);
        assert_eq!(fitting("run-"), [0, 1, 2]);
        assert_eq!(fitting("env.id=cartpole"), [0, 1, 2]);
        assert_eq!(fitting("env.id=CartPole-v1 dqn.learning_rate=0.001"), [0, 1]);
        assert_eq!(fitting("learning_rate=0.01 seed=1"), [2]);
        assert!(fitting("rate=0.01").is_empty());
        assert!(fitting("run-1 seed=1").is_empty());
    }

    #[test]
    fn differences_name_both_values() {
        let model = model();
        let runs = &model.runs;
        assert_eq!(
            differences(&runs[2], &runs[1]),
            [("train.seed", "1", "2"), ("dqn.learning_rate", "0.01", "0.001"), ("run.name", "run-2", "run-1"),]
        );
        assert!(differences(&runs[2], &runs[3]).is_empty());
    }

    #[test]
    fn seeds_of_one_experiment_are_a_group() {
        let mut model = model();
        model.apply(Update::Opened("runs/broken too".into()));
        let groups = groups(model.runs.iter().enumerate());
        let runs: Vec<_> = groups.iter().map(|group| group.runs.clone()).collect();
        assert_eq!(runs, [vec![0, 1], vec![2], vec![3], vec![4]]);
        let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["dqn.learning_rate=0.001", "dqn.learning_rate=0.01", "broken", "broken too"]);
    }
}
