//! Proximal policy optimization.
//!
//! A policy π and a value function V learn from rollouts of the policy itself. Over several
//! passes through a rollout, in minibatches,
//!
//! L = −E[min(ρ A, clip(ρ, 1 − ε, 1 + ε) A)] + vf_coef · E[(V − R)²] − ent_coef · E[H(π)]
//!
//! with ρ = π(a|s) / π_old(a|s), the advantages A and returns R of [`gae`](crate::advantage::gae).
//!
//! - Schulman et al. 2017, *Proximal policy optimization algorithms*;
//! - Schulman et al. 2016, *High-dimensional continuous control using generalized advantage estimation*;
//! - Huang et al. 2022, *The 37 implementation details of proximal policy optimization*.
//!
//! Reference implementations: `stable_baselines3/ppo/ppo.py`, whose rule and defaults these are, and `cleanrl/ppo.py`.

mod config;
mod update;

pub use config::PpoConfig;
pub(crate) use config::ppo;
pub use update::Ppo;
pub(crate) use update::PpoRule;
