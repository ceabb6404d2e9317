//! TQC's hyperparameters, by the names of sb3-contrib.

use super::Tqc;
use crate::algorithm::Acting;
use crate::critic_ensemble::critic;
use crate::nn::Mlp;
use crate::sac::soft_actor_critic;

soft_actor_critic! {
    /// Truncated quantile critics (Kuznetsov et al. 2020; docs/algorithms/tqc.md). Defaults are those of sb3-contrib's TQC. A
    /// schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    TqcConfig in "tqc",
    critics: {
        /// Number of value functions.
        n_critics: usize = 2, within(1, 100);
        /// Quantiles of the return that each value function predicts.
        n_quantiles: usize = 25, within(1, 1000);
        /// Largest quantiles dropped from the pooled targets, per value function: fewer than n_quantiles.
        top_quantiles_to_drop_per_net: usize = 2, at_most(999);
    },
    value_functions: Self::value_functions,
    check: Self::check_quantiles,
    learner: Tqc::new,
}

impl TqcConfig {
    pub(super) fn value_functions(&self, acting: &Acting) -> (usize, Mlp) {
        (self.n_critics, critic(acting, &self.net_arch.qf, self.n_quantiles, self.activation_fn))
    }

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
