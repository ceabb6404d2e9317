//! What learns: from transitions drawn from replay, or from rollouts of the policy itself.

use std::sync::Arc;

use cartwheel_envs::{ActionRows, Generator};
use serde::{Deserialize, Serialize};

use crate::critic::Critic;
use crate::nn::{DeviceError, Network, NnError, TrainingState};

/// Transitions drawn from replay, one a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// What the network sees of s: `[batch, features]`.
    pub observations: Vec<f32>,
    /// The action taken in s, as the policy counts it.
    pub actions: ActionRows,
    /// The n-step return from s, discounted and scaled: Σₖ γᵏ rₖ.
    pub returns: Vec<f32>,
    /// What the network sees of s', the observation n steps on (or fewer, where the episode ended).
    pub next_observations: Vec<f32>,
    /// What the value of s' is multiplied by: γ to the number of steps used, 0 if s' is terminal. A truncated
    /// episode's s' is not terminal: it bootstraps.
    pub discounts: Vec<f32>,
    /// How much each counts in the loss: 1, or less for one that prioritized replay draws too often.
    pub weights: Vec<f32>,
    /// Where replay keeps each.
    pub rows: Vec<usize>,
    /// Which actions are valid in s: `[batch, actions]`; empty where all always are.
    pub masks: Vec<bool>,
    /// Which are valid in s'.
    pub next_masks: Vec<bool>,
}

impl Batch {
    /// A batch for actions in the form of `actions`.
    pub fn like(actions: &ActionRows) -> Self {
        Self { actions: actions.zeros(0), ..Self::default() }
    }

    /// Transitions in it.
    pub fn len(&self) -> usize {
        self.returns.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.returns.is_empty()
    }

    /// Makes room for `n` transitions of `features` numbers, all of whose actions are valid; allocates only when it grows.
    pub fn resize(&mut self, n: usize, features: usize) {
        self.resize_masked(n, features, 0);
    }

    /// The same with flags for so many actions.
    pub fn resize_masked(&mut self, n: usize, features: usize, actions: usize) {
        self.masks.resize(n * actions, true);
        self.next_masks.resize(n * actions, true);
        self.observations.resize(n * features, 0.0);
        self.next_observations.resize(n * features, 0.0);
        self.actions.resize(n);
        self.returns.resize(n, 0.0);
        self.discounts.resize(n, 0.0);
        self.weights.resize(n, 1.0);
        self.rows.resize(n, 0);
    }
}

/// Consecutive steps of all environments under one policy, time-major: row `t * envs + e` is environment `e` at step
/// `t`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RolloutBatch {
    /// Steps.
    pub steps: usize,
    /// Environments.
    pub envs: usize,
    /// The run's number of the first of them.
    pub first_env: usize,
    /// What the network saw before each step: `[steps * envs, features]`.
    pub observations: Vec<f32>,
    /// Whether each step is its episode's first.
    pub episode_starts: Vec<bool>,
    /// What the policy remembered before each step: `[steps * envs, memory]`; empty of a policy that remembers nothing.
    pub memories: Vec<f32>,
    /// What the policy chose.
    pub actions: ActionRows,
    /// The logarithm of the chance that it had for the policy that chose it.
    pub log_probs: Vec<f32>,
    /// What each step gave.
    pub rewards: Vec<f32>,
    /// Whether it ended its episode for good: nothing can be earned after it.
    pub terminated: Vec<bool>,
    /// Whether it ended its episode for a reason outside the task, such as a time limit.
    pub truncated: Vec<bool>,
    /// What the network sees of the last observation of each episode that ended, in the order of the rows that ended it.
    pub final_observations: Vec<f32>,
    /// What it sees of each environment after the last step: `[envs, features]`.
    pub last_observations: Vec<f32>,
    /// Which actions are valid before each step: `[steps * envs, actions]`; empty where all always are.
    pub masks: Vec<bool>,
    /// Which are valid by each of `final_observations`.
    pub final_masks: Vec<bool>,
    /// Which are valid by each of `last_observations`.
    pub last_masks: Vec<bool>,
}

impl RolloutBatch {
    /// Whether a row ended its episode.
    pub fn ended(&self, row: usize) -> bool {
        self.terminated[row] || self.truncated[row]
    }

    /// Transitions.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }
}

/// Says whether something that takes long is to end.
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// What ends an update early: see [`OnPolicy::stop_when`].
#[derive(Default)]
pub(crate) struct Brake {
    /// Who is asked.
    pub(crate) stop: Option<Stop>,
    /// Whether it ended the last update.
    pub(crate) pulled: bool,
}

impl Brake {
    /// Whether the update ends here: asked before each of its gradient steps.
    pub(crate) fn ends_here(&mut self) -> bool {
        self.pulled = self.stop.as_ref().is_some_and(|stop| stop());
        self.pulled
    }
}

/// Where a run is, for what changes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Environment steps done.
    pub steps: u64,
    /// Environment steps of the whole run.
    pub total_timesteps: u64,
}

impl Progress {
    /// The share of the run that is left, from 1 to 0.
    pub fn remaining(&self) -> f64 {
        1.0 - (self.steps as f64 / self.total_timesteps.max(1) as f64).min(1.0)
    }
}

/// What a checkpoint keeps of a learner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LearnerState {
    /// Its networks, the one that acts first.
    pub networks: Vec<TrainingState>,
    /// Other numbers that it goes on from.
    pub numbers: Vec<f64>,
}

/// Something that learns how to act.
pub trait Learner {
    /// The network that acts.
    fn actor(&self) -> &dyn Network;

    /// See [`actor`](Self::actor).
    fn actor_mut(&mut self) -> &mut dyn Network;

    /// The parameters of the network that acts, flat; without noise.
    fn parameters(&self) -> &[f32] {
        self.actor().parameters()
    }

    /// Writes what actors act with to `to`: the parameters, with noise where the network has any.
    fn write_acting_parameters(&self, to: &mut Vec<f32>) {
        self.actor().write_noisy_parameters(to);
    }

    /// The value functions beside the network that acts, where there are any: those that [`critic`](Self::critic) copies.
    fn value_networks(&self) -> &[Box<dyn Network>] {
        &[]
    }

    /// See [`value_networks`](Self::value_networks).
    fn value_networks_mut(&mut self) -> &mut [Box<dyn Network>] {
        &mut []
    }

    /// Begins with these parameters in the place of its own, and with those of `critic` where its value functions are such; answers
    /// whether they are.
    ///
    /// # Errors
    /// If the parameters are of another network or the device fails.
    fn begin_with(&mut self, parameters: Vec<f32>, critic: Option<&Critic>) -> Result<bool, NnError> {
        let actor = self.actor_mut();
        let state = TrainingState::new(actor.mlp().with_fresh_noise(parameters));
        actor.restore(&state)?;
        let own = self.value_networks_mut();
        let of_critic = critic.map_or(&[][..], Critic::networks);
        let fits = critic.is_none_or(|critic| own.iter().all(|network| network.mlp() == critic.mlp()));
        if own.len() != of_critic.len() || !fits {
            return Ok(false);
        }
        for (network, parameters) in own.iter_mut().zip(of_critic) {
            network.restore(&TrainingState::new(parameters.clone()))?;
        }
        Ok(true)
    }

    /// A copy of the value functions beside the network that acts, where there are any.
    fn critic(&self) -> Option<Critic> {
        None
    }

    /// What the last update was like, by the names of metrics, such as `train/loss`. One that is not finite ends the run.
    fn metrics(&self) -> &[(&'static str, f32)];

    /// Gradient steps taken.
    fn updates(&self) -> u64;

    /// Counts on from so many gradient steps, the last of them at `steps` environment steps.
    fn resume_at(&mut self, updates: u64, steps: u64);

    /// What a checkpoint keeps beside networks; nothing for most.
    fn numbers(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Goes on from [`numbers`](Self::numbers).
    ///
    /// # Errors
    /// If they are another learner's.
    fn restore_numbers(&mut self, numbers: &[f64]) -> Result<(), NnError> {
        let _ = numbers;
        Ok(())
    }

    /// What a checkpoint keeps.
    ///
    /// # Errors
    /// If the device fails.
    fn state(&self) -> Result<LearnerState, DeviceError> {
        let values = self.value_networks().iter().map(|network| network.state());
        let networks = std::iter::once(self.actor().state()).chain(values).collect::<Result<_, _>>()?;
        Ok(LearnerState { networks, numbers: self.numbers() })
    }

    /// Goes on from `state` after `updates` gradient steps, the last of them at `steps` environment steps.
    ///
    /// # Errors
    /// If the state is of other networks.
    fn restore(&mut self, state: &LearnerState, updates: u64, steps: u64) -> Result<(), NnError> {
        let (expected, found) = (1 + self.value_networks().len(), state.networks.len());
        let [acts, values @ ..] = state.networks.as_slice() else { return Err(NnError::Networks { expected, found }) };
        if found != expected {
            return Err(NnError::Networks { expected, found });
        }
        self.actor_mut().restore(acts)?;
        let own = self.value_networks_mut().iter_mut().zip(values);
        own.into_iter().try_for_each(|(network, state)| network.restore(state))?;
        self.restore_numbers(&state.numbers)?;
        self.resume_at(updates, steps);
        Ok(())
    }
}

/// One that learns from what any policy did, drawn from replay.
pub trait OffPolicy: Learner {
    /// One gradient step on `batch`. An update of many gradient steps spreads its environment steps over them.
    ///
    /// # Errors
    /// If the device fails.
    fn update(&mut self, batch: &Batch, now: Progress, rng: &mut Generator) -> Result<(), DeviceError>;

    /// How much each transition of the last batch surprised it, before its update: what prioritized replay draws by. Not to be
    /// written by one that is never given such a replay.
    fn td_errors(&self) -> &[f32] {
        &[]
    }
}

/// One that learns from what its own policy just did.
pub trait OnPolicy: Learner {
    /// All gradient steps on a rollout.
    ///
    /// # Errors
    /// If the device fails.
    fn update(&mut self, rollout: &RolloutBatch, now: Progress, rng: &mut Generator) -> Result<(), DeviceError>;

    /// Updates from now on end before their next gradient step once `stop` says so; with none they are made whole. One that takes
    /// few gradient steps need not listen.
    fn stop_when(&mut self, stop: Option<Stop>) {
        drop(stop);
    }

    /// Whether the last update was ended so. What it left is of no use then: who asked for it goes back to the state before.
    fn was_stopped(&self) -> bool {
        false
    }
}
