//! Models that are larger than an agent's, and learn from data instead of from environments.

mod classifier;
#[cfg(test)]
mod mixed_precision_tests;
pub mod mlp;
pub mod recommender;
pub mod resnet;
mod summary;
pub mod t5;

pub use classifier::{Classifier, Pass};
pub use summary::{Cost, LayerCost};
