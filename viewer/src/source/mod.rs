//! Threads that turn runs into updates of the model.

mod files;
mod film;
mod run_follower;

pub(crate) use files::Files;
pub use film::{Film, Moment};
