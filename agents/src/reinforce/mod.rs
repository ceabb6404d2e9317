//! REINFORCE: the policy gradient of whole episodes, with a value function as its baseline.
//!
//! A policy π learns from rollouts of its own, one gradient step from each:
//!
//! L = −E[(R − b(s)) log π(a|s)] − ent_coef · E[H(π)]
//!
//! with R what is earned from s to the end of the episode, discounted, and b a value function that is then moved towards
//! R. A rollout is a number of steps and so cuts episodes off. With the baseline, what is beyond the cut counts as b says,
//! as it does behind a truncated episode's last observation. Without it there is nothing to say what is beyond, and the
//! steps of an episode that the rollout did not see the end of are left out.
//!
//! - Williams 1992, *Simple statistical gradient-following algorithms for connectionist reinforcement learning*;
//! - Sutton et al. 1999, *Policy gradient methods for reinforcement learning with function approximation*.
//!
//! Reference implementation: `spinup/algos/pytorch/vpg/vpg.py` with `lam=1`.

mod config;
mod update;

pub use config::ReinforceConfig;
pub use update::Reinforce;
