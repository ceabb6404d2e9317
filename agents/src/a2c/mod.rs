//! Advantage actor-critic: the synchronous form of A3C.
//!
//! A policy π and a value function V learn from short rollouts of the policy itself, one
//! gradient step from each:
//!
//! L = −E[A log π(a|s)] + vf_coef · E[(V − R)²] − ent_coef · E[H(π)]
//!
//! with the advantages A and returns R of [`gae`](crate::advantage::gae), which with `gae_lambda = 1` are those of as many
//! steps as the rollout has left.
//!
//! - Mnih et al. 2016, *Asynchronous methods for deep reinforcement learning*;
//! - Huang et al. 2022, *A2C is a special case of PPO*.
//!
//! Reference implementation: `stable_baselines3/a2c/a2c.py`, whose rule and defaults these are.

mod config;
mod update;

pub use config::A2cConfig;
pub use update::A2c;
