//! A run being trained: what it is made of, how it begins and ends.

mod checkpoint;
mod curve;
mod evaluate;
mod learning;
mod report;
mod training_loop;
mod watched;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cartwheel_agents::nn::Placement;
use cartwheel_agents::{Acting, Critic, Data, Exploration, Policy, PolicyError, ReplayUse};
use cartwheel_envs::{Generator, Space, Statistics};

use crate::TrainError;
use crate::actor::{Actor, ActorSpec, EnvState, Weights};
use crate::actor_count::{choose_actors, measure};
use crate::collector::Collector;
use crate::config::{ActorCount, Clock, Settings};
use crate::counters::Counters;
use crate::doctor::Doctor;
use crate::evaluation::Evaluator;
use crate::events::{Callback, Event};
use crate::experiment::{CheckpointCosts, Summary};
use crate::offline::Recorded;
use crate::replay::{Hindsight, Replay};
use crate::rollout::FinishedEpisode;
use crate::run::{Checkpoints, ExtraLogs, MetricsRow, RunDir, RunWriter};
use crate::watch::{Intervention, LentReplay, Server, Watch};
pub(crate) use checkpoint::Checkpoint;
pub use checkpoint::policy_at;
pub(crate) use curve::write_curve;
use learning::Learning;
pub(crate) use learning::fill;

/// What is known about a run before it begins.
pub(crate) struct Plan {
    pub(crate) placement: Placement,
    pub(crate) solved_at: Option<f64>,
    pub(crate) confirmed_at: Option<f64>,
    /// Nothing for an algorithm without replay.
    pub(crate) replay_bytes: Option<u64>,
    pub(crate) initial_weights: Option<Policy>,
    /// What wrappers begin with, of weights whose observations were normalized; nothing if they begin anew.
    pub(crate) initial_statistics: Vec<Statistics>,
    pub(crate) observation_space: Space,
    pub(crate) action_space: Space,
    /// The network that acts.
    pub(crate) acting: Acting,
    /// How goals are exchanged, where they are.
    pub(crate) hindsight: Option<Hindsight>,
    /// Episodes to learn from, of an algorithm that learns from a dataset.
    pub(crate) recorded: Option<Recorded>,
    /// How long a viewer is waited for before the first step.
    pub(crate) wait_for_viewer: Option<Duration>,
}

/// Random streams that belong to no environment, keyed apart.
mod stream {
    pub(super) const SAMPLING: u64 = 2;
    pub(super) const INITIALIZATION: u64 = 3;
    pub(super) const EVALUATION: u64 = 4;
    pub(super) const RESTART: u64 = 5;
}

/// A seed of these keys; for environments of Python below 2^31, as what they draw with may take no larger ones.
fn drawn_seed(settings: &Settings, keys: &[u64]) -> u64 {
    let unused = if settings.env.builder().is_python() { 33 } else { 16 };
    Generator::from_entropy(keys).next_u64() >> unused
}

/// See the module's documentation.
pub(crate) struct Session<'a> {
    settings: &'a Settings,
    plan: Plan,
    run: RunDir,
    writer: RunWriter,
    checkpoints: Checkpoints,
    costs: CheckpointCosts,
    counters: Counters,
    doctor: Doctor,
    learning: Learning,
    /// Episodes of the datasets that are learnt from, where there are such.
    recorded_episodes: Option<usize>,
    /// See [`Recorded::checksum`].
    dataset_checksum: Option<u32>,
    /// What learning draws from.
    sampler: Generator,
    /// Acts in evaluations and says how weights are saved.
    policy: Policy,
    /// What was learnt beside the best weights.
    best_critic: Option<Critic>,
    /// When value functions were last left for viewers.
    critic_left: Option<Instant>,
    evaluator: Evaluator,
    /// The row of the last evaluation, until it is known that no other follows at the same step.
    evaluated: Option<MetricsRow>,
    exploration: Exploration,
    /// States of the environments to go on from.
    env_states: Option<Vec<EnvState>>,
    /// Whether the last rollouts took long enough not to be waited for when the run is asked to stop. What they would have been is
    /// not known of the first.
    long_rollouts: bool,
    /// Of rollouts that were cut, the states of the environments before them, where they can be had.
    before_cut: Option<Vec<EnvState>>,
    /// Of each environment's wrappers, as of its last rollout.
    statistics: Vec<Vec<Statistics>>,
    /// Episodes that ended since the last update.
    arrived: Vec<FinishedEpisode>,
    weights: Arc<Weights>,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    watch: Watch,
    /// Where viewers find replay while it is not needed.
    lent_replay: Arc<LentReplay>,
    lent: bool,
    /// What viewers had decided when that was last noted.
    noted: Intervention,
    /// Whether a callback asked to stop.
    broken: bool,
}

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All steps done.
    Completed,
    Solved,
    /// Asked to stop.
    Stopped,
}

impl<'a> Session<'a> {
    /// A session from the beginning, or from `checkpoint`.
    pub(crate) fn new(
        settings: &'a Settings,
        mut plan: Plan,
        run: RunDir,
        checkpoints: Checkpoints,
        checkpoint: Option<Checkpoint>,
        callbacks: Vec<Box<dyn Callback + 'a>>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, TrainError> {
        let (algorithm, seed) = (settings.algorithm(), settings.train.seed);
        let (observations, actions) = (&plan.observation_space, plan.acting.actions.rows(0));
        let mut init = Generator::from_entropy(&[seed, stream::INITIALIZATION]);
        let learner = algorithm.learner(&plan.acting, plan.placement.device, &mut init)?;
        let (data, n_envs) = (algorithm.data(), settings.env.n_envs);
        let episodes = plan.recorded.as_ref().map(|recorded| recorded.episodes);
        let dataset_checksum = plan.recorded.as_ref().map(|recorded| recorded.checksum);
        let mut learning = match plan.recorded.take() {
            Some(recorded) => Learning::from_dataset(learner, data, recorded.replay)?,
            None => Learning::new(learner, data, observations, &actions, n_envs, plan.hindsight.take())?,
        };
        let mut values_begin_anew = false;
        if let Some(init) = plan.initial_weights.take() {
            values_begin_anew = !learning.learner_mut().begin_with(init.parameters().to_vec(), init.critic())?;
        }
        let parameters = learning.learner().parameters().to_vec();
        let policy = Policy::new(observations, &plan.action_space, plan.acting.clone(), parameters);
        let stand_in = Replay::new(observations, &actions, 1, 1, None);
        let eval = &settings.eval;
        let wandb = settings.run.wandb.then_some(settings.run.wandb_project.as_str());
        let logs = ExtraLogs::of(&run, settings.run.csv, wandb, &settings.to_toml(false))?;
        let mut session = Self {
            writer: match &checkpoint {
                None => RunWriter::start(&run, &logs)?,
                Some(checkpoint) => RunWriter::resume(&run, checkpoint.counters.steps, checkpoint.logs, &logs)?,
            },
            evaluator: Evaluator::new(
                &settings.env.builder(),
                eval.n_eval_episodes,
                settings.env.evaluation_envs(eval.n_eval_episodes),
                eval.max_episode_steps,
            )?
            .info_keywords(&settings.env.info_keywords),
            evaluated: None,
            exploration: algorithm.exploration(settings.train.total_timesteps),
            best_critic: None,
            critic_left: None,
            learning,
            sampler: Generator::from_entropy(&[seed, stream::SAMPLING]),
            weights: Arc::default(),
            counters: Counters::default(),
            doctor: Doctor::new(settings),
            recorded_episodes: episodes,
            dataset_checksum,
            costs: CheckpointCosts::default(),
            arrived: Vec::new(),
            statistics: vec![Vec::new(); settings.env.n_envs],
            env_states: None,
            long_rollouts: true,
            before_cut: None,
            settings,
            plan,
            run,
            checkpoints,
            policy,
            callbacks,
            watch: Watch::new(stop),
            lent_replay: Arc::new(LentReplay::new(stand_in.map_err(PolicyError::Space)?)),
            lent: false,
            noted: Intervention::default(),
            broken: false,
        };
        if let Some(checkpoint) = checkpoint {
            session.env_states = session.restore(checkpoint)?;
        }
        if values_begin_anew {
            session.tell(&Event::Notice(
                "train.init_from: the policy is the file's, and value functions begin anew, as there are none of this shape in it",
            ));
        }
        session.publish();
        Ok(session)
    }

    /// Trains to the end, leaves the last checkpoint, and says what it came to. What serves viewers is left in `server`.
    pub(crate) fn train(mut self, server: &mut Option<Server>) -> Result<Summary, TrainError> {
        let (run, total) = (self.run.path().to_owned(), self.settings.train.total_timesteps);
        let steps = self.counters.steps;
        self.tell(&Event::Started { run: &run, steps, total_timesteps: total });
        self.announce()?;
        let actors = self.actors()?;
        *server = self.serve();
        let (result, finished) = std::thread::scope(|scope| {
            let lag = self.settings.train.max_policy_lag;
            let rollout_steps = self.settings.rollout_steps();
            let mut collector = match self.settings.train.clock {
                Clock::Sync if self.settings.is_offline() => Collector::shown(actors, steps),
                Clock::Sync => Collector::sync(scope, actors, rollout_steps),
                Clock::Async => Collector::free(scope, actors, rollout_steps, lag, self.weights.clone(), steps),
            };
            let result = self.learn(&mut collector);
            self.watch.open();
            (result, collector.finish())
        });
        self.counters.cpu_s += finished.cpu_s;
        let envs = self.before_cut.take().or(finished.envs);
        let evaluated = result.and_then(|end| match end {
            End::Stopped => Ok((end, None)),
            End::Completed | End::Solved => Ok((end, self.final_evaluation()?)),
        });
        // Stopped within the last evaluation, the resumed run makes it anew, and writes it.
        if self.counters.steps < total || !matches!(evaluated, Ok((_, None))) {
            self.write_evaluation();
        }
        match evaluated {
            Ok((end, evaluation)) => {
                if evaluation.is_some() {
                    let row = self.counters.row(self.chance(self.counters.steps));
                    self.write_row(row);
                }
                self.checkpoint(envs);
                let end = if evaluation.is_none() { End::Stopped } else { end };
                self.summary(end, evaluation)
            }
            Err(error) => {
                // Environments that failed, or were left between two steps, begin anew on resume.
                if self.counters.steps > 0 {
                    self.checkpoint(envs.filter(|_| !matches!(error, TrainError::EnvFault(_))));
                }
                Err(error)
            }
        }
    }

    /// The actors, with the run's environments spread over them in order.
    fn actors(&mut self) -> Result<Vec<Actor>, TrainError> {
        let n_envs = self.settings.env.n_envs;
        let count = match self.settings.train.actors {
            ActorCount::Exactly(count) => count,
            ActorCount::Auto if self.settings.is_offline() => 1,
            ActorCount::Auto => self.measured_actors()?,
        };
        // Environments that cannot go on where they were begin with other episodes than the run began with.
        let seed = match (&self.env_states, self.counters.steps) {
            (None, steps) if steps > 0 => {
                drawn_seed(self.settings, &[self.settings.train.seed, steps, stream::RESTART])
            }
            _ => self.settings.train.seed,
        };
        let mut actors = Vec::with_capacity(count);
        let mut first = 0;
        for i in 0..count {
            let share = n_envs / count + usize::from(i < n_envs % count);
            let mut actor = self.actor(first, share, seed)?;
            match &self.env_states {
                Some(states) => {
                    actor.restore(&states[first..first + share])?;
                    // Actors that run free were ahead of replay when they stopped: what lay between is lost.
                    if self.settings.train.clock == Clock::Async
                        && let Some(replay) = self.learning.replay_mut()
                    {
                        actor.begin_in(replay);
                    }
                }
                None if self.counters.steps > 0 && !self.settings.is_offline() => {
                    if let Some(replay) = self.learning.replay_mut() {
                        actor.begin_in(replay);
                    }
                }
                None => {}
            }
            for (e, statistics) in actor.statistics().into_iter().enumerate() {
                self.statistics[first + e] = statistics;
            }
            let own_thread = i > 0 || self.settings.train.clock == Clock::Async;
            actor.take(self.watch.seat(first, share, own_thread));
            first += share;
            actors.push(actor);
        }
        self.env_states = None;
        Ok(actors)
    }

    /// Refuses environments that do not take up what the checkpoint holds of them.
    pub(crate) fn check_env_states(&self) -> Result<(), TrainError> {
        let Some([first, ..]) = self.env_states.as_deref() else { return Ok(()) };
        self.actor(0, 1, self.settings.train.seed)?.restore(std::slice::from_ref(first)).map_err(|fault| {
            let what = fault.what;
            TrainError::Unfit(format!("{what} (bring the environment back as it was, or begin a new run)"))
        })
    }

    /// An actor for `share` environments from the run's number `first` on.
    fn actor(&self, first: usize, share: usize, reset_seed: u64) -> Result<Actor, TrainError> {
        let spec = ActorSpec {
            env_id: self.settings.env.id.clone(),
            seed: self.settings.train.seed,
            total_envs: self.settings.env.n_envs,
            acting: self.plan.acting.clone(),
            exploration: self.exploration,
            record_episodes: self.settings.run.record_episodes && !self.settings.is_offline(),
        };
        let mut envs = self.settings.env.builder_for(share).make_vec(share)?;
        if self.counters.steps == 0 {
            for env in 0..share {
                envs.statistics_mut(env, &mut Statistics::put(&self.plan.initial_statistics));
            }
        }
        let mut actor = Actor::new(spec, first, envs, reset_seed)?;
        actor.read_infos(&self.settings.env.info_keywords);
        if let Data::Replay(ReplayUse { returns, prioritization: Some(prioritization), .. }) =
            self.settings.algorithm().data()
            && prioritization.by_actors
        {
            actor.tell_priorities(returns);
        }
        Ok(actor)
    }

    /// As many actors as measurements on copies say pay.
    fn measured_actors(&mut self) -> Result<usize, TrainError> {
        let settings = self.settings;
        if settings.env.builder().is_python() {
            self.tell(&Event::Notice("actors: 1: environments of Python are stepped by worker processes of their own"));
            return Ok(1);
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let device = self.plan.placement.device;
        let mut learner = settings.algorithm().learner(&self.plan.acting, device, &mut Generator::new(0))?;
        learner.learner_mut().begin_with(self.learning.learner().parameters().to_vec(), None)?;
        let actor = self.actor(0, settings.env.n_envs, settings.train.seed)?;
        let (steps, updates) = (settings.rollout_steps(), settings.phase_updates());
        // An environment that fails fails again in the run, which then knows at which step.
        let batch_size = settings.algorithm().data().batch_size(settings.env.n_envs);
        let Ok(costs) = measure(actor, learner, steps, updates, batch_size) else {
            return Ok(1);
        };
        let (mut count, reason) = choose_actors(costs, settings.train.clock, settings.env.n_envs, cores);
        if settings.train.clock == Clock::Async {
            count = count.min(settings.train.max_policy_lag + 1);
        }
        self.tell(&Event::Notice(&reason));
        Ok(count)
    }
}
