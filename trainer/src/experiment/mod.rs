//! An experiment: settings that become a run on disk. The library's front door.
//!
//! | file | holds |
//! |---|---|
//! | `plan` | what cannot work is refused, and what training needs to know is gathered |
//! | `warnings` | what a person is told before training begins |

mod plan;
mod warnings;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use cartwheel_agents::nn::{Isa, prepare_thread};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::config::Settings;
use crate::events::{Callback, Event};
use crate::run::{Checkpoints, Manifest, OwnedRun, RunDir, RunError, finished, verdict};
use crate::session::{Checkpoint, Plan, Session};
use crate::watch::Server;
use warnings::tell;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Whether a second evaluation confirmed that the task is solved.
    pub solved: bool,
    /// The mean return from which the task counts as solved; none if neither settings nor environment name one.
    pub solved_at: Option<f64>,
    /// The kept network on fresh episodes; none for a run that was stopped before any evaluation.
    pub greedy_return: Option<GreedyReturn>,
    /// Environment steps.
    pub steps: u64,
    /// Gradient steps.
    pub updates: u64,
    /// Finished training episodes.
    pub episodes: u64,
    /// Seconds of training, without evaluations and without the time for which viewers held the run.
    pub wall_s: f64,
    /// CPU seconds of the same, over all its threads.
    pub cpu_s: f64,
    /// The run's folder.
    pub run: PathBuf,
    /// The seed.
    pub seed: u64,
    /// Whether it was stopped on demand and can be resumed.
    pub interrupted: bool,
    /// What checkpoints cost.
    pub checkpoints: CheckpointCosts,
}

impl Summary {
    /// Whether a run that ended by itself solved its task, in words for people: `solved`, `not solved`, or `finished` where nothing
    /// says when it is solved.
    pub fn verdict(&self) -> &'static str {
        verdict(self.solved, self.solved_at.is_some())
    }
}

/// Returns of greedy evaluation episodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GreedyReturn {
    /// Mean over the episodes.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
    /// How many.
    pub episodes: usize,
    /// The share of them in which the task was achieved, where the environment tells (`is_success`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<f64>,
}

/// What a run's checkpoints cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointCosts {
    /// Checkpoints written.
    pub written: u64,
    /// Bytes of the last one.
    pub bytes: u64,
    /// Seconds spent writing all of them.
    pub write_s: f64,
    /// Seconds spent waiting until they were on the disk.
    pub fsync_s: f64,
}

/// Settings, and who listens to the run that they become.
///
/// ```no_run
/// use cartwheel_trainer::{Algo, Experiment, Settings};
///
/// let mut settings = Settings::shipped(Algo::Dqn, "CartPole-v1")?;
/// settings.train.seed = 7;
/// let summary = Experiment::new(settings).run()?;
/// println!("solved: {}, in {}", summary.solved, summary.run.display());
/// # Ok::<(), cartwheel_trainer::TrainError>(())
/// ```
pub struct Experiment<'a> {
    settings: Settings,
    resume: Option<RunDir>,
    /// What a run is to be that is to go on for longer than it was to.
    extended: Option<Settings>,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    stop: Arc<AtomicBool>,
    git_revision: Option<String>,
    wait_for_viewer: Option<Duration>,
}

impl<'a> Experiment<'a> {
    /// A new run with `settings`.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            resume: None,
            extended: None,
            callbacks: Vec::new(),
            stop: Arc::default(),
            git_revision: None,
            wait_for_viewer: None,
        }
    }

    /// The run in the folder `path`, gone on with from its last checkpoint: from its first step if it has
    /// none; a finished run is left as it is.
    ///
    /// # Errors
    /// If the folder is not a run's or its configuration cannot be read.
    pub fn resume(path: &Path) -> Result<Self, TrainError> {
        let run = RunDir::open(path)?;
        let settings = Settings::from_file(&run.config())?;
        Ok(Self { resume: Some(run), ..Self::new(settings) })
    }

    /// The run in the folder `path`, gone on with from its last checkpoint until it has done `total_timesteps` in all, whether it was
    /// finished or not: Stable-Baselines3's `learn` with `reset_num_timesteps=False`. Schedules are those of a run of that length from
    /// there on. A run that ended because it solved its task goes on past that.
    ///
    /// # Errors
    /// As [`resume`](Self::resume); [`run`](Self::run) fails if the run has done as many steps already or has no checkpoint.
    pub fn extend(path: &Path, total_timesteps: u64) -> Result<Self, TrainError> {
        let mut experiment = Self::resume(path)?;
        experiment.settings.train.total_timesteps = total_timesteps;
        experiment.extended = Some(experiment.settings.clone());
        Ok(experiment)
    }

    /// Whether the run that is gone on with was shorter once.
    pub(crate) fn was_extended(&self) -> Result<bool, RunError> {
        let manifest = self.resume.as_ref().map(|run| Manifest::load(&run.manifest())).transpose()?;
        Ok(manifest.is_some_and(|manifest| !manifest.extended_at.is_empty()))
    }

    /// The settings, to be changed before the run.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Adds a listener.
    #[must_use]
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Ends the run in order (with a checkpoint) soon after `stop` becomes true.
    #[must_use]
    pub fn stop_when(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// Notes in run.json which git revision was built.
    #[must_use]
    pub fn git_revision(mut self, revision: Option<&str>) -> Self {
        self.git_revision = revision.map(str::to_string);
        self
    }

    /// Holds the run before its first step until a viewer wants frames, but no longer than `patience`. Needs `run.watch`.
    #[must_use]
    pub fn wait_for_viewer(mut self, patience: Duration) -> Self {
        self.wait_for_viewer = Some(patience);
        self
    }

    /// Trains. When training has got anywhere before it fails, a checkpoint is written before the error is
    /// returned.
    ///
    /// # Errors
    /// Settings that do not fit, before anything is written; later, what stopped training.
    pub fn run(mut self) -> Result<Summary, TrainError> {
        prepare_thread();
        // The run can be resumed from any folder.
        self.settings.env.make_path_absolute();
        let plan = self.plan()?;
        // The configuration of the run says what it comes to, so that it can be gone on with for longer.
        if let (Some(n_epochs), Some(recorded)) = (self.settings.offline.n_epochs.take(), &plan.recorded) {
            self.settings.train.total_timesteps = recorded.gradient_steps(n_epochs, self.batch_size());
        }
        let mut run = match self.resume.take() {
            None => self.create()?,
            Some(run) => {
                if self.extended.is_none()
                    && let Some(summary) = finished::<Summary>(&run)?
                {
                    let notice = "this run is finished, and is left as it is: --steps says for how long to train it further, and --init-from begins another with its weights";
                    tell(&mut self.callbacks, &Event::Notice(notice));
                    // It may lie elsewhere by now.
                    return Ok(Summary { run: run.path().to_owned(), ..summary });
                }
                OwnedRun::reopen(run)?
            }
        };
        // Viewers are served until the folder says how the run ended, and not once somebody else may have it.
        let mut server = None;
        let result = self.train(plan, &mut run, &mut server);
        run.end(&result, |summary| summary.interrupted);
        drop(server);
        result
    }

    /// Trains in the run's folder. What serves viewers meanwhile is left in `server`.
    fn train(&mut self, plan: Plan, run: &mut OwnedRun, server: &mut Option<Server>) -> Result<Summary, TrainError> {
        let checkpoints = Checkpoints::new(run.dir.checkpoints(), self.settings.run.keep_checkpoints);
        let checkpoint = checkpoints.load_latest::<Checkpoint>()?.map(|(_, checkpoint)| checkpoint);
        let done = checkpoint.as_ref().map(Checkpoint::steps);
        if let Some(extended) = &mut self.extended {
            check_extension(&run.dir, "steps", done, extended.train.total_timesteps)?;
            // Past that, too.
            extended.train.stop_when_solved &= !checkpoint.as_ref().is_some_and(Checkpoint::is_solved);
            self.settings.train.stop_when_solved = extended.train.stop_when_solved;
        }
        let mut callbacks = std::mem::take(&mut self.callbacks);
        self.warn_of_another_machine(&run.manifest, &mut callbacks);
        self.warn_of_short_episodes(&mut callbacks);
        self.warn_of_another_library(&run.manifest, &mut callbacks);
        let session =
            Session::new(&self.settings, plan, run.dir.clone(), checkpoints, checkpoint, callbacks, self.stop.clone())?;
        // A run that cannot go on is left as it is.
        session.check_env_states()?;
        if let (Some(extended), Some(done)) = (&self.extended, done) {
            run.extend(done, &extended.to_toml(true))?;
        }
        run.begin(done.is_some())?;
        session.train(server)
    }

    /// Makes the run's folder with its configuration.
    fn create(&self) -> Result<OwnedRun, RunError> {
        let Settings { env, train, run, .. } = &self.settings;
        let mut manifest = Manifest::start(&env.id, &train.algo.to_string(), train.seed, &Isa::detect().to_string());
        manifest.git_revision.clone_from(&self.git_revision);
        manifest.library = self.library_digest();
        OwnedRun::create(Path::new(&run.dir), run.name.as_deref(), manifest, &self.settings.to_toml(true))
    }
}

/// Refuses to go on with a run until `total` of `unit` are done where that is not more than are `done` by its last checkpoint.
pub(crate) fn check_extension(run: &RunDir, unit: &str, done: Option<u64>, total: u64) -> Result<(), TrainError> {
    let run = run.path().display();
    let problem = match done {
        None => format!("{run} has no checkpoint to go on from: train a new run"),
        Some(done) if done >= total => {
            let units = if done == 1 { unit.trim_end_matches('s') } else { unit };
            format!("{run} has done {done} {units}, and --{unit} {total} is how many it is to do in all: give more")
        }
        Some(_) => return Ok(()),
    };
    Err(TrainError::Unfit(problem))
}
