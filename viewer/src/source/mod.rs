//! Threads that turn runs into updates of the model.

mod film;

pub use film::{Film, Moment};
