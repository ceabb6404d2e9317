//! TQC's hyperparameters, by the names of sb3-contrib.

use super::Tqc;
use crate::exploration::{Style, sde_sample_freq};
use crate::replay_algorithm::replay_algorithm;
use crate::sac::EntCoef;

replay_algorithm! {
    /// Truncated quantile critics (Kuznetsov et al. 2020; docs/algorithms/tqc.md). Defaults are those of sb3-contrib's TQC. A
    /// schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    TqcConfig in "tqc",
    learning_rate: 3e-4, " Adam's step size, for the policy, the value functions and the temperature: a schedule.",
    tau: " Share of the way that targets move at each update.",
    targets: {
        /// Gradient steps between target updates.
        target_update_interval: u64 = 1, at_least(1);
    },
    own: {
        /// What entropy is worth: "auto" to learn it, "auto_0.1" to learn it from 0.1 on, or a number.
        ent_coef: EntCoef = EntCoef::Auto(1.0);
        /// The entropy that an automatic ent_coef keeps; "none" for minus the numbers of an action.
        target_entropy: Option<f64> = None;
        /// Value functions.
        n_critics: usize = 2, within(1, 100);
        /// Quantiles of the return that each of them has.
        n_quantiles: usize = 25, within(1, 1000);
        /// Of all target quantiles together, n_critics times as many of the greatest do not count: fewer than n_quantiles.
        top_quantiles_to_drop_per_net: usize = 2, at_most(999);
        /// Whether exploration depends on the state (gSDE): one state is answered by one action until its noise is drawn anew.
        use_sde: bool = false;
        /// Steps of each environment after which that noise is drawn anew; -1 for every train_freq steps.
        sde_sample_freq: i64 = -1, sde_sample_freq;
        /// Logarithm of each unit's part in the standard deviation of actions at the beginning, where use_sde is true.
        log_std_init: f64 = -3.0, within(-20.0, 2.0);
    },
    net_arch: vec![256, 256], " Units of each hidden layer, of the policy and of the value functions.",
    acts: Box by SquashedGaussian, |config| Style::drawn(config.use_sde, config.sde_sample_freq),
    check: Self::check_quantiles,
    learner: Tqc::new,
}

impl TqcConfig {
    fn check_quantiles(&self) -> Result<(), String> {
        let (dropped, quantiles) = (self.top_quantiles_to_drop_per_net, self.n_quantiles);
        if dropped < quantiles {
            return Ok(());
        }
        Err(format!(
            "top_quantiles_to_drop_per_net = {dropped} drops all of n_quantiles = {quantiles}: drop fewer, or have more"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm as _;

    #[test]
    fn some_quantile_has_to_be_left() {
        let with = |n_quantiles, top_quantiles_to_drop_per_net| {
            TqcConfig { n_quantiles, top_quantiles_to_drop_per_net, ..TqcConfig::default() }.check()
        };
        assert_eq!(with(3, 2), Ok(()));
        let problem = with(3, 3).expect_err("nothing is left");
        assert!(
            problem.contains("top_quantiles_to_drop_per_net = 3") && problem.contains("n_quantiles = 3"),
            "{problem}"
        );
    }
}
