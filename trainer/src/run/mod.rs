//! A run on disk.
//!
//! ```text
//! runs/
//! └── CartPole-v1-dqn-s1-20261123-191500/     RunDir
//!     ├── config.toml                         everything resolved, enough to repeat the run
//!     ├── run.json                            Manifest: version, machine, command line, outcome
//!     ├── lock                                RunLock: one process at a time
//!     ├── watch.json                          while live: where a viewer finds it
//!     ├── metrics.jsonl                       MetricsLog    ┐
//!     ├── events.out.tfevents.<time>.<host>   TensorBoard   ├ appended to by RunWriter's thread
//!     ├── progress.csv, wandb/                ExtraLogs     │ (those only on demand)
//!     ├── episodes.bin, episodes.idx          EpisodeLog    ┘ (read by Episodes)
//!     └── checkpoints/                        Checkpoints
//!         ├── step-000000012000.state         all that resuming needs (state::write_state)
//!         ├── latest.safetensors              the weights at the last checkpoint
//!         └── best.safetensors                the weights that did best in evaluation
//! ```
//!
//! Files are written whole under a hidden name and then renamed ([`write_atomic`]), so a run that is killed at any
//! moment leaves the old file or the new one. The logs only grow: a torn end is left out when they are read, and what
//! they say past a checkpoint is cut when a run resumes from it ([`LogPositions`]).

mod append;
mod atomic;
mod checkpoint;
mod clock;
mod csv;
mod dir;
mod episode_reader;
mod episodes;
mod error;
mod lock;
mod manifest;
mod metrics;
mod owned;
mod row_log;
mod state;
mod tail;
mod tensorboard;
mod wandb;
mod writer;

pub(crate) use atomic::write_atomic_private;
pub use atomic::{WriteCost, check_writable, write_atomic};
pub use checkpoint::Checkpoints;
pub use dir::{Fill, RunDir, RunSummary};
pub use episode_reader::Episodes;
pub use episodes::{ActionLog, EpisodeEntry, EpisodeLog, EpisodeRecord};
pub use error::RunError;
pub(crate) use lock::RunLock;
pub(crate) use manifest::verdict;
pub use manifest::{Machine, Manifest, Outcome};
pub use metrics::{MetricsLog, MetricsRow};
pub(crate) use owned::{OwnedRun, finished};
pub use row_log::ExtraLogs;
pub(crate) use state::read_start;
pub use tail::{Added, EpisodeTail, MetricsTail};
pub use writer::{LogPositions, RunWriter};
