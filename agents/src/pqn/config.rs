//! PQN's hyperparameters, by the names of Stable-Baselines3 where it has them, and CleanRL's.

use cartwheel_envs::{Generator, Space};

use super::Pqn;
use crate::algorithm::{Acting, Algorithm, AnyLearner, Data, RolloutUse};
use crate::config::checks::layers;
use crate::exploration::{EpsilonSchedule, Exploration};
use crate::extractor::FeaturesExtractor;
use crate::head::{ActionHead, Head};
use crate::nn::{Activation, Device, Inputs, Mlp, NnError};
use crate::schedule::{Schedule, positive_schedule};

crate::config! {
    /// Parallelised Q-network (Gallici et al. 2024; docs/algorithms/pqn.md). Defaults are those of CleanRL's pqn.py with its
    /// four environments. A schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    pub struct PqnConfig in "pqn" {
        /// RAdam's step size: a schedule.
        learning_rate: Schedule = Schedule::Linear(2.5e-4), positive_schedule;
        /// Steps of each environment between two updates.
        n_steps: usize = 128, within(1, 1_000_000);
        /// Transitions in a gradient step.
        batch_size: usize = 128, within(1, 1_000_000);
        /// Epochs over each rollout.
        n_epochs: usize = 4, within(1, 1000);
        /// Discount factor.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// λ of the returns: 0 for one step, 1 for Monte Carlo.
        q_lambda: f64 = 0.65, within(0.0, 1.0);
        /// Fraction of total_timesteps over which the probability of a random action decays.
        exploration_fraction: f64 = 0.5, within(0.0, 1.0);
        /// Initial probability of a random action.
        exploration_initial_eps: f64 = 1.0, within(0.0, 1.0);
        /// Final probability of a random action.
        exploration_final_eps: f64 = 0.05, within(0.0, 1.0);
        /// Maximum global norm of gradients; 0 for no clipping.
        max_grad_norm: f64 = 10.0, non_negative;
        /// The feature extractor in front of the hidden layers: "auto", "flatten", "nature_cnn", "minatar_cnn", or your own
        /// convolutions, as `{ conv_filters = [[32, 3, 1]], features_dim = 128 }`.
        features_extractor: FeaturesExtractor = FeaturesExtractor::Auto;
        /// Units of each hidden layer.
        net_arch: Vec<usize> = vec![120, 84], layers;
        /// Layer normalization of each hidden layer before its activation.
        layer_norm: bool = true;
        /// Activation of hidden layers.
        activation_fn: Activation = Activation::Relu;
    }
}

impl Algorithm for PqnConfig {
    fn head(&self, action_space: &Space) -> Option<Head> {
        matches!(action_space, Space::Discrete { .. }).then_some(Head::QValues)
    }

    fn features_extractor(&self) -> &FeaturesExtractor {
        &self.features_extractor
    }

    fn network(&self, inputs: Inputs, actions: &ActionHead) -> Mlp {
        let new = if self.layer_norm { Mlp::layer_norm } else { Mlp::new };
        new(inputs, &self.net_arch, actions.outputs(), self.activation_fn)
    }

    fn exploration(&self, total_timesteps: u64) -> Exploration {
        Exploration::from(EpsilonSchedule {
            random_steps: 0,
            initial: self.exploration_initial_eps,
            last: self.exploration_final_eps,
            fall: self.exploration_fraction * total_timesteps as f64,
        })
    }

    fn data(&self) -> Data {
        Data::Rollouts(RolloutUse {
            n_steps: self.n_steps,
            epochs: self.n_epochs,
            batch_size: Some(self.batch_size),
            gamma: self.gamma as f32,
        })
    }

    fn learner(&self, acting: &Acting, device: Device, rng: &mut Generator) -> Result<AnyLearner, NnError> {
        Ok(AnyLearner::OnPolicy(Box::new(Pqn::new(self.clone(), acting, device, rng)?)))
    }
}
