//! What a sweep tried, on disk.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cartwheel_agents::config::serde_json::{self, Value};
use serde::{Deserialize, Serialize};

use super::search::suggest;
use super::spec::{Goal, Spec, SweepConfig};
use crate::TrainError;
use crate::run::{MetricsLog, RunDir, RunError, RunLock, write_atomic};

/// How far a trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is not done.
    Running,
    /// All its runs have finished.
    Complete,
    /// A run failed.
    Failed,
}

/// One point of the search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number, from 0.
    pub number: usize,
    /// The settings that were searched.
    pub params: serde_json::Map<String, Value>,
    /// How far it is.
    pub state: State,
    /// The metric of each of its seeds, those that have finished.
    pub values: Vec<Option<f64>>,
    /// Their mean, once all have finished.
    pub value: Option<f64>,
    /// Why it failed.
    pub problem: Option<String>,
}

/// A sweep and its folder, which no other process has meanwhile.
#[derive(Debug)]
pub struct Sweep {
    pub(super) spec: Spec,
    folder: PathBuf,
    trials: Vec<Trial>,
    _lock: RunLock,
}

/// `sweep.json`.
#[derive(Serialize, Deserialize)]
struct Saved {
    /// What was searched, to be recognised.
    sweep: String,
    trials: Vec<Trial>,
}

impl Sweep {
    /// Begins in `folder`, or goes on with what is there.
    ///
    /// # Errors
    /// If another process works there, if it holds another sweep, or cannot be written.
    pub fn open(spec: Spec, folder: &Path) -> Result<Self, TrainError> {
        fs::create_dir_all(folder).map_err(RunError::io("create the folder", folder))?;
        let lock = RunLock::take(folder)?;
        let mut sweep = Self { spec, folder: folder.to_owned(), trials: Vec::new(), _lock: lock };
        let path = sweep.file();
        if path.exists() {
            let text = fs::read(&path).map_err(RunError::reading(&path))?;
            let saved: Saved = serde_json::from_slice(&text)
                .map_err(|error| RunError::Malformed { file: path.clone(), problem: error.to_string() })?;
            if saved.sweep != sweep.identity() {
                return Err(TrainError::Unfit(format!(
                    "{} holds another sweep, or this one with other settings: choose another folder with --out, or move that one away (only n_trials may change)",
                    folder.display()
                )));
            }
            sweep.trials = saved.trials;
        }
        Ok(sweep)
    }

    /// Its folder, which is that of its runs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it searches.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What was tried so far, by number.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The trials that are complete, the best first.
    pub fn ranking(&self) -> Vec<&Trial> {
        let mut complete: Vec<_> =
            self.trials.iter().filter_map(|trial| Some((self.bad(trial.value?), trial))).collect();
        complete.sort_by(|a, b| a.0.total_cmp(&b.0));
        complete.into_iter().map(|(_, trial)| trial).collect()
    }

    /// What a search makes small.
    fn bad(&self, value: f64) -> f64 {
        match self.spec.sweep.goal {
            Goal::Maximize => -value,
            Goal::Minimize => value,
        }
    }

    /// Adds a trial, if there are not enough. False if there are.
    ///
    /// # Errors
    /// If its settings do not go together, and it is the first: then something is wrong with all of them.
    pub(super) fn add(&mut self) -> Result<bool, TrainError> {
        let (spec, number) = (&self.spec, self.trials.len());
        if number >= spec.n_trials() {
            return Ok(false);
        }
        let known: Vec<(Vec<Value>, f64)> =
            self.trials.iter().filter_map(|trial| Some((self.values(trial), self.bad(trial.value?)))).collect();
        let values = suggest(spec.sweep.method, &spec.parameters, &known, spec.sweep.seed, number);
        let problem = spec.settings(&values).err();
        if let (0, Some(problem)) = (number, &problem) {
            return Err(TrainError::Unfit(format!("the first trial cannot be trained: {problem}")));
        }
        let keys = spec.parameters.iter().map(|parameter| parameter.key.clone());
        let trial = Trial {
            number,
            params: keys.zip(values).collect(),
            state: if problem.is_some() { State::Failed } else { State::Running },
            values: vec![None; spec.sweep.seeds as usize],
            value: None,
            problem: problem.map(|problem| problem.to_string()),
        };
        self.trials.push(trial);
        self.save()?;
        Ok(true)
    }

    /// A trial's values in the order of the parameters.
    pub(super) fn values(&self, trial: &Trial) -> Vec<Value> {
        let value = |key: &String| trial.params.get(key).cloned().unwrap_or_default();
        self.spec.parameters.iter().map(|parameter| value(&parameter.key)).collect()
    }

    /// The name of a trial's run with its `seed`th seed, and that seed.
    pub(super) fn run_of(&self, number: usize, seed: usize) -> (String, u64) {
        let seed = self.spec.base.train.seed.wrapping_add(seed as u64);
        (format!("trial-{number:04}-s{seed}"), seed)
    }

    /// Takes in what a run that has finished came to; the trial, if it is done with that.
    pub(super) fn finish(&mut self, number: usize, seed: usize) -> Result<Option<&Trial>, TrainError> {
        let metric = &self.spec.sweep.metric;
        let rows = MetricsLog::read(&RunDir::open(self.folder.join(self.run_of(number, seed).0))?.metrics())?;
        let last = rows.iter().rev().find_map(|row| row.metrics.get(metric).copied());
        let Some(value) = last.filter(|value| value.is_finite()) else {
            let problem = format!("its run has no value of {metric}");
            return self.fail(number, problem).map(Some);
        };
        let trial = &mut self.trials[number];
        trial.values[seed] = Some(value);
        let all: Option<Vec<f64>> = trial.values.iter().copied().collect();
        if let Some(all) = &all {
            trial.value = Some(all.iter().sum::<f64>() / all.len() as f64);
            trial.state = State::Complete;
        }
        self.save()?;
        Ok(all.map(|_| &self.trials[number]))
    }

    /// Gives a trial up.
    pub(super) fn fail(&mut self, number: usize, problem: String) -> Result<&Trial, TrainError> {
        let trial = &mut self.trials[number];
        trial.state = State::Failed;
        trial.problem = Some(problem);
        self.save()?;
        Ok(&self.trials[number])
    }

    fn file(&self) -> PathBuf {
        self.folder.join("sweep.json")
    }

    /// What makes the trials what they are.
    fn identity(&self) -> String {
        // How many there are may change.
        let sweep = SweepConfig { n_trials: None, ..self.spec.sweep.clone() };
        format!("{sweep:?} {:?}\n{}", self.spec.parameters, self.spec.base.to_toml(false))
    }

    fn save(&self) -> Result<(), RunError> {
        let (path, saved) = (self.file(), Saved { sweep: self.identity(), trials: self.trials.clone() });
        write_atomic(&path, |file| {
            serde_json::to_writer_pretty(&mut *file, &saved).map_err(io::Error::from)?;
            file.write_all(b"\n")
        })
        .map(drop)
        .map_err(RunError::io("write", &path))
    }
}
