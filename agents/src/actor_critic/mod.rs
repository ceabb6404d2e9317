//! A policy and a value function that learn from rollouts of the policy itself: what PPO, recurrent PPO, A2C,
//! IMPALA and REINFORCE share.
//!
//! An algorithm says with [`Rule`] what it makes of a rollout; [`Networks`] gives it advantages, minibatches and the
//! gradient of
//!
//! L = E[policy loss] + vf_coef · E[(V − R)²] − ent_coef · E[H(π)].

mod config;
mod minibatch;
mod networks;
mod sequences;
mod whole_rollout;

use cartwheel_envs::{Generator, Space};

pub use config::ActorCriticConfig;
pub(crate) use config::actor_critic;
pub(crate) use minibatch::shuffle;
pub use networks::{Choice, Coefficients, Gradient, Networks};
pub use sequences::CriticReads;
use sequences::Sequences;
pub(crate) use whole_rollout::WholeRollout;

use crate::algorithm::{Acting, Algorithm, AnyLearner, Data, RolloutUse};
use crate::critic::Critic;
use crate::exploration::{Exploration, Style};
use crate::extractor::FeaturesExtractor;
use crate::head::{ActionHead, Head};
use crate::learner::{Learner, OnPolicy, Progress, RolloutBatch, Stop};
use crate::net_arch::NetArch;
use crate::nn::{Activation, Device, DeviceError, Inputs, Mlp, Network, NnError};

/// Metrics by name.
pub type Metrics = Vec<(&'static str, f32)>;

/// What an algorithm makes of rollouts. Implemented by the `config!` section that holds its hyperparameters, which thereby is an
/// [`Algorithm`].
pub trait Rule: ActorCriticConfig {
    /// Units of each layer of the policy that remembers, and how many of these stand before the hidden ones; and what the value
    /// function reads.
    fn memory(&self) -> (Option<(usize, usize)>, CriticReads) {
        (None, CriticReads::Observations)
    }

    /// Whether the value function sees pictures by the policy's convolutions.
    fn share_features_extractor(&self) -> bool {
        false
    }

    /// The rollouts that it learns from, and how often.
    fn rollouts(&self) -> RolloutUse;

    /// How its actors draw actions.
    fn style(&self) -> Style {
        Style::Sampled
    }

    /// See [`Algorithm::check`].
    ///
    /// # Errors
    /// What does not fit and what to change.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Whether it learns a value function.
    fn learns_values(&self) -> bool {
        true
    }

    /// All gradient steps on `rollout`; `metrics` become what they were like.
    ///
    /// # Errors
    /// If the device fails.
    fn learn(
        &self,
        networks: &mut Networks,
        rollout: &RolloutBatch,
        now: Progress,
        rng: &mut Generator,
        metrics: &mut Metrics,
    ) -> Result<(), DeviceError>;
}

/// What networks begin as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beginning<'a> {
    /// What sees observations before hidden layers do.
    pub features_extractor: &'a FeaturesExtractor,
    /// Units of each hidden layer, of the policy and of the value function.
    pub net_arch: &'a NetArch,
    /// What follows each of these.
    pub activation_fn: Activation,
    /// Orthogonal initialization; otherwise that of PyTorch's layers.
    pub ortho_init: bool,
    /// Logarithm of the standard deviation of continuous actions.
    pub log_std_init: f32,
}

/// What the outputs of the policy mean for actions of a space.
pub(crate) fn head(action_space: &Space) -> Option<Head> {
    match action_space {
        Space::Box { .. } => Some(Head::Gaussian),
        Space::Discrete { .. } | Space::MultiDiscrete { .. } | Space::MultiBinary { .. } => Some(Head::Categorical),
        _ => None,
    }
}

/// The policy's network.
pub(crate) fn network(inputs: Inputs, actions: &ActionHead, net_arch: &[usize], activation_fn: Activation) -> Mlp {
    let outputs = actions.outputs();
    match actions.head() {
        Head::Gaussian => Mlp::gaussian(inputs, net_arch, outputs / 2, activation_fn),
        _ => Mlp::new(inputs, net_arch, outputs, activation_fn),
    }
}

impl<R: Rule> Algorithm for R {
    fn check(&self) -> Result<(), String> {
        Rule::check(self)
    }

    fn head(&self, action_space: &Space) -> Option<Head> {
        head(action_space)
    }

    fn features_extractor(&self) -> &FeaturesExtractor {
        self.beginning().features_extractor
    }

    fn network(&self, inputs: Inputs, actions: &ActionHead) -> Mlp {
        let Beginning { net_arch, activation_fn, .. } = self.beginning();
        let network = network(inputs, actions, &net_arch.pi, activation_fn);
        match self.memory().0 {
            Some((units, layers)) => network.remembering(units, layers),
            None => network,
        }
    }

    fn critics(&self, acting: &Acting) -> Option<(usize, Mlp)> {
        let Beginning { net_arch, activation_fn, .. } = self.beginning();
        Some((1, self.memory().1.network(&acting.mlp, &net_arch.vf, activation_fn)))
    }

    fn exploration(&self, _: u64) -> Exploration {
        Exploration::after_random(0, self.style())
    }

    fn data(&self) -> Data {
        Data::Rollouts(self.rollouts())
    }

    fn learner(&self, acting: &Acting, device: Device, rng: &mut Generator) -> Result<AnyLearner, NnError> {
        Ok(AnyLearner::OnPolicy(Box::new(ActorCritic::new(self.clone(), acting, device, rng)?)))
    }
}

/// A policy and a value function that learn by `R`.
pub struct ActorCritic<R> {
    rule: R,
    networks: Networks,
    metrics: Metrics,
}

impl<R: Rule> ActorCritic<R> {
    /// Fresh networks, initialized from `rng`.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(rule: R, acting: &Acting, device: Device, rng: &mut Generator) -> Result<Self, NnError> {
        let networks = Networks::new(&rule, acting, device, rng)?;
        Ok(Self { rule, networks, metrics: Vec::new() })
    }
}

impl<R: Rule> OnPolicy for ActorCritic<R> {
    fn update(&mut self, rollout: &RolloutBatch, now: Progress, rng: &mut Generator) -> Result<(), DeviceError> {
        self.metrics.clear();
        self.networks.brake.pulled = false;
        self.rule.learn(&mut self.networks, rollout, now, rng, &mut self.metrics)
    }

    fn stop_when(&mut self, stop: Option<Stop>) {
        self.networks.brake.stop = stop;
    }

    fn was_stopped(&self) -> bool {
        self.networks.brake.pulled
    }
}

impl<R: Rule> Learner for ActorCritic<R> {
    fn actor(&self) -> &dyn Network {
        &*self.networks.actor
    }

    fn actor_mut(&mut self) -> &mut dyn Network {
        &mut *self.networks.actor
    }

    fn parameters(&self) -> &[f32] {
        self.networks.acting_parameters()
    }

    fn write_acting_parameters(&self, to: &mut Vec<f32>) {
        to.clear();
        to.extend_from_slice(self.parameters());
    }

    fn begin_with(&mut self, parameters: Vec<f32>, critic: Option<&Critic>) -> Result<bool, NnError> {
        self.networks.begin_with(parameters, critic)
    }

    fn critic(&self) -> Option<Critic> {
        let (_, reads) = self.rule.memory();
        self.rule.learns_values().then(|| Critic::of_states(reads, self.networks.value_function()))
    }

    fn metrics(&self) -> &[(&'static str, f32)] {
        &self.metrics
    }

    fn updates(&self) -> u64 {
        self.networks.updates
    }

    fn resume_at(&mut self, updates: u64, _: u64) {
        self.networks.updates = updates;
    }

    fn value_networks(&self) -> &[Box<dyn Network>] {
        self.networks.critic.as_slice()
    }

    fn value_networks_mut(&mut self) -> &mut [Box<dyn Network>] {
        self.networks.critic.as_mut_slice()
    }

    fn numbers(&self) -> Vec<f64> {
        self.networks.sequences.as_ref().map_or(Vec::new(), Sequences::state)
    }

    fn restore_numbers(&mut self, numbers: &[f64]) -> Result<(), NnError> {
        if let Some(sequences) = &mut self.networks.sequences {
            sequences.restore(numbers);
        }
        Ok(())
    }
}
