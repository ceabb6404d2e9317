//! Discrete SAC's hyperparameters, by the names of Stable-Baselines3's SAC, and CleanRL's.

use super::DiscreteSac;
use crate::algorithm::Acting;
use crate::exploration::Style;
use crate::nn::Mlp;
use crate::replay_algorithm::replay_algorithm;
use crate::sac::EntCoef;

replay_algorithm! {
    /// Soft actor-critic for discrete actions (Christodoulou 2019; docs/algorithms/discrete-sac.md). Defaults are
    /// those of Stable-Baselines3's SAC, and CleanRL's for the entropy. A schedule is a number, or "lin_" and a number for
    /// one that falls to 0 over the run.
    DiscreteSacConfig in "discrete-sac",
    learning_rate: 3e-4, " Adam's step size, for the policy, the value functions and the temperature: a schedule.",
    tau: " Polyak coefficient of target updates.",
    targets: {
        /// Gradient steps between target updates.
        target_update_interval: u64 = 1, at_least(1);
    },
    own: {
        /// Entropy coefficient (temperature): "auto" to learn it, "auto_0.1" to learn it starting at 0.1, or a number.
        ent_coef: EntCoef = EntCoef::Auto(1.0);
        /// Target entropy of an automatic ent_coef, as a fraction of that of the uniform policy over valid actions.
        target_entropy_scale: f64 = 0.89, within(0.0, 1.0);
        /// Number of value functions, of which the minimum is taken.
        n_critics: usize = 2, within(1, 100);
    },
    net_arch: vec![256, 256], " Units of the hidden layers of policy and value functions, or separately: `{ pi = [64], qf = [64, 64] }`.",
    acts: Discrete by Categorical, |_| Style::Sampled,
    critics: Self::value_functions,
    learner: |config: &Self, acting, device, rng| DiscreteSac::new(config.clone(), acting, device, rng),
}

impl DiscreteSacConfig {
    /// A number for each action, as the policy has.
    pub(super) fn value_functions(&self, acting: &Acting) -> (usize, Mlp) {
        let outputs = acting.mlp.outputs();
        (self.n_critics, Mlp::new(acting.mlp.reads(), &self.net_arch.qf, outputs, self.activation_fn))
    }
}
