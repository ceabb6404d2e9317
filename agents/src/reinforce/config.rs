//! REINFORCE's hyperparameters, by the names of Stable-Baselines3 where it has them.

use crate::actor_critic::actor_critic;
use crate::schedule::{Schedule, positive_schedule};

actor_critic! {
    /// REINFORCE (Williams 1992; docs/algorithms/reinforce.md). Defaults are those of Spinning Up's VPG, but for returns
    /// that are whole. A schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    ReinforceConfig in "reinforce",
    own: {
        /// Adam's step size for the policy: a schedule.
        learning_rate: Schedule = Schedule::Constant(3e-4), positive_schedule;
        /// Steps of each environment between two updates, each of which is one gradient step of the policy on all of them.
        /// More than an episode has: without the baseline nothing is learnt from episodes that a rollout does not see the
        /// end of.
        n_steps: usize = 4000, within(1, 1_000_000);
        /// Discount factor.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// Whether a value function is the baseline of returns, and bootstraps beyond the end of a rollout.
        use_baseline: bool = true;
        /// Adam's step size for the baseline: a schedule.
        baseline_learning_rate: Schedule = Schedule::Constant(1e-3), positive_schedule;
        /// Gradient steps of the baseline on each rollout.
        baseline_steps: usize = 80, within(1, 10_000);
        /// Whether the advantages of a rollout are normalized to mean 0 and standard deviation 1.
        normalize_advantage: bool = true;
        /// Entropy coefficient of the loss.
        ent_coef: f64 = 0.0, non_negative;
        /// Maximum norm of gradients; 0 for no clipping.
        max_grad_norm: f64 = 0.0, non_negative;
    },
    ortho_init: false, log_std_init: -0.5,
}
