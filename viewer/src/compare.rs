//! Configurations of runs: filtered, told apart, grouped.

use std::collections::BTreeMap;

use crate::model::{Run, RunId};

/// Settings that say nothing of what was tried: runs that differ in these alone are repetitions of one experiment.
const REPETITION: &[&str] = &["train.seed", "run.name", "run.dir"];

/// Whether a run fits a filter: words, of which each must be in its name, or, as `key=value`, in its configuration. A
/// key may be cut at its start (`learning_rate` for `dqn.learning_rate`), a value at its end. Capitals do not matter.
pub(crate) fn fits(run: &Run, filter: &str) -> bool {
    let name = run.name.to_lowercase();
    filter.to_lowercase().split_whitespace().all(|word| match word.split_once('=') {
        None => name.contains(word),
        Some((key, value)) => run.config.iter().any(|(name, is)| {
            let name = name.to_lowercase();
            let named = name.strip_suffix(key).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            named && is.to_lowercase().starts_with(value)
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
/// known is alone.
pub(crate) fn groups<'a>(runs: impl Iterator<Item = (RunId, &'a Run)>) -> Vec<Vec<RunId>> {
    let mut groups: Vec<(Vec<&(String, String)>, Vec<RunId>)> = Vec::new();
    for (id, run) in runs {
        let config: Vec<_> = run.config.iter().filter(|(name, _)| !REPETITION.contains(&&**name)).collect();
        match groups.iter_mut().find(|(other, _)| !config.is_empty() && *other == config) {
            Some((_, group)) => group.push(id),
            None => groups.push((config, vec![id])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
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
        assert_eq!(groups(model.runs.iter().enumerate()), [vec![0, 1], vec![2], vec![3], vec![4]]);
    }
}
