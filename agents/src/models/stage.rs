//! Stages of a model: pieces of it that one process has, while others have those before and behind them. A whole model is a stage
//! of all pieces.

use super::classifier::Pass;
use super::summary::LayerCost;
use crate::nn::ops::{self, Targets, WayBack};
use crate::nn::{DeviceError, Gradients, Real};

/// What is in one stage as a whole, such as a block with the shortcut around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What its layers are called by, such as `layer1.0`.
    pub name: String,
    /// Numbers that are learnt.
    pub parameters: u64,
    /// Floating-point operations of a sample's forward pass.
    pub flops: u64,
    /// Numbers of a sample that come out of its layers, which training holds until their way back.
    pub activations: u64,
}

impl Piece {
    /// One of these layers.
    pub(super) fn of(name: impl Into<String>, layers: &[LayerCost]) -> Self {
        let sum = |of: fn(&LayerCost) -> u64| layers.iter().map(of).sum();
        Self {
            name: name.into(),
            parameters: sum(|layer| layer.parameters),
            flops: sum(|layer| layer.flops),
            activations: sum(|layer| layer.output.iter().product::<usize>() as u64),
        }
    }
}

/// What a forward pass in training came to.
pub struct Forward<E: Real = f32> {
    /// Activations for the next stage, or of the last one logits, row after row.
    pub outputs: Vec<E>,
    /// Samples.
    pub samples: usize,
    /// Takes the gradient of the loss by the outputs, adds that by the parameters to gradients, and answers that by what came in; of the first
    /// stage, which data comes into, nothing.
    pub way_back: WayBack<E>,
}

impl<E: Real> Forward<E> {
    /// Adds the gradient of the cross entropy of the last stage's logits to `gradients`: see
    /// [`softmax_cross_entropy`](ops::softmax_cross_entropy) for the last three.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn learn(
        self,
        gradients: &mut Gradients<E>,
        targets: Targets<'_, E>,
        label_smoothing: f64,
        divisor: f64,
    ) -> Result<Pass<E>, DeviceError> {
        let (pass, grad) = self.judge(targets, label_smoothing, divisor)?;
        (self.way_back)(grad, gradients)?;
        Ok(pass)
    }

    /// What that loss comes to, and the gradient of it by the logits, which the way back is to be taken with.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn judge(
        &self,
        targets: Targets<'_, E>,
        label_smoothing: f64,
        divisor: f64,
    ) -> Result<(Pass<E>, Vec<E>), DeviceError> {
        let shape = (self.samples, self.outputs.len() / self.samples.max(1));
        let loss = |logits| ops::softmax_cross_entropy(logits, targets, label_smoothing, divisor);
        let (loss, grad) = ops::grad_of(self.outputs.clone(), shape, loss)?;
        Ok((Pass { loss, logits: self.outputs.clone() }, grad))
    }
}
