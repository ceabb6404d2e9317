//! The linear layer.

use dfdx::prelude::{
    Axes2, Axis, BroadcastTo as _, HasShape as _, PermuteTo as _, ReshapeTo as _, TryAdd as _, TryConcatAlong as _,
};

use super::half::{Compute, rounded};
use super::product::{crossed, product};
use super::{Mirror, Rows, Tape, close, column_sums, rectified};
use crate::nn::ops::Then;
use crate::nn::{ParameterId, Real};

/// [`ops::linear`](crate::nn::ops::linear).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn linear<E: Real, D: Compute<E>>(
    mirror: &Mirror<E, D>,
    x: &Rows<E, D>,
    weight: ParameterId,
    bias: Option<ParameterId>,
    then: Then,
    tape: &mut Tape<E, D>,
) -> Result<Rows<E, D>, D::Err> {
    let (half, bias) = (mirror.is_half(weight), bias.map(|bias| mirror.get(bias).clone()));
    let matrix = mirror.matrix(weight)?;
    let turned = matrix.clone().try_permute::<_, Axes2<1, 0>>()?;
    let mut y = match &bias {
        None => product(x, None, turned, half)?,
        // As products with 1 biases are added before the sum is rounded.
        Some(bias) if half => {
            let ones: Rows<E, D> = x.device().try_ones_like(&(x.shape().0, 1))?;
            let bias: Rows<E, D> = bias.clone().try_reshape_like(&(1, turned.shape().1))?;
            let beside = (x.clone(), ones).try_concat_along(Axis::<1>)?;
            product(&beside, None, (turned, bias).try_concat_along(Axis::<0>)?, half)?
        }
        Some(bias) => {
            let y = product(x, None, turned, half)?;
            let shape = *y.shape();
            y.try_add(bias.clone().try_broadcast_like::<_, Axis<0>>(&shape)?)?
        }
    };
    if then == Then::Relu {
        y = rectified(y)?;
    }
    let (x, out, weight) = (x.clone(), y.clone(), mirror.get(weight).clone());
    tape.note(&y, move |grads, grad| {
        let mut grad = rounded(grad, half)?;
        if then == Then::Relu {
            grad = close(grad, out)?;
        }
        if grads.wants(&weight) {
            // Inputs × outputs.
            let by_weight = crossed(&x, None, grad.clone(), half)?.try_permute::<_, Axes2<1, 0>>()?;
            grads.give(&weight, by_weight.try_reshape_like(weight.shape())?)?;
        }
        if let Some(bias) = bias {
            grads.give(&bias, column_sums(grad.clone())?)?;
        }
        if grads.wants(&x) {
            grads.give(&x, product(&grad, None, matrix, half)?)?;
        }
        Ok(())
    });
    Ok(y)
}
