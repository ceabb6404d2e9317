//! Recurrent PPO's hyperparameters, by the names of Stable-Baselines3's contrib.

use crate::actor_critic::CriticReads;
use crate::config::checks::layers;
use crate::exploration::sde_sample_freq;
use crate::extractor::FeaturesExtractor;
use crate::nn::Activation;
use crate::ppo::PpoConfig;
use crate::schedule::{Schedule, positive_schedule};

crate::config! {
    /// PPO with a policy that remembers what it has seen (docs/algorithms/recurrent-ppo.md). Defaults are those of sb3-contrib's
    /// RecurrentPPO. A schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    pub struct RecurrentPpoConfig in "recurrent-ppo" {
        /// Adam's step size: a schedule.
        learning_rate: Schedule = Schedule::Constant(3e-4), positive_schedule;
        /// Adam's epsilon.
        adam_eps: f64 = 1e-5, positive;
        /// Steps of each environment between two updates.
        n_steps: usize = 128, within(1, 1_000_000);
        /// Transitions in a gradient step.
        batch_size: usize = 128, within(1, 1_000_000);
        /// Passes through a rollout.
        n_epochs: usize = 10, within(1, 1000);
        /// Discount of future rewards.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// How far advantages look ahead: 0 for one step, 1 for all there are.
        gae_lambda: f64 = 0.95, within(0.0, 1.0);
        /// How far a chance may move from what it was before it stops to pay: a schedule.
        clip_range: Schedule = Schedule::Constant(0.2), positive_schedule;
        /// The same for the value function, in units of returns; "none" for no such clipping.
        clip_range_vf: Option<f64> = None, if_some(positive);
        /// Whether the advantages of a minibatch are brought to mean 0 and standard deviation 1.
        normalize_advantage: bool = true;
        /// Weight of the policy's entropy in the loss.
        ent_coef: f64 = 0.0, non_negative;
        /// Weight of the value function's error in the loss.
        vf_coef: f64 = 0.5, non_negative;
        /// Gradients of both networks together are scaled down to this norm; 0 for no clipping.
        max_grad_norm: f64 = 0.5, non_negative;
        /// An update ends once the policy has moved further than 1.5 times this (the Kullback-Leibler divergence from
        /// what it was, about); "none" for never.
        target_kl: Option<f64> = None, if_some(positive);
        /// Units of each layer that remembers.
        lstm_hidden_size: usize = 256, within(1, 4096);
        /// Layers that remember, one after the other.
        n_lstm_layers: usize = 1, within(1, 16);
        /// Whether the value function reads what the policy remembers, which it does not change.
        shared_lstm: bool = false;
        /// Whether the value function has a memory of its own; with neither it sees the observation alone.
        enable_critic_lstm: bool = true;
        /// What sees an observation before layers that remember do: "auto", "flatten", "nature_cnn" or "minatar_cnn".
        features_extractor: FeaturesExtractor = FeaturesExtractor::Auto;
        /// Units of each hidden layer, of the policy and of the value function.
        net_arch: Vec<usize> = vec![64, 64], layers;
        /// What follows each hidden layer: "relu" or "tanh".
        activation_fn: Activation = Activation::Tanh;
        /// Whether weights begin orthogonal; otherwise as PyTorch's layers do.
        ortho_init: bool = true;
        /// Whether exploration depends on the state (gSDE), of actions that are numbers: one state is answered by one action until
        /// its noise is drawn anew.
        use_sde: bool = false;
        /// Steps of each environment after which that noise is drawn anew; -1 for at the beginning of each rollout only.
        sde_sample_freq: i64 = -1, sde_sample_freq;
        /// Logarithm of the standard deviation of continuous actions at the beginning; of each unit's part in it where use_sde is
        /// true.
        log_std_init: f64 = 0.0, within(-20.0, 2.0);
    }
}

impl RecurrentPpoConfig {
    /// What the value function reads.
    pub(super) fn critic_reads(&self) -> CriticReads {
        match (self.shared_lstm, self.enable_critic_lstm) {
            (true, _) => CriticReads::PolicysMemory,
            (false, true) => CriticReads::OwnMemory,
            (false, false) => CriticReads::Observations,
        }
    }

    /// The same rule without a memory.
    pub(super) fn rule(&self) -> PpoConfig {
        PpoConfig {
            learning_rate: self.learning_rate,
            adam_eps: self.adam_eps,
            n_steps: self.n_steps,
            batch_size: self.batch_size,
            n_epochs: self.n_epochs,
            gamma: self.gamma,
            gae_lambda: self.gae_lambda,
            clip_range: self.clip_range,
            clip_range_vf: self.clip_range_vf,
            normalize_advantage: self.normalize_advantage,
            ent_coef: self.ent_coef,
            vf_coef: self.vf_coef,
            max_grad_norm: self.max_grad_norm,
            target_kl: self.target_kl,
            ..PpoConfig::default()
        }
    }
}
