//! Soft actor-critic for discrete actions.
//!
//! The policy π(·|s) has a chance for each action, so what [SAC](crate::sac) estimates with a drawn action is a sum here:
//!
//! y = r + γ (1 − terminated) Σₐ π(a|s') (min Q'(s', a) − α log π(a|s')),
//!
//! the policy climbs Σₐ π(a|s) (min Q(s, a) − α log π(a|s)), and α is moved until the entropy is a share of the greatest
//! that there is.
//!
//! - Christodoulou 2019, *Soft actor-critic for discrete action settings*.
//!
//! Reference implementation: `cleanrl/sac_atari.py`.

mod config;
mod update;

pub use config::DiscreteSacConfig;
pub use update::DiscreteSac;
