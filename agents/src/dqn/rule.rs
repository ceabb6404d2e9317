//! What the update is told by a section of settings.

use super::Loss;
use super::model::ReturnModel;
use crate::nn::{Activation, Inputs, Mlp};
use crate::schedule::Schedule;

/// What the update is told by a section of settings, such as [`DqnConfig`](super::DqnConfig).
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub(super) model: ReturnModel,
    pub(super) learning_rate: Schedule,
    pub(super) adam_eps: f64,
    /// Infinite for no clipping.
    pub(super) max_grad_norm: f32,
    pub(super) tau: f32,
    pub(super) target_update_interval: u64,
    pub(super) double_q: bool,
    /// What being sure of actions that were not taken costs: of means alone, 0 for nothing.
    pub(super) conservative_weight: f32,
    pub(super) dueling: bool,
    /// Nothing without noise.
    pub(super) noisy_std_init: Option<f64>,
    pub(super) net_arch: Vec<usize>,
    pub(super) activation_fn: Activation,
}

impl Rule {
    /// Double Q-learning of mean returns, in which being sure of actions that were not taken costs `conservative_weight`; the
    /// target follows by the share `tau` at each gradient step.
    pub(crate) fn conservative(
        conservative_weight: f32,
        (learning_rate, tau): (Schedule, f32),
        (net_arch, activation_fn): (&[usize], Activation),
    ) -> Self {
        Self {
            model: ReturnModel::Mean(Loss::Huber),
            learning_rate,
            adam_eps: 1e-8,
            max_grad_norm: f32::INFINITY,
            tau,
            target_update_interval: 1,
            double_q: true,
            conservative_weight,
            dueling: false,
            noisy_std_init: None,
            net_arch: net_arch.to_vec(),
            activation_fn,
        }
    }

    /// The shape of the Q-network that acts: the one that learns, without noise.
    pub fn network(&self, inputs: impl Into<Inputs>, actions: usize) -> Mlp {
        if let ReturnModel::Implicit(fractions) = self.model {
            let of = [fractions.embedding_dim, fractions.policy];
            return Mlp::implicit(inputs, &self.net_arch, actions, of, self.activation_fn, self.dueling);
        }
        self.model.head().network(inputs, &self.net_arch, actions, self.activation_fn, self.dueling)
    }
}
