//! A2C's hyperparameters, by the names of Stable-Baselines3.

use cartwheel_envs::{Generator, Space};

use super::A2c;
use crate::actor_critic;
use crate::algorithm::{Acting, Algorithm, AnyLearner, Data, RolloutUse};
use crate::config::checks::layers;
use crate::exploration::{Exploration, Style, sde_sample_freq};
use crate::extractor::FeaturesExtractor;
use crate::head::{ActionHead, Head};
use crate::nn::{Activation, Device, Inputs, Mlp, NnError};
use crate::schedule::{Schedule, positive_schedule};

crate::config! {
    /// Advantage actor-critic (Mnih et al. 2016; docs/algorithms/a2c.md). Defaults are those of Stable-Baselines3's A2C. A
    /// schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    pub struct A2cConfig in "a2c" {
        /// The optimizer's step size: a schedule.
        learning_rate: Schedule = Schedule::Constant(7e-4), positive_schedule;
        /// Whether RMSprop takes the steps; otherwise Adam does.
        use_rms_prop: bool = true;
        /// RMSprop's epsilon.
        rms_prop_eps: f64 = 1e-5, positive;
        /// Steps of each environment between two updates, each of which is one gradient step on all of them.
        n_steps: usize = 5, within(1, 1_000_000);
        /// Discount of future rewards.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// How far advantages look ahead: 0 for one step, 1 for all there are.
        gae_lambda: f64 = 1.0, within(0.0, 1.0);
        /// Whether the advantages of a rollout are brought to mean 0 and standard deviation 1.
        normalize_advantage: bool = false;
        /// Weight of the policy's entropy in the loss.
        ent_coef: f64 = 0.0, non_negative;
        /// Weight of the value function's error in the loss.
        vf_coef: f64 = 0.5, non_negative;
        /// Gradients of both networks together are scaled down to this norm; 0 for no clipping.
        max_grad_norm: f64 = 0.5, non_negative;
        /// What sees an observation before hidden layers do: "auto", "flatten", "nature_cnn" or "minatar_cnn".
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

impl Algorithm for A2cConfig {
    fn head(&self, action_space: &Space) -> Option<Head> {
        actor_critic::head(action_space)
    }

    fn features_extractor(&self) -> FeaturesExtractor {
        self.features_extractor
    }

    fn network(&self, inputs: Inputs, actions: &ActionHead) -> Mlp {
        actor_critic::network(inputs, actions, &self.net_arch, self.activation_fn)
    }

    fn exploration(&self, _: u64) -> Exploration {
        Exploration::after_random(0, Style::drawn(self.use_sde, self.sde_sample_freq))
    }

    fn data(&self) -> Data {
        Data::Rollouts(RolloutUse { n_steps: self.n_steps, epochs: 1, batch_size: None, gamma: self.gamma as f32 })
    }

    fn learner(&self, acting: &Acting, device: Device, rng: &mut Generator) -> Result<AnyLearner, NnError> {
        Ok(AnyLearner::OnPolicy(Box::new(A2c::new(self.clone(), acting, device, rng)?)))
    }
}
