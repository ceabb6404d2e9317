//! Behaviour cloning: a policy that does what was done in a dataset.
//!
//! L = −E[log π(a|s)] − ent_weight · E[H(π(·|s))] + l2_weight · ½‖θ‖², over the states and actions of the dataset. What they
//! earned is not looked at.
//!
//! - Pomerleau 1991, *Efficient training of artificial neural networks for autonomous navigation*;
//! - Bain & Sammut 1995, *A framework for behavioural cloning*.
//!
//! Reference implementation: `imitation/algorithms/bc.py`, whose loss and defaults these are; docs/algorithms/bc.md has what
//! differs.

mod config;
mod update;

pub use config::BcConfig;
pub use update::Bc;
