//! Truncated quantile critics: SAC whose value functions know how returns are distributed, and do not believe the best of it.
//!
//! Each value function has quantiles of the return in the place of its mean. Of those of all target networks together the
//! greatest, `top_quantiles_to_drop_per_net` for each network, are dropped; the others,
//!
//! yₖ = r + γ (1 − terminated) (zₖ(s', a') − α log π(a'|s')), a' ~ π(·|s'),
//!
//! are what every quantile is regressed onto. The policy climbs the mean of all quantiles of all networks; it and the
//! temperature are [SAC's](crate::sac).
//!
//! - Kuznetsov et al. 2020, *Controlling overestimation bias with truncated mixture of continuous distributional quantile
//!   critics*;
//! - Dabney et al. 2018, *Distributional reinforcement learning with quantile regression*.
//!
//! Reference implementation: `sb3_contrib/tqc/tqc.py`, whose rule and defaults these are.

mod config;
mod quantiles;

pub use config::TqcConfig;
pub use quantiles::QuantileCritics;

use cartwheel_envs::Generator;

use crate::algorithm::Acting;
use crate::nn::{Device, NnError};
use crate::sac::Soft;

/// A squashed Gaussian policy and its value functions, which learn by TQC.
pub type Tqc = Soft<QuantileCritics>;

impl Tqc {
    /// Fresh networks, initialized from `rng`.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(config: &TqcConfig, acting: &Acting, device: Device, rng: &mut Generator) -> Result<Self, NnError> {
        let dropped = config.top_quantiles_to_drop_per_net;
        let learning = QuantileCritics::new(config.n_critics, config.n_quantiles, dropped);
        Self::with(config.into(), acting, device, rng, config.value_functions(acting), learning)
    }

    /// What the quantiles of each transition of the last batch were moved towards, in no order, transition after
    /// transition.
    pub fn targets(&self) -> &[f32] {
        self.learning().targets()
    }
}
