//! What the update is told by a section of settings.

use super::model::ReturnModel;
use crate::nn::{Activation, Inputs, Mlp};

/// What the update is told by a section of settings, such as [`DqnConfig`](super::DqnConfig).
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub(super) model: ReturnModel,
    pub(super) learning_rate: f64,
    pub(super) adam_eps: f64,
    /// Infinite for no clipping.
    pub(super) max_grad_norm: f32,
    pub(super) tau: f32,
    pub(super) target_update_interval: u64,
    pub(super) double_q: bool,
    pub(super) dueling: bool,
    /// Nothing without noise.
    pub(super) noisy_std_init: Option<f64>,
    pub(super) net_arch: Vec<usize>,
    pub(super) activation_fn: Activation,
}

impl Rule {
    /// The shape of the Q-network that acts: the one that learns, without noise.
    pub fn network(&self, inputs: impl Into<Inputs>, actions: usize) -> Mlp {
        if let ReturnModel::Implicit(fractions) = self.model {
            let of = [fractions.embedding_dim, fractions.policy];
            return Mlp::implicit(inputs, &self.net_arch, actions, of, self.activation_fn, self.dueling);
        }
        self.model.head().network(inputs, &self.net_arch, actions, self.activation_fn, self.dueling)
    }
}
