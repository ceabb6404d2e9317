//! Soft actor-critic: a policy that earns much and stays as random as it can.
//!
//! Two value functions learn from replay what is earned and how random the policy still is,
//!
//! y = r + γ (1 − terminated) (min Q'(s', a') − α log π(a'|s')), a' ~ π(·|s'),
//!
//! the policy, a Gaussian squashed by tanh, climbs min Q(s, a) − α log π(a|s) through its own noise, and α is moved until
//! the entropy is what it should be.
//!
//! - Haarnoja et al. 2018, *Soft actor-critic: off-policy maximum entropy deep reinforcement learning*;
//! - Haarnoja et al. 2018, *Soft actor-critic algorithms and applications* (the temperature α);
//! - Fujimoto et al. 2018 (the least of two value functions).
//!
//! Reference implementations: `stable_baselines3/sac/sac.py`, whose rule and defaults these are, and
//! `cleanrl/sac_continuous_action.py`.

mod config;
mod temperature;
mod update;

pub(crate) use config::soft_actor_critic;
pub use config::{EntCoef, SacConfig};
pub(crate) use temperature::Temperature;
pub(crate) use update::{Drawn, PolicyActions, SoftCritics, SoftRule};
pub use update::{LeastCritics, Sac, Soft};
