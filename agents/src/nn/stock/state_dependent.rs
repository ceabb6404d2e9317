//! Deviations that depend on the state, by dfdx's own operations.

use dfdx::prelude::*;
use dfdx::tensor_ops::Device;

use super::{Flat, Matrix, Stock};
use crate::nn::mlp::layer::Layer;
use crate::nn::mlp::state_dependent::{CLIP_MEAN, EPSILON, StateDependent};
use crate::nn::network::Net;

impl<D: Device<f32>> Stock<D> {
    /// ln σ of each number of an action, `[batch, actions]`, where the `last` layer reads `features`.
    pub(super) fn log_std<T: Tape<f32, D>>(
        &self,
        head: StateDependent,
        last: &Layer,
        parameters: &Flat<D>,
        net: Net,
        features: &Matrix<D, T>,
    ) -> Result<Matrix<D, T>, D::Err> {
        let width = features.shape().1;
        let features = match head.squashed {
            true => features.with_empty_tape(),
            // A copy that nothing is learnt through.
            false => features.retaped::<NoneTape>().try_mul(1.0)?.put_tape(T::default()),
        };
        let log_std = self.part::<T>(parameters, net, head.log_std(last))?;
        let log_std = log_std.try_reshape_like(&(head.features, head.actions))?;
        let squares = log_std.try_mul(2.0)?.try_exp()?;
        // The features are padded. A slice of them would do, but that writes over the gradient that they have from elsewhere.
        let place = |i: usize| if i / head.features == i % head.features { 1.0 } else { 0.0 };
        let places = (0..width * head.features).map(place).collect();
        let places = self.device.try_tensor_from_vec(places, (width, head.features))?;
        let variances = features.try_square()?.try_matmul(places.retaped::<T>().try_matmul(squares)?)?;
        variances.try_add(EPSILON)?.try_ln()?.try_mul(0.5)
    }

    /// Puts ln σ behind the means in `rows`, which are clipped where actions are squashed.
    pub(super) fn with_deviations<T: Tape<f32, D>>(
        &self,
        head: StateDependent,
        rows: Matrix<D, T>,
        log_std: Matrix<D, T>,
    ) -> Result<Matrix<D, T>, D::Err> {
        let ((batch, stride), actions) = (*rows.shape(), head.actions);
        // What lies where ln σ goes is no mean, and has no gradient.
        let mask = (0..batch * stride).map(|i| if i % stride < actions { 1.0 } else { 0.0 }).collect();
        let means = rows.try_mul(self.device.try_tensor_from_vec(mask, (batch, stride))?)?;
        // A product with ones at these places moves columns.
        let place = |i: usize| if i % stride == actions + i / stride { 1.0 } else { 0.0 };
        let places = self.device.try_tensor_from_vec((0..actions * stride).map(place).collect(), (actions, stride))?;
        let means = if head.squashed { means.try_clamp(-CLIP_MEAN, CLIP_MEAN)? } else { means };
        means.try_add(log_std.try_matmul(places)?)
    }
}
