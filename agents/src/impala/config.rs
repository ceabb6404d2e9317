//! IMPALA's hyperparameters, by the names of Stable-Baselines3's A2C, and V-trace's by those of DeepMind's.

use crate::actor_critic::actor_critic;
use crate::schedule::{Schedule, positive_schedule};

actor_critic! {
    /// IMPALA (Espeholt et al. 2018; docs/algorithms/impala.md): for train.clock = "async", where it corrects for how far
    /// actors are behind. Defaults are those of our A2C, with the paper's rollouts of 20 steps and its thresholds. A schedule
    /// is a number, or "lin_" and a number for one that falls to 0 over the run.
    ImpalaConfig in "impala",
    own: {
        /// The optimizer's step size: a schedule.
        learning_rate: Schedule = Schedule::Constant(7e-4), positive_schedule;
        /// Whether the optimizer is RMSprop; otherwise Adam.
        use_rms_prop: bool = true;
        /// RMSprop's epsilon.
        rms_prop_eps: f64 = 1e-5, positive;
        /// Steps of each environment in a rollout, each of which is one gradient step.
        n_steps: usize = 20, within(1, 1_000_000);
        /// Discount factor.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// Where importance weights are truncated in value targets (the paper's ρ̄).
        clip_rho_threshold: f64 = 1.0, positive;
        /// Where importance weights are truncated in the policy gradient.
        clip_pg_rho_threshold: f64 = 1.0, positive;
        /// Entropy coefficient of the loss.
        ent_coef: f64 = 0.0, non_negative;
        /// Coefficient of the value loss.
        vf_coef: f64 = 0.5, non_negative;
        /// Maximum norm of the gradients of policy and value function together; 0 for no clipping.
        max_grad_norm: f64 = 0.5, non_negative;
        /// Whether policy and value function share the convolutions of image observations, which learn from both losses.
        share_features_extractor: bool = true;
    },
    ortho_init: true, log_std_init: 0.0,
}
