//! What cannot work is refused before anything is written, and what training needs to know is gathered.

use std::path::Path;

use cartwheel_agents::nn::Mlp;
use cartwheel_agents::{Acting, Data, Policy, PolicyError, ReplayUse};
use cartwheel_envs::{ActionRows, Environment, Space, Statistics};

use super::Experiment;
use crate::TrainError;
use crate::config::Algo;
use crate::memory::{in_mib, memory_bytes};
use crate::offline::Recorded;
use crate::replay::{Hindsight, Replay};
use crate::run::RunDir;
use crate::session::Plan;

impl Experiment<'_> {
    /// Refuses what cannot work before anything is written, and gathers what training needs to know.
    pub(super) fn plan(&self) -> Result<Plan, TrainError> {
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
    pub(super) fn batch_size(&self) -> usize {
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

/// The policy of a run's folder, or of a weights file.
fn initial_weights(path: &Path) -> Result<Policy, TrainError> {
    if path.is_dir() {
        let run = RunDir::open(path)?;
        return Ok(Policy::load(&run.best_weights())?);
    }
    Ok(Policy::load(path)?)
}
