//! What a model that tells classes apart is to those that train and ask it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::stage::{Forward, Piece};
use super::summary::Cost;
use crate::nn::{DeviceError, Parameters, Place};

/// What a pass with a gradient came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pass<E = f32> {
    /// The loss, divided as it was asked for.
    pub loss: E,
    /// The logits, row after row.
    pub logits: Vec<E>,
}

/// A model that gives each sample a logit of each class.
pub trait Classifier {
    /// Its parameters and buffers.
    fn parameters(&self) -> &Parameters;

    /// The same, to be changed.
    fn parameters_mut(&mut self) -> &mut Parameters;

    /// From now on `forward` computes in f16, with the parameters as its f32 masters (apex's O2): weights, activations and gradients
    /// are rounded to f16 wherever a GPU would store them, sums within an operation are wider, and batch norms and the loss stay
    /// f32. `logits` stay those of the parameters as they are, which is what is saved.
    fn learn_in_half(&mut self);

    /// From now on it learns and is asked at `place`, where its parameters, and gradients by them, are then.
    fn move_to(&mut self, place: Place);

    /// Numbers of a sample.
    fn inputs(&self) -> usize;

    /// Classes.
    fn classes(&self) -> usize;

    /// Its pieces, in order: what is in one stage as a whole.
    fn pieces(&self) -> Vec<Piece>;

    /// Leaves all but these of its pieces to other processes, and is a stage of the model from now on: what goes into it and comes out of
    /// it are activations, but for the samples that go into the first stage and the logits that come out of the last.
    ///
    /// # Panics
    /// If there is no piece, or it was a stage before.
    fn keep(&mut self, pieces: Range<usize>);

    /// The logits of the samples `x`, one after the other, as in use.
    ///
    /// # Errors
    /// If the device fails.
    fn logits(&self, x: Vec<f32>) -> Result<Vec<f32>, DeviceError>;

    /// A pass through it in training, which moves the statistics of batch norms.
    ///
    /// # Errors
    /// If the device fails.
    fn forward(&mut self, x: Vec<f32>) -> Result<Forward, DeviceError>;

    /// What comes out in training, and the name of the first layer with an output for `x` that is not finite: where a loss that is none
    /// came from.
    ///
    /// # Errors
    /// If the device fails.
    fn not_finite(&self, x: Vec<f32>) -> Result<(Vec<f32>, Option<String>), DeviceError>;

    /// Its layers and what they cost.
    fn cost(&self) -> Cost;

    /// Its layers for use, as files of ONNX and quantization take them.
    fn plan(&self) -> Plan;
}
