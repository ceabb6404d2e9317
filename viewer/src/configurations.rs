//! Configurations of runs: filtered, told apart, grouped.

use std::collections::BTreeMap;

use crate::model::{Run, RunId};
use crate::search::Search;
use crate::text;

/// Settings that say nothing of what was tried: runs that differ in these alone are repetitions of one experiment.
const REPETITION: &[&str] = &["train.seed", "fit.seed", "train.actors", "run.name", "run.dir"];

/// Settings in a group's name; all of them are in [`Group::whole`].
const NAMED: usize = 2;
/// Letters of a setting's value in a group's name.
const LETTERS: usize = 16;

/// Runs that are shown as one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    /// What they are called, in a line.
    pub(crate) name: String,
    /// All that tells them from others, a line each, and which runs they are.
    pub(crate) whole: String,
    /// Which they are; at least one.
    pub(crate) runs: Vec<RunId>,
}

/// Whether a run fits a filter: words, of which each must be found in its name, or, as `key=value`, in its configuration. A
/// key may be cut at its start (`learning_rate` for `dqn.learning_rate`), a value at its end. Capitals do not matter.
pub(crate) fn fits(run: &Run, filter: &Search) -> bool {
    filter.all(|word, pattern| match word.split_once('=') {
        None => pattern.is_match(&run.name),
        Some((key, value)) => run.config.iter().any(|(name, is)| {
            let start = name.len().saturating_sub(key.len());
            let whole = start == 0 || name[..start].ends_with('.');
            let named = name.get(start..).is_some_and(|end| whole && end.eq_ignore_ascii_case(key));
            named && is.get(..value.len()).is_some_and(|start| start.eq_ignore_ascii_case(value))
        }),
    })
}

/// What a run learns, if that is known: the environment that it is on, or the model that it fits and the data.
pub(crate) fn task(run: &Run) -> Option<String> {
    match &run.settings {
        Some(settings) => Some(settings.env.id.clone()),
        None if run.fit => run.manifest.as_ref().map(|manifest| text::fit_of(&manifest.algo, &manifest.env)),
        None => None,
    }
}

/// Whether two runs are known to learn the same: else their settings mean something else.
pub(crate) fn same_task(run: &Run, other: &Run) -> bool {
    task(run).zip(task(other)).is_some_and(|(here, there)| here == there)
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
/// known is alone. A group is called by its environment, its algorithm and what it has otherwise than others of these.
pub(crate) fn groups<'a>(runs: impl Iterator<Item = (RunId, &'a Run)>) -> Vec<Group> {
    let mut experiments: Vec<Experiment<'_>> = Vec::new();
    for (id, run) in runs {
        let config: Vec<_> = run.config.iter().filter(|(name, _)| !REPETITION.contains(&&**name)).collect();
        match experiments.iter_mut().find(|other| !config.is_empty() && other.config == config) {
            Some(experiment) => experiment.runs.push((id, run)),
            None => experiments.push(Experiment { config, runs: vec![(id, run)] }),
        }
    }
    experiments.iter().map(|experiment| experiment.group(&experiments)).collect()
}

/// Runs by a configuration without what only tells repetitions apart.
struct Experiment<'a> {
    config: Vec<&'a (String, String)>,
    runs: Vec<(RunId, &'a Run)>,
}

impl Experiment<'_> {
    fn get(&self, setting: &str) -> Option<&str> {
        self.config.iter().find(|(name, _)| name == setting).map(|(_, value)| value.as_str())
    }

    /// The environment and the algorithm, or the data and the model: between others, settings are not compared.
    fn kind(&self) -> Option<(&str, &str)> {
        let of = |what, how| Some((self.get(what)?, self.get(how)?));
        of("env.id", "train.algo").or_else(|| of("data.dir", "fit.model")).or_else(|| of("ratings.path", "fit.model"))
    }

    fn group(&self, all: &[Self]) -> Group {
        let runs = self.runs.iter().map(|(id, _)| *id).collect();
        let names = self.runs.iter().map(|(_, run)| run.name.as_str()).collect::<Vec<_>>().join("\n");
        let Some((env, algo)) = self.kind() else { return Group { name: names.clone(), whole: names, runs } };
        let kin = || all.iter().filter(|other| other.kind() == self.kind());
        let varies = |name: &str, value: &str| kin().any(|other| other.get(name).is_some_and(|is| is != value));
        let varied: Vec<_> = self.config.iter().filter(|(name, value)| varies(name, value)).collect();
        let mut name = format!("{env} {algo}");
        for (setting, value) in varied.iter().take(NAMED) {
            let setting = setting.rsplit('.').next().unwrap_or(setting);
            name += &format!(" {setting}={}", text::elided(value, LETTERS));
        }
        if varied.len() > NAMED {
            name += &format!(" +{}", varied.len() - NAMED);
        }
        let settings: String = varied.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        Group { name, whole: format!("{env} {algo}\n{settings}{names}"), runs }
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
            (settings.train.seed, settings.dqn.learning_rate) = (seed, rate.into());
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
            (0..model.runs.len()).filter(|id| fits(&model.runs[*id], &Search::new(filter))).collect()
        };
        assert_eq!(fitting(""), [0, 1, 2, 3]);
        assert_eq!(fitting("run-"), [0, 1, 2]);
        assert_eq!(fitting("run-[02]|broken"), [0, 2, 3]);
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
        assert_eq!(
            names,
            ["CartPole-v1 dqn learning_rate=0.001", "CartPole-v1 dqn learning_rate=0.01", "broken", "broken too"]
        );
        assert_eq!(groups[0].whole, "CartPole-v1 dqn\ndqn.learning_rate=0.001\nRun-0\nRun-1");
    }

    /// Runs that differ in how many threads stepped them did the same.
    #[test]
    fn repetitions_with_other_actors_are_a_group() {
        let mut model = model();
        let mut settings = model.runs[0].settings.clone().expect("it has some");
        (settings.train.seed, settings.train.actors) = (9, cartwheel_trainer::ActorCount::Exactly(7));
        model.apply(Update::Opened("runs/Run-4".into()));
        model.apply(Update::Settings(4, Box::new(settings)));
        let groups = groups(model.runs.iter().enumerate());
        assert_eq!(groups[0].runs, [0, 1, 4]);
    }

    #[test]
    fn a_group_is_not_called_by_what_other_environments_have_otherwise() {
        let mut model = model();
        for (id, change) in [(4, 0), (5, 1)] {
            let mut settings = Settings::shipped(cartwheel_trainer::Algo::Dqn, "Acrobot-v1").expect("it is shipped");
            (settings.dqn.gamma, settings.dqn.batch_size) = (0.5 + 0.1 * f64::from(change), 8 + change as usize);
            settings.dqn.net_arch = vec![1_000_000; 3 + change as usize];
            model.apply(Update::Opened(format!("runs/Acrobot-{change}").into()));
            model.apply(Update::Settings(id, Box::new(settings)));
        }
        let groups = groups(model.runs.iter().enumerate().filter(|(id, _)| *id == 0 || *id >= 4));
        let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names[0], "CartPole-v1 dqn", "nothing differs on its environment");
        assert!(names[1].starts_with("Acrobot-v1 dqn ") && names[1].ends_with(" +1"), "{names:?}");
        assert!(names.iter().all(|name| name.len() < 80), "{names:?}");
        assert!(groups[1].whole.contains("dqn.net_arch=[1000000, 1000000, 1000000]"), "{}", groups[1].whole);
        assert!(same_task(&model.runs[4], &model.runs[5]) && !same_task(&model.runs[0], &model.runs[4]));
    }
}
