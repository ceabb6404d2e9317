//! Models that are larger than an agent's: one folder each.

pub mod t5;
