//! A2C's hyperparameters, by the names of Stable-Baselines3.

use crate::config::checks::layers;
use crate::exploration::sde_sample_freq;
use crate::extractor::FeaturesExtractor;
use crate::nn::Activation;
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
