//! Smaller networks of the same function: weights that are 0, and matrices that are products of narrow ones.

mod low_rank;
mod pruning;

pub use low_rank::{LowRank, low_rank, rank_of};
pub use pruning::{PruningSchedule, Scope, Zeros, emptied, is_prunable, prune, prune_one, sparsity};
