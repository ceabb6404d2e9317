//! Environments around environments: one concern a file.

mod time_limit;

pub use time_limit::TimeLimit;
