//! Proximal policy optimization of a policy that remembers what it has seen: for environments that do not show all that counts.
//!
//! A [long short-term memory](crate::nn) stands before the hidden layers of the policy, and another before those of the value
//! function. Actors carry what the policy remembers from step to step, and begin each episode with nothing. The rule is
//! [PPO's](crate::ppo); minibatches are rows of one environment after the other, cut where episodes end, and each such
//! sequence is learnt from with what was remembered before it.
//!
//! - Hochreiter & Schmidhuber 1997, *Long short-term memory*;
//! - Hausknecht & Stone 2015, *Deep recurrent Q-learning for partially observable MDPs*;
//! - Ni et al. 2022, *Recurrent model-free RL can be a strong baseline for many POMDPs*.
//!
//! Reference implementation: `sb3_contrib/ppo_recurrent/ppo_recurrent.py` and `sb3_contrib/common/recurrent`, whose networks, rule
//! and defaults these are.

mod config;

pub use config::RecurrentPpoConfig;

use crate::actor_critic::ActorCritic;

/// A policy that remembers and a value function that learn by PPO, from sequences.
pub type RecurrentPpo = ActorCritic<RecurrentPpoConfig>;
