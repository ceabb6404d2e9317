//! Cartwheel: reinforcement learning in Rust.
//!
//! This crate gathers the parts: [`envs`] (worlds), [`agents`] (what decides and learns), [`trainer`] (how
//! things learn) and [`viewer`] (what people look at). The `cartwheel` command does nothing that these do not; [`cli`] puts it into a program of your own,
//! with environments of your own in it.
//!
//! ```no_run
//! use cartwheel::trainer::{Algo, Experiment, Settings};
//!
//! let settings = Settings::shipped(Algo::Dqn, "CartPole-v1")?;
//! let summary = Experiment::new(settings).run()?;
//! println!("solved: {}, kept in {}", summary.solved, summary.run.display());
//! # Ok::<(), cartwheel::trainer::TrainError>(())
//! ```

pub mod cli;

pub use cartwheel_agents as agents;
pub use cartwheel_envs as envs;
pub use cartwheel_trainer as trainer;
pub use cartwheel_viewer as viewer;

// The programs that these pages show compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
#[cfg(doctest)]
#[doc = include_str!("../docs/quick-start.md")]
struct QuickStart;
#[cfg(doctest)]
#[doc = include_str!("../docs/data.md")]
struct Data;
#[cfg(doctest)]
#[doc = include_str!("../docs/t5.md")]
struct T5;
#[cfg(doctest)]
#[doc = include_str!("../docs/python-environments.md")]
struct PythonEnvironments;
