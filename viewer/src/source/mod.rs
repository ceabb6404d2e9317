//! Threads that turn runs into updates of the model.

mod checkpoint;
mod film;
mod latest;
mod replayer;
mod stage;

pub use checkpoint::Checkpoint;
pub use film::{Film, Moment};
pub use replayer::EpisodeOf;
