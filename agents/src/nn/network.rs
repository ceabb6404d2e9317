//! A network that is trained, with its slowly following target: what agents learn with.
//!
//! [`Network`] has two forms that a test holds to each other: [`Fused`](super::fused::Fused), one
//! operation on dfdx's CPU tape, and [`Stock`](super::stock::Stock), dfdx's own operations on any of its
//! devices. The loss is a function of the outputs on the host: at a batch of a few hundred rows of a few
//! actions that costs less than the launch of one GPU kernel, and it is the same code for both.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::mlp::Mlp;
use super::optimizer::Optimizer;
use super::{DeviceError, NnError};

/// Which parameters a forward pass uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// The parameters that are trained.
    Online,
    /// The slowly following copy.
    Target,
}

/// What a gradient step reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepStats {
    /// The loss before the step.
    pub loss: f32,
    /// The gradient's norm before clipping.
    pub grad_norm: f32,
}

/// Everything a network needs to go on training as if it had not stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingState {
    /// The trained parameters, flat.
    pub online: Vec<f32>,
    /// The target's, flat.
    pub target: Vec<f32>,
    /// The mean of the gradients, if the optimizer keeps it.
    pub first_moment: Vec<f32>,
    /// The mean of their squares.
    pub second_moment: Vec<f32>,
    /// Gradient steps taken.
    pub steps: i32,
}

/// A loss on the host: reads the outputs (`[batch, stride]`), writes the gradient of the mean loss by them
/// (given zeroed, same layout), returns the loss.
pub type Loss<'a> = &'a mut dyn FnMut(&[f32], &mut [f32]) -> f32;

/// A [`Loss`] that may fail.
pub type TryLoss<'a> = &'a mut dyn FnMut(&[f32], &mut [f32]) -> Result<f32, DeviceError>;

/// A trained network and its target. It stays on the thread that made it: CUDA's streams cannot be sent.
pub trait Network {
    /// The network's shape.
    fn mlp(&self) -> &Mlp;

    /// Output rows for `batch` input rows, [`Mlp::output_stride`] apart.
    ///
    /// # Errors
    /// If the device fails.
    fn forward(&mut self, net: Net, x: &[f32], batch: usize) -> Result<&[f32], DeviceError>;

    /// Works out the gradient of `loss` on the outputs for `x`, which [`descend`](Self::descend) follows.
    ///
    /// # Errors
    /// If the device fails.
    fn backward(&mut self, x: &[f32], batch: usize, loss: Loss<'_>) -> Result<StepStats, DeviceError>;

    /// One step of the optimizer down the gradient of the last [`backward`](Self::backward), scaled down as if its norm were
    /// `grad_norm`: its own, or that of several networks together which are clipped as one.
    ///
    /// # Errors
    /// If the device fails.
    fn descend(&mut self, optimizer: &Optimizer, grad_norm: f32) -> Result<(), DeviceError>;

    /// One step down the gradient of `loss` on the outputs for `x`. A loss or a gradient that is not finite is
    /// reported and changes nothing: the parameters before it are still worth keeping.
    ///
    /// # Errors
    /// If the device fails.
    fn step(
        &mut self,
        x: &[f32],
        batch: usize,
        optimizer: &Optimizer,
        loss: Loss<'_>,
    ) -> Result<StepStats, DeviceError> {
        let stats = self.backward(x, batch, loss)?;
        if stats.loss.is_finite() && stats.grad_norm.is_finite() {
            self.descend(optimizer, stats.grad_norm)?;
        }
        Ok(stats)
    }

    /// The same by a loss that other networks have a part in, which may fail.
    ///
    /// # Errors
    /// If the device fails.
    fn try_step(
        &mut self,
        x: &[f32],
        batch: usize,
        optimizer: &Optimizer,
        loss: TryLoss<'_>,
    ) -> Result<StepStats, DeviceError> {
        let mut failed = None;
        let stats = self.step(x, batch, optimizer, &mut |outputs, grad| {
            loss(outputs, grad).unwrap_or_else(|error| {
                failed = Some(error);
                f32::NAN
            })
        })?;
        failed.map_or(Ok(stats), Err)
    }

    /// What a network that remembers does so after each row of the last forward or backward pass, [`Mlp::memory_len`] numbers
    /// each; nothing of one that does not.
    fn memories(&self) -> &[f32];

    /// The gradient by the given `columns` of the input rows `x`, a row each, where `grad` is that by the outputs
    /// (`[batch, stride]`). The last forward pass must have been of this `net` on this `x`. The gradient that
    /// [`backward`](Self::backward) left stays.
    ///
    /// # Errors
    /// If the device fails.
    fn input_gradient(
        &mut self,
        net: Net,
        x: &[f32],
        batch: usize,
        grad: &[f32],
        columns: Range<usize>,
    ) -> Result<&[f32], DeviceError>;

    /// Has the next [`backward`](Self::backward) leave its gradient's norms.
    fn measure_gradient(&mut self);

    /// The Euclidean norms of the gradient that was measured last, before clipping, of the parameters of each of
    /// [`Mlp::names`]; empty until one was measured.
    fn gradient_norms(&self) -> &[f32];

    /// Has all passes of `net` use its parameters with this noise, as [`Mlp::draw_noise`] draws it, until there is other; at
    /// first there is none. Of a network that is not noisy nothing changes.
    ///
    /// # Errors
    /// If the device fails.
    fn set_noise(&mut self, net: Net, drawn: &[f32]) -> Result<(), DeviceError>;

    /// Writes the trained parameters with the noise that is theirs now to `to`: as long as [`parameters`](Self::parameters).
    fn write_noisy_parameters(&self, to: &mut Vec<f32>);

    /// Moves the target by the share `tau` of its distance to the trained parameters; 1 copies them.
    ///
    /// # Errors
    /// If the device fails.
    fn update_target(&mut self, tau: f32) -> Result<(), DeviceError>;

    /// The trained parameters, flat, on the host; without noise.
    fn parameters(&self) -> &[f32];

    /// What a checkpoint keeps.
    ///
    /// # Errors
    /// If the device fails.
    fn state(&self) -> Result<TrainingState, DeviceError>;

    /// Goes on from `state`.
    ///
    /// # Errors
    /// If the state is of a network of another size or the device fails.
    fn restore(&mut self, state: &TrainingState) -> Result<(), NnError>;
}

impl TrainingState {
    /// A network's beginning: target and trained parameters the same, no steps taken.
    pub fn new(parameters: Vec<f32>) -> Self {
        let zeros = vec![0.0; parameters.len()];
        Self {
            target: parameters.clone(),
            online: parameters,
            first_moment: zeros.clone(),
            second_moment: zeros,
            steps: 0,
        }
    }

    /// Refuses a state whose buffers are not all as long as `mlp`'s.
    pub(super) fn check(&self, mlp: &Mlp) -> Result<(), NnError> {
        for buffer in [&self.online, &self.target, &self.first_moment, &self.second_moment] {
            if buffer.len() != mlp.trained_len() {
                return Err(NnError::StateSize { expected: mlp.trained_len(), found: buffer.len() });
            }
        }
        Ok(())
    }
}
