//! Environments around environments: one concern a file.

mod monitor;
mod time_limit;

pub use monitor::Monitor;
pub use time_limit::TimeLimit;
