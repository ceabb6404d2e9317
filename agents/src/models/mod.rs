//! Models that are larger than an agent's, and learn from data instead of from environments.

mod classifier;
mod linear;
#[cfg(test)]
mod mixed_precision_tests;
pub mod mlp;
mod plan;
pub mod recommender;
pub mod resnet;
mod stage;
#[cfg(test)]
mod stage_tests;
mod summary;
pub mod t5;

pub use classifier::{Classifier, Pass};
pub use plan::{HalfRange, OverflowsHalf, Plan};
pub(crate) use plan::{Op, Weighted};
pub use stage::{Forward, Piece};
pub use summary::{Cost, LayerCost};

/// Layers that are products of two narrow ones, by the names of the layers, and how many numbers are between the two: of a layer
/// `conv1` these are `conv1.0` and `conv1.1`, as in `torch.nn.Sequential`. See [`low_rank`](crate::compression::low_rank).
pub type Ranks = std::collections::BTreeMap<String, usize>;
