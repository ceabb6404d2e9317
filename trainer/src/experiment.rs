//! An experiment: settings that become a run on disk. The library's front door.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use cartwheel_agents::nn::{Isa, Mlp, prepare_thread};
use cartwheel_agents::{Acting, Data, Policy, PolicyError, ReplayUse};
use cartwheel_envs::{ActionRows, Environment, Space, Statistics};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::config::{Algo, Settings};
use crate::events::{Callback, Event};
use crate::memory::{in_mib, memory_bytes};
use crate::offline::Recorded;
use crate::provenance::sha256;
use crate::replay::{Hindsight, Replay};
use crate::run::{Checkpoints, Manifest, OwnedRun, RunDir, RunError, finished, verdict};
use crate::session::{Checkpoint, Plan, Session};
use crate::watch::Server;

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

    /// Refuses what cannot work before anything is written, and gathers what training needs to know.
    fn plan(&self) -> Result<Plan, TrainError> {
        let settings = &self.settings;
        settings.check()?;
        let mut env = settings.env.builder().make()?;
        let (observation_space, action_space) = (env.observation_space().clone(), env.action_space().clone());
        if settings.train.algo == Algo::Her {
            // First of all: without goals no model class would do.
            Hindsight::goals(&settings.env.id, &observation_space).map_err(TrainError::Unfit)?;
        }
        let algorithm = settings.algorithm();
        let acting = Acting::new(algorithm, &observation_space, &action_space).map_err(|error| match error {
            PolicyError::Space(space) => settings.refuse_space(&space, &observation_space, &action_space),
            error => error.into(),
        })?;
        // A network of other actions may be of the same size, padding included.
        let latest = self.resume.as_ref().filter(|run| run.has_checkpoint()).map(RunDir::latest_weights);
        if let Some(latest) = latest.and_then(|path| Policy::load(&path).ok())
            && (latest.observation_space(), latest.action_space()) != (&observation_space, &action_space)
        {
            return Err(TrainError::Unfit(format!(
                "the run was trained on observations {} and actions {}; {} now has {observation_space} and {action_space}: bring it \
                 back as it was, or begin a new run",
                latest.observation_space(),
                latest.action_space(),
                settings.env.id
            )));
        }
        let replay_bytes = match algorithm.data() {
            Data::Replay(replay) => Some(self.replay_bytes(&observation_space, &acting.actions.rows(0), &replay)?),
            Data::Rollouts(_) | Data::Dataset(_) => None,
        };
        self.check_rollouts(&observation_space, &acting)?;
        let mlp = &acting.mlp;
        let placement = settings.train.device.resolve(mlp.num_parameters(), self.batch_size())?;
        // A run that goes on has its weights in its checkpoint.
        let init_from =
            settings.train.init_from.as_deref().filter(|_| !self.resume.as_ref().is_some_and(RunDir::has_checkpoint));
        let init = init_from.map(|path| initial_weights(Path::new(path))).transpose();
        let init = init.map_err(|error| TrainError::Unfit(format!("train.init_from: {error}")))?;
        if let Some(init) = &init
            && (init.mlp() != mlp
                || init.head() != acting.actions.head()
                || init.observation_space() != &observation_space
                || init.action_space() != &action_space)
        {
            return Err(TrainError::Unfit(format!(
                "the weights of train.init_from = {1} are of another network or other spaces: {0}.net_arch, {0}.activation_fn, what else shapes the network, and the environment must be the same",
                algorithm.name(),
                settings.train.init_from.as_deref().unwrap_or_default()
            )));
        }
        let statistics =
            init.as_ref().map(|init| initial_statistics(init, &mut env, settings.env.n_envs)).transpose()?;
        let recorded = if settings.is_offline() {
            refuse_statistics(&mut env)?;
            Some(Recorded::load(settings, &observation_space, &action_space, &acting.actions)?)
        } else {
            None
        };
        let reward_threshold = env.spec().reward_threshold;
        let hindsight = (settings.train.algo == Algo::Her).then(|| Hindsight::new(&settings.her, env));
        let hindsight = hindsight.transpose().map_err(TrainError::Unfit)?;
        let solved_at = settings.eval.solved_at.or(reward_threshold);
        Ok(Plan {
            placement,
            solved_at,
            confirmed_at: settings.eval.confirmed_at.or(solved_at),
            replay_bytes,
            initial_statistics: statistics.unwrap_or_default(),
            initial_weights: init,
            observation_space,
            action_space,
            acting,
            hindsight,
            recorded,
            wait_for_viewer: self.wait_for_viewer,
        })
    }

    /// Samples of a gradient step.
    fn batch_size(&self) -> usize {
        self.settings.algorithm().data().batch_size(self.settings.env.n_envs)
    }

    /// Refuses networks and rollouts for which there is no room: what actors fill and what the learner makes of it.
    fn check_rollouts(&self, space: &Space, acting: &Acting) -> Result<(), TrainError> {
        let (steps, envs) = (self.settings.rollout_steps(), self.settings.env.n_envs);
        let actions = acting.actions.rows(0);
        // What a policy remembers is kept of each step, too.
        let numbers = 2 * (actions.width() + 3) + acting.features.width() + acting.mlp.memory_len();
        let row = 2 * space.width() * space.dtype().size() + numbers * size_of::<f32>();
        let (needed, memory) = (row as u128 * steps as u128 * envs as u128, u128::from(memory_bytes()));
        let algorithm = self.settings.algorithm();
        let mlps: Vec<_> = std::iter::once((1, acting.mlp.clone())).chain(algorithm.critics(acting)).collect();
        let all = |count: fn(&Mlp) -> usize| mlps.iter().map(|(n, mlp)| *n as u128 * count(mlp) as u128).sum::<u128>();
        // Parameters, a target or a copy that acts, their gradient and its two moments, and what they begin as; and what a
        // pass leaves of each sample.
        let batch_size = self.batch_size();
        let floats = 6 * all(Mlp::flat_len) + batch_size as u128 * all(Mlp::activations_len);
        let network = size_of::<f32>() as u128 * floats;
        if network > memory {
            return Err(TrainError::Unfit(format!(
                "training networks of {} parameters on batches of {batch_size} takes about {}, and this machine has {}: make the layers of [{}] or its batches smaller",
                all(Mlp::num_parameters),
                in_mib(network),
                in_mib(memory),
                algorithm.name()
            )));
        }
        if needed <= memory {
            return Ok(());
        }
        let key = match algorithm.data() {
            Data::Rollouts(_) => "n_steps",
            Data::Replay(_) | Data::Dataset(_) => "train_freq",
        };
        Err(TrainError::Unfit(format!(
            "rollouts of {steps} steps of env.n_envs = {envs} environments need {}, and this machine has {}: lower {}.{key} or env.n_envs",
            in_mib(needed),
            in_mib(memory),
            algorithm.name()
        )))
    }

    /// What replay will take, if that is there.
    fn replay_bytes(&self, space: &Space, actions: &ActionRows, replay: &ReplayUse) -> Result<u64, TrainError> {
        let (n_envs, buffer_size) = (self.settings.env.n_envs, replay.buffer_size);
        let prioritized = replay.prioritization.is_some();
        let bytes = |buffer_size| Replay::bytes_needed(space, actions, n_envs, buffer_size, prioritized);
        let needed = bytes(buffer_size);
        let memory = u128::from(memory_bytes());
        if needed <= memory {
            return Ok(needed as u64);
        }
        let (has, needs) = (in_mib(memory), in_mib(needed));
        let half = |setting: usize| (setting as u128 * memory / 2 / needed).max(1);
        Err(TrainError::Unfit(if bytes(1) > memory / 2 {
            let fits = half(n_envs);
            format!(
                "replay for env.n_envs = {n_envs} needs at least {needs}, and this machine has {has}: lower env.n_envs to {fits} or less"
            )
        } else {
            let (env, fits) = (&self.settings.env.id, half(buffer_size));
            let name = self.settings.algorithm().name();
            format!(
                "a replay of {name}.buffer_size = {buffer_size} transitions of {env} needs {needs}, and this machine has {has}: lower {name}.buffer_size to {fits} or less"
            )
        }))
    }

    /// Makes the run's folder with its configuration.
    fn create(&self) -> Result<OwnedRun, RunError> {
        let Settings { env, train, run, .. } = &self.settings;
        let mut manifest = Manifest::start(&env.id, &train.algo.to_string(), train.seed, &Isa::detect().to_string());
        manifest.git_revision.clone_from(&self.git_revision);
        manifest.library = self.library_digest();
        OwnedRun::create(Path::new(&run.dir), run.name.as_deref(), manifest, &self.settings.to_toml(true))
    }

    /// Of the shared library that the environment is in.
    fn library_digest(&self) -> Option<String> {
        sha256(self.settings.env.builder().library()?).ok()
    }

    /// An environment may not be the one that the run began with: a run that goes on with another says so.
    fn warn_of_another_library(&self, manifest: &Manifest, callbacks: &mut [Box<dyn Callback + 'a>]) {
        if let (Some(here), Some(there)) = (self.library_digest(), &manifest.library)
            && here != *there
        {
            let library = self.settings.env.id.trim_start_matches("c:");
            let warning = format!(
                "{library} has changed since the run began: it goes on, and if the environment is another one, with what was learned in the first"
            );
            tell(callbacks, &Event::Warning(&warning));
        }
    }

    /// Bits depend on the instruction set: a run that goes on elsewhere says so.
    fn warn_of_another_machine(&self, manifest: &Manifest, callbacks: &mut [Box<dyn Callback + 'a>]) {
        let (here, there) = (Isa::detect().to_string(), &manifest.machine.simd);
        if *there != here {
            let warning = format!(
                "this machine computes with {here}, the run began with {there}: it goes on, but not bit for bit"
            );
            tell(callbacks, &Event::Warning(&warning));
        }
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

/// Refuses wrappers that go by what they have seen: what they had seen when episodes were recorded is not in the dataset.
fn refuse_statistics(env: &mut Environment) -> Result<(), TrainError> {
    let mut any = false;
    env.statistics_mut(&mut |_| any = true);
    if any {
        return Err(TrainError::Unfit(
            "env.wrappers has one that normalizes by what it saw, which recorded episodes do not tell: record and train without it"
                .into(),
        ));
    }
    Ok(())
}

/// What the wrappers of each of `n_envs` environments begin with so that `init` sees what it was trained on: together they have seen
/// as much as those that it was trained with.
fn initial_statistics(init: &Policy, env: &mut Environment, n_envs: usize) -> Result<Vec<Statistics>, TrainError> {
    let mut widths = Vec::new();
    env.statistics_mut(&mut |own| widths.push(own.moments.mean.len()));
    let learnt = init.statistics();
    if !learnt.is_empty() && !learnt.iter().map(|learnt| learnt.moments.mean.len()).eq(widths) {
        return Err(TrainError::Unfit(
            "the weights of train.init_from were trained on observations or rewards that wrappers normalized by what they had seen: give env.wrappers the same normalizing ones, in the same order"
                .into(),
        ));
    }
    let of_each = learnt.iter().map(|learnt| {
        let mut moments = learnt.moments.clone();
        moments.count /= n_envs as f64;
        Statistics { moments, discounted_return: 0.0, update_running_mean: true }
    });
    Ok(of_each.collect())
}

/// Tells callbacks before there is a session that does.
fn tell(callbacks: &mut [Box<dyn Callback + '_>], event: &Event<'_>) {
    for callback in callbacks {
        // There is nothing to end yet.
        let _ = callback.on_event(event);
    }
}

/// The policy of a run's folder, or of a weights file.
pub(crate) fn initial_weights(path: &Path) -> Result<Policy, TrainError> {
    if path.is_dir() {
        let run = RunDir::open(path)?;
        return Ok(Policy::load(&run.best_weights())?);
    }
    Ok(Policy::load(path)?)
}
