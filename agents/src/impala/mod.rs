//! IMPALA: a policy that learns from rollouts of policies that are somewhat older, corrected for it by V-trace.
//!
//! Actors that run free act with weights that the learner has left behind since. With the ratio of an action's chance now
//! and then, ρ = π(a|s) / μ(a|s), what rollouts tell is corrected: see [`vtrace`](crate::vtrace). One gradient step from
//! each rollout of
//!
//! L = −E[A log π(a|s)] + vf_coef · E[(V − v)²] − ent_coef · E[H(π)].
//!
//! - Espeholt et al. 2018, *IMPALA: scalable distributed deep-RL with importance weighted actor-learner architectures*.
//!
//! Reference implementations: `deepmind/scalable_agent/vtrace.py`, `facebookresearch/torchbeast/torchbeast/core/vtrace.py`.

mod config;
mod update;

pub use config::ImpalaConfig;
pub use update::Impala;
