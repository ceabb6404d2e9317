//! Conservative Q-learning: learns from a dataset what to do, without believing in what it never saw.
//!
//! A value function that is only taught what was done thinks too well of what was not, and a policy that follows it does just
//! that. To its loss is therefore added what drives values of all actions down and those of the dataset's actions up, CQL(H):
//!
//! conservative_weight · E[log Σₐ exp Q(s, a) − Q(s, a of the dataset)].
//!
//! Where actions are discrete, the rest is [double DQN](crate::dqn) and the sum is over them. Where they are continuous, the rest
//! is [SAC](crate::sac), and the sum is sampled: of actions a drawn from the policy in s and in s' and uniformly, each weighted
//! by what it was drawn with.
//!
//! - Kumar et al. 2020, *Conservative Q-learning for offline reinforcement learning*.
//!
//! Reference implementations: `d3rlpy/algos/qlearning/cql.py`, whose rule and names these are, and `CORL/algorithms/offline/cql.py`;
//! docs/algorithms/cql.md has what differs.

mod config;
mod critics;

pub use config::CqlConfig;
pub use critics::{ConservativeCritics, ContinuousCql};
