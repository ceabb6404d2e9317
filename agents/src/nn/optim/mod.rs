//! Optimizers, learning-rate schedules, averaged weights and loss scaling of supervised models.
//!
//! They move [`Parameters`](super::Parameters) of any shape, with state of their own for checkpoints, and are held to PyTorch,
//! Keras and Hugging Face over twenty steps. Agents' small networks, all of whose parameters are one flat tensor, are moved by
//! [`Optimizer`](super::Optimizer): one call for the whole network.

mod adafactor;
mod adam;
mod ema;
mod lamb;
mod loss_scaler;
mod rms_prop;
mod schedule;
mod sgd;
mod solver;
mod step;

pub use ema::Ema;
pub use loss_scaler::LossScaler;
pub use schedule::{LearningRate, LrShape};
pub use solver::{Decay, Eps, Rule, Solver, SolverState};
pub(super) use step::Step;
