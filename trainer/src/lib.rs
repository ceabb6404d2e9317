//! How agents learn: actors, replay, the training loop, evaluation, and runs on disk.
//!
//! | module | holds |
//! |---|---|
//! | `config` | the settings of a run, and the tuned ones that are shipped |
//! | `experiment` | the front door: settings in, a run on disk and its summary out |
//! | `seeds` | the same experiment with several seeds |
//! | `session` | the loop of a run: collect, learn, look, checkpoint |
//! | `counters`, `events` | what is counted over a run, kept in checkpoints; what it tells those who listen |
//! | `collector`, `actor`, `rollout`, `actor_count` | threads that step environments, what they hand over, and how many pay |
//! | `offline` | recorded episodes to learn from in their place |
//! | `replay` | transitions, and how batches are drawn from them |
//! | `evaluation`, `episode_info` | greedy episodes; what environments tell beside returns |
//! | `export` | policies of runs as files of ONNX |
//! | `provenance` | what a file was made from |
//! | `run` | files: configuration, metrics, TensorBoard, episodes, checkpoints |
//! | [`doctor`] | what is wrong with a run, read from its metrics |
//! | [`reproduce`] | tables of results with many seeds |
//! | [`compare`] | groups of runs beside each other |
//! | [`sweep`] | searches over settings |
//! | [`watch`] | what viewers see of a run while it trains, and what they can do to it |
//! | [`translation`] | BLEU and chrF of translations |
//! | [`data`] | where samples of supervised training come from |
//! | [`supervised`] | models fitted to samples |
//! | `statistics`, `plot` | numbers and pictures over runs |
//! | `memory`, `cpu_time` | what the machine has and what a run took of it |
//!
//! ```no_run
//! use cartwheel_trainer::{Algo, Experiment, Settings};
//!
//! let settings = Settings::shipped(Algo::Dqn, "CartPole-v1")?;
//! let summary = Experiment::new(settings).run()?;
//! println!("solved: {}", summary.solved);
//! # Ok::<(), cartwheel_trainer::TrainError>(())
//! ```

pub mod compare;
pub mod data;
pub mod doctor;
pub mod plot;
pub mod reproduce;
pub mod run;
pub mod statistics;
pub mod supervised;
pub mod sweep;
pub mod translation;
pub mod watch;

mod actor;
mod actor_count;
mod collector;
mod config;
mod counters;
mod cpu_time;
mod episode_info;
mod error;
mod evaluation;
mod events;
mod experiment;
mod export;
mod memory;
mod offline;
mod provenance;
#[cfg(test)]
mod reference_tests;
mod replay;
mod rollout;
mod seeds;
mod session;

pub use actor::{Actor, ActorSpec, EnvState, Weights};
pub use collector::{Collector, Finished};
pub use config::{
    ActorCount, Algo, Clock, EnvConfig, EvalConfig, GoalSelectionStrategy, HerConfig, ModelClass, OfflineConfig,
    OnWorkerDeath, Registered, RegisteredSettings, Registrable, RunConfig, Settings, TrainConfig, register_algorithm,
};
pub use cpu_time::thread_cpu_time;
pub use episode_info::{EpisodeInfo, IS_SUCCESS};
pub use error::{EnvFault, TrainError};
pub use evaluation::{Evaluation, Evaluator};
pub use events::{Callback, Event, Progress};
pub use experiment::{CheckpointCosts, Experiment, GreedyReturn, Summary};
pub use export::{ExportedPolicy, export_policy, export_policy_alone};
pub use provenance::{Provenance, Step};
pub use replay::{Hindsight, Outcome, Replay, ReplayState, ReplayView, Stored};
pub use rollout::{FinishedEpisode, Rollout};
pub use seeds::{Aggregate, train_all, train_seeds};
pub use session::policy_at;
