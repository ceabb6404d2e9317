//! A2C's hyperparameters, by the names of Stable-Baselines3.

use crate::actor_critic::actor_critic;
use crate::schedule::{Schedule, positive_schedule};

actor_critic! {
    /// Advantage actor-critic (Mnih et al. 2016; docs/algorithms/a2c.md). Defaults are those of Stable-Baselines3's A2C. A
    /// schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    A2cConfig in "a2c",
    own: {
        /// The optimizer's step size: a schedule.
        learning_rate: Schedule = Schedule::Constant(7e-4), positive_schedule;
        /// Whether the optimizer is RMSprop; otherwise Adam.
        use_rms_prop: bool = true;
        /// RMSprop's epsilon.
        rms_prop_eps: f64 = 1e-5, positive;
        /// Steps of each environment between two updates, each of which is one gradient step on all of them.
        n_steps: usize = 5, within(1, 1_000_000);
        /// Discount factor.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// λ of generalized advantage estimation: 0 for one-step advantages, 1 for Monte Carlo.
        gae_lambda: f64 = 1.0, within(0.0, 1.0);
        /// Whether the advantages of a rollout are normalized to mean 0 and standard deviation 1.
        normalize_advantage: bool = false;
        /// Entropy coefficient of the loss.
        ent_coef: f64 = 0.0, non_negative;
        /// Coefficient of the value loss.
        vf_coef: f64 = 0.5, non_negative;
        /// Maximum norm of the gradients of policy and value function together; 0 for no clipping.
        max_grad_norm: f64 = 0.5, non_negative;
        /// Whether policy and value function share the convolutions of image observations, which learn from both losses.
        share_features_extractor: bool = true;
    },
    use_sde,
}
