//! Parallelised Q-network: Q-learning from rollouts of many environments, without replay and without a target network.
//!
//! Each of a rollout's steps is worth, from its end on,
//!
//! Rₜ = rₜ + γ (1 − terminated) (λ Rₜ₊₁ + (1 − λ) max Q(sₜ₊₁, ·))
//!
//! (Peng's Q(λ); where an episode was truncated or the rollout ends, λ is 0), and Q(s, a) is moved towards it in several
//! passes. What takes the place of a target network is layer normalization, which keeps the values from running away.
//!
//! - Gallici et al. 2024, *Simplifying deep temporal difference learning*;
//! - Peng & Williams 1994, *Incremental multi-step Q-learning*.
//!
//! Reference implementations: `purejaxql/pqn_gymnax.py` and `cleanrl/pqn.py`, whose defaults these are.

mod config;
mod update;

pub use config::PqnConfig;
pub use update::Pqn;
