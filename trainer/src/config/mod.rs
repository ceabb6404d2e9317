//! The settings of a run, section by section, and where they come from.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use cartwheel_agents::config::{ConfigErrors, Value, serde_json, toml_edit};
use cartwheel_agents::nn::Device;
use cartwheel_agents::{Data, ReplayUse, config, config_enum};
use cartwheel_envs::{BridgeOptions, EnvBuilder, WrapperSpec};

use self::shipped::SHIPPED;
use crate::episode_info::check_keyword;
use crate::supervised::is_fit;

mod algorithms;
mod her;
mod offline;
mod registry;
mod shipped;

pub use algorithms::{Algo, Settings};
pub use her::{GoalSelectionStrategy, HerConfig, ModelClass};
pub use offline::OfflineConfig;
pub use registry::{Registered, RegisteredSettings, Registrable, register_algorithm};

config_enum! {
    /// How collecting and learning take turns.
    pub enum Clock {
        /// In a fixed order: the same seed gives the same bits, whatever the number of actors.
        Sync = "sync",
        /// Actors and learner run free, within the bound of train.max_policy_lag.
        Async = "async",
    }
}

config_enum! {
    /// What follows when a worker process of Python environments dies, or hangs and is killed.
    pub enum OnWorkerDeath {
        /// The run ends in order, naming the worker and how it ended.
        Stop = "stop",
        /// A fresh worker takes its place; the interrupted episodes count as truncated.
        Restart = "restart",
    }
}

/// A number of actor threads, or `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorCount {
    /// As many as measurements say pay.
    Auto,
    /// Exactly so many.
    Exactly(usize),
}

impl std::str::FromStr for ActorCount {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(n)) if n > 0 => Ok(Self::Exactly(n)),
            _ => Err("\"auto\" or a number of 1 or more".into()),
        }
    }
}

impl fmt::Display for ActorCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Exactly(n) => write!(f, "{n}"),
        }
    }
}

impl Value for ActorCount {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        config::plain(value).parse()
    }
    fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::Auto => "auto".into(),
            Self::Exactly(n) => (*n as i64).into(),
        }
    }
}

config! {
    /// The environment that is trained on.
    pub struct EnvConfig in "env" {
        /// Its id, as `cartwheel env list` names it; behind py: one of Python, behind c: the path of a shared library.
        id: String = "CartPole-v1".into(), non_empty;
        /// Copies of it that are stepped together. Part of the experiment: --actors only spreads them over threads.
        n_envs: usize = 1, at_least(1);
        /// Its keyword arguments, as gymnasium.make takes them.
        args: serde_json::Map<String, serde_json::Value> = serde_json::Map::new();
        /// Wrappers around it, the innermost first, as in ["NormalizeObservation", "FrameStackObservation(4)"]
        /// (`cartwheel env wrappers` lists them).
        wrappers: Vec<WrapperSpec> = Vec::new();
        /// Numbers in the last info of an episode that are kept with it, as in ["score"]; their means are
        /// rollout/info/score and eval/info/score. is_success needs no naming: it is rollout/success_rate.
        info_keywords: Vec<String> = Vec::new(), each(|key: &String| check_keyword(key));
        /// Of an environment behind py: the Python that has it.
        python: String = "python3".into(), non_empty;
        /// Of an environment behind py: worker processes over which its copies are spread; "none" for one a core.
        python_workers: Option<usize> = None, if_some(at_least(1));
        /// Of an environment behind py: seconds that a worker may take for a step of all its environments.
        python_timeout: f64 = 60.0, within(0.001, 1e6);
        /// Of an environment behind py: what follows when a worker dies, or hangs and is killed.
        on_worker_death: OnWorkerDeath = OnWorkerDeath::Stop;
    }
}

impl EnvConfig {
    /// The environment, to be made.
    pub fn builder(&self) -> EnvBuilder {
        self.builder_with(self.python_workers)
    }

    /// The environment for a batch of `share` of the copies, which takes its share of the worker processes.
    pub(crate) fn builder_for(&self, share: usize) -> EnvBuilder {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.builder_with(Some((self.python_workers.unwrap_or(cores) * share / self.n_envs).max(1)))
    }

    fn builder_with(&self, workers: Option<usize>) -> EnvBuilder {
        let bridge = BridgeOptions {
            python: self.python.clone().into(),
            workers,
            timeout: Duration::from_secs_f64(self.python_timeout),
            on_worker_death: match self.on_worker_death {
                OnWorkerDeath::Stop => cartwheel_envs::OnWorkerDeath::Stop,
                OnWorkerDeath::Restart => cartwheel_envs::OnWorkerDeath::Restart,
            },
        };
        EnvBuilder::new(&self.id).kwargs(self.args.clone()).wrappers(self.wrappers.clone()).bridge(bridge)
    }

    /// Names the shared library that it is in, if it is in one, so that it is found from any folder.
    pub(crate) fn make_path_absolute(&mut self) {
        if let Some(path) = self.builder().library().and_then(|library| std::path::absolute(library).ok())
            && let Some(path) = path.to_str()
        {
            self.id = format!("c:{path}");
        }
    }

    /// How many environments play the `episodes` of an evaluation: one each up to ten thousand, but no more of Python than train.
    pub fn evaluation_envs(&self, episodes: usize) -> usize {
        if self.builder().is_python() { self.n_envs.min(episodes) } else { episodes.min(10_000) }
    }
}

config! {
    /// The training loop.
    pub struct TrainConfig in "train" {
        /// The learning algorithm.
        algo: Algo = Algo::Dqn;
        /// Seed of everything random in the run.
        seed: u64 = 1;
        /// Environment steps to train for, over all environments, rounded up to whole rollouts: train_freq steps, rounded
        /// up to whole steps of all environments, or n_steps of each. Schedules go by the share of them that is done. Of
        /// algorithms that learn from a dataset these, and all other steps of the run, are gradient steps.
        total_timesteps: u64 = 100_000, at_least(1);
        /// Stop as soon as the task counts as solved (eval.solved_at).
        stop_when_solved: bool = true;
        /// Threads that step environments: a number, or "auto" to measure what pays.
        actors: ActorCount = ActorCount::Auto;
        /// How collecting and learning take turns.
        clock: Clock = Clock::Sync;
        /// With the async clock: by how many publications of weights (one after each update) a transition may be
        /// late when it reaches replay. At least the number of actors less one.
        max_policy_lag: usize = 4, at_most(1000);
        /// Where the network is trained: "auto", "cpu", "cuda" or "cuda:N".
        device: Device = Device::Auto;
        /// Environment steps between rows of metrics.
        log_interval: u64 = 1000, at_least(1);
        /// A run whose best weights this one starts from, or a weights file, or "none".
        init_from: Option<String> = None;
    }
}

config! {
    /// Evaluation: greedy episodes on environments of their own, with seeds of their own.
    pub struct EvalConfig in "eval" {
        /// Environment steps between evaluations; 0 for one at the end only.
        eval_freq: u64 = 10_000;
        /// Episodes of an evaluation.
        n_eval_episodes: usize = 100, within(1, 100_000);
        /// Steps after which an evaluation gives up on an episode and counts what was earned.
        max_episode_steps: u64 = 100_000, at_least(1);
        /// Mean return from which the task counts as solved, if a second evaluation on fresh episodes reaches
        /// confirmed_at. "none" for the environment's own reward threshold.
        solved_at: Option<f64> = None;
        /// Mean return that the second evaluation must reach; "none" for the same as solved_at.
        confirmed_at: Option<f64> = None;
    }
}

config! {
    /// What is kept on disk.
    pub struct RunConfig in "run" {
        /// Folder of all runs.
        dir: String = "runs".into(), non_empty;
        /// Name of this run's folder in it; "none" for one made of environment, algorithm, seed and time.
        name: Option<String> = None;
        /// Environment steps between checkpoints; 0 for one at the end only.
        checkpoint_every: u64 = 100_000;
        /// Checkpoints that are kept, newest first.
        keep_checkpoints: usize = 2, at_least(1);
        /// Whether checkpoints hold replay. Without it a resumed run first fills a new one.
        checkpoint_replay: bool = true;
        /// Whether each episode's actions are kept, so that it can be shown again.
        record_episodes: bool = true;
        /// Whether metrics are also written to progress.csv, one column a metric, as Stable-Baselines3's CSV logger does.
        csv: bool = false;
        /// Whether metrics are also written as an offline run of Weights & Biases, for `wandb sync`.
        wandb: bool = false;
        /// The project of that run.
        wandb_project: String = "cartwheel".into(), non_empty;
        /// Whether the run can be watched while it trains, by this user on this machine.
        watch: bool = true;
    }
}

impl Settings {
    /// The settings for `algo` on `env_id`: the defaults, and over them the shipped file if there is one.
    ///
    /// # Errors
    /// Never for a released build: a test loads every shipped file.
    pub fn shipped(algo: Algo, env_id: &str) -> Result<Self, ConfigErrors> {
        let mut settings = Self::default();
        if let Some((_, _, text)) = SHIPPED.iter().find(|(a, id, _)| *a == algo && *id == env_id) {
            settings.load(text, &format!("the shipped {algo}/{env_id}.toml"))?;
        }
        settings.env.id = env_id.into();
        settings.train.algo = algo;
        Ok(settings)
    }

    /// The environments that have a shipped file for `algo`.
    pub fn tuned(algo: Algo) -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().filter(move |(a, _, _)| *a == algo).map(|(_, id, _)| *id)
    }

    /// The settings in a file, over the defaults: what `runs/<id>/config.toml` holds.
    ///
    /// # Errors
    /// Every problem with its line, or why the file cannot be read; that it is of a model and not of an agent.
    pub fn from_file(path: &Path) -> Result<Self, crate::TrainError> {
        if is_fit(path) {
            return Err(crate::TrainError::Unfit(format!(
                "{} is of a model that `cartwheel fit` trains, not of an agent: go on with it by `cartwheel fit --resume`, ask it by `cartwheel predict`, judge it by `cartwheel eval --data`",
                path.display()
            )));
        }
        let mut settings = Self::default();
        settings.load_file(path)?;
        Ok(settings)
    }

    /// Reads a file over these settings.
    ///
    /// # Errors
    /// Every problem with its line, or why the file cannot be read.
    pub fn load_file(&mut self, path: &Path) -> Result<(), crate::TrainError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| crate::TrainError::Unfit(format!("cannot read the configuration {name}: {e}")))?;
        Ok(self.load(&text, &name)?)
    }

    /// Reads TOML over these settings; `file` names it in messages.
    ///
    /// # Errors
    /// Every problem with its line.
    pub fn load(&mut self, text: &str, file: &str) -> Result<(), ConfigErrors> {
        config::load(&mut self.sections_mut(), text, file)
    }

    /// Applies one `section.key=value`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set(&mut self, assignment: &str) -> Result<(), ConfigErrors> {
        config::set(&mut self.sections_mut(), assignment)
    }

    /// The settings as TOML, with a comment on each key or without; of the algorithms' only those of the chosen one.
    pub fn to_toml(&self, comments: bool) -> String {
        config::render(&self.chosen_sections(), comments)
    }

    /// Every setting by its name, such as `train.seed`, and its value as people write it: text without quotes.
    pub fn values(&self) -> Vec<(String, String)> {
        config::values(&self.chosen_sections())
    }

    /// The settings as a Markdown reference: docs/configuration.md.
    pub fn reference(&self) -> String {
        config::render_reference(&self.sections())
    }

    /// Refuses values out of their range: fields can be set without the checks that files go through.
    ///
    /// # Errors
    /// Every value that is out of range.
    pub fn validate(&self) -> Result<(), ConfigErrors> {
        config::check(&mut self.clone().sections_mut())
    }

    /// Steps that every environment makes between two updates.
    pub fn rollout_steps(&self) -> usize {
        self.algorithm().data().rollout_steps(self.env.n_envs)
    }

    /// Environment steps between two updates.
    pub fn phase_steps(&self) -> u64 {
        (self.rollout_steps() * self.env.n_envs) as u64
    }

    /// Gradient steps of an update.
    pub fn phase_updates(&self) -> u64 {
        match self.algorithm().data() {
            Data::Replay(replay) => u64::try_from(replay.gradient_steps).unwrap_or_else(|_| self.phase_steps()),
            Data::Rollouts(rollouts) => {
                let batch_size = self.algorithm().data().batch_size(self.env.n_envs);
                (rollouts.epochs * (self.phase_steps() as usize).div_ceil(batch_size)) as u64
            }
            Data::Dataset(_) => 1,
        }
    }

    /// Whether it learns from a dataset, and its steps are gradient steps.
    pub fn is_offline(&self) -> bool {
        matches!(self.algorithm().data(), Data::Dataset(_))
    }

    /// Refuses what learning from a dataset has no use for, where it is chosen.
    fn check_offline(&self) -> Result<(), crate::TrainError> {
        let actors = matches!(self.train.actors, ActorCount::Exactly(actors) if actors > 1);
        let unused = [
            ("env.n_envs", self.env.n_envs > 1),
            ("train.actors", actors),
            ("train.clock", self.train.clock == Clock::Async),
        ];
        match unused.iter().find(|(_, set)| *set && self.is_offline()) {
            Some((key, _)) => Err(crate::TrainError::Unfit(format!(
                "{key} is about stepping environments, and --algo {} learns from recorded episodes: leave it at its default",
                self.train.algo
            ))),
            None => Ok(()),
        }
    }

    /// Refuses settings that are each fine but do not go together.
    ///
    /// # Errors
    /// What does not fit and what to change.
    pub fn check(&self) -> Result<(), crate::TrainError> {
        self.validate()?;
        self.check_algorithms()?;
        self.check_hindsight()?;
        self.check_offline()?;
        let unfit = |message: String| Err(crate::TrainError::Unfit(message));
        if let ActorCount::Exactly(actors) = self.train.actors {
            if actors > self.env.n_envs {
                return unfit(format!(
                    "train.actors = {actors} needs at least as many environments: set env.n_envs to {actors} or more (it is {})",
                    self.env.n_envs
                ));
            }
            if self.train.clock == Clock::Async && self.train.max_policy_lag + 1 < actors {
                return unfit(format!(
                    "train.max_policy_lag = {} is too small for train.actors = {actors}: each other actor may hand in a rollout meanwhile; set it to {} or more",
                    self.train.max_policy_lag,
                    actors - 1
                ));
            }
        }
        if let Data::Replay(ReplayUse { gradient_steps: 0, .. }) = self.algorithm().data() {
            let section = self.algorithm().name();
            return unfit(format!("{section}.gradient_steps = 0 never learns: use -1 or a number of 1 or more"));
        }
        let algorithm = self.algorithm();
        algorithm.check().or_else(|problem| unfit(format!("{}.{problem}", algorithm.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_tests::check_reference;

    #[test]
    fn every_shipped_file_loads_and_fits() {
        for (algo, env, _) in SHIPPED {
            let settings = Settings::shipped(*algo, env).expect("a shipped file has no errors");
            settings.check().expect("a shipped file fits");
            let mut again = Settings::default();
            again.load(&settings.to_toml(true), "the same").expect("what is written can be read");
            assert_eq!(again, settings);
        }
    }

    /// docs/configuration.md is made from the settings; `UPDATE_DOCS=1 cargo test` writes it anew.
    #[test]
    fn the_reference_in_the_docs_is_up_to_date() {
        check_reference("configuration.md", &Settings::default().reference());
    }

    #[test]
    fn values_by_name() {
        let mut settings = Settings::default();
        settings.train.seed = 7;
        let values = settings.values();
        let value = |name: &str| values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(value("train.seed"), Some("7"));
        assert_eq!(value("env.id"), Some("CartPole-v1"));
        assert_eq!(value("train.actors"), Some("auto"));
        assert_eq!(value("run.name"), Some("none"));
    }

    #[test]
    fn rollouts_are_whole_steps_of_all_environments() {
        let mut settings = Settings::default();
        (settings.dqn.train_freq, settings.env.n_envs, settings.dqn.gradient_steps) = (10, 4, -1);
        assert_eq!((settings.rollout_steps(), settings.phase_steps(), settings.phase_updates()), (3, 12, 12));
    }
}
