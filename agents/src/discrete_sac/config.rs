//! Discrete SAC's hyperparameters, by the names of Stable-Baselines3's SAC, and CleanRL's.

use super::DiscreteSac;
use crate::exploration::Style;
use crate::replay_algorithm::replay_algorithm;
use crate::sac::EntCoef;

replay_algorithm! {
    /// Soft actor-critic for discrete actions (Christodoulou 2019; docs/algorithms/discrete-sac.md). Defaults are
    /// those of Stable-Baselines3's SAC, and CleanRL's for the entropy. A schedule is a number, or "lin_" and a number for
    /// one that falls to 0 over the run.
    DiscreteSacConfig in "discrete-sac",
    learning_rate: 3e-4, " Adam's step size, for the policy, the value functions and the temperature: a schedule.",
    tau: " Share of the way that targets move at each update.",
    targets: {
        /// Gradient steps between target updates.
        target_update_interval: u64 = 1, at_least(1);
    },
    own: {
        /// What entropy is worth: "auto" to learn it, "auto_0.1" to learn it from 0.1 on, or a number.
        ent_coef: EntCoef = EntCoef::Auto(1.0);
        /// The entropy that an automatic ent_coef keeps, as a share of that of a policy for which all valid actions are alike.
        target_entropy_scale: f64 = 0.89, within(0.0, 1.0);
        /// Value functions, the least of which counts.
        n_critics: usize = 2, within(1, 100);
    },
    net_arch: vec![256, 256], " Units of each hidden layer, of the policy and of the value functions, or of each: `{ pi = [64], qf = [64, 64] }`.",
    acts: Discrete by Categorical, |_| Style::Sampled,
    learner: |config: &Self, acting, device, rng| DiscreteSac::new(config.clone(), acting, device, rng),
}
