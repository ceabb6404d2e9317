//! Batch normalization of NHWC maps, with what follows it in a residual network.

use dfdx::prelude::{Axis, BroadcastTo as _, HasShape as _, TryAdd as _, TryDiv as _, TryMul as _, TrySub as _};
use dfdx::tensor_ops::Device;

use super::half::{Compute, rounded};
use super::kernels::{self, Normalization};
use super::{Map, Tape, Vector, close, column_sums, rectified};
use crate::nn::Real;
use crate::nn::ops::{EPS, Moments};

/// The mean and the variance of each channel of a batch.
pub(crate) type Shown<E, D> = [Vector<E, D>; 2];
/// What comes out, and what it was normalized with.
type Normalized<E, D> = (Map<E, D>, Shown<E, D>);

/// [`ops::batch_norm`](crate::nn::ops::batch_norm); the means and variances of the channels stay on the device, so that nobody
/// waits for them before the pass is over: see [`moments`].
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If sizes do not fit.
pub(crate) fn batch_norm<E: Real, D: Compute<E>>(
    x: &Map<E, D>,
    weight: &Vector<E, D>,
    bias: &Vector<E, D>,
    residual: Option<&Map<E, D>>,
    rectifies: bool,
    tape: &mut Tape<E, D>,
) -> Result<Normalized<E, D>, D::Err> {
    if kernels::compute::<E, D>() {
        return by_kernels(x, [weight, bias], residual, rectifies, tape);
    }
    let shape = *x.rows.shape();
    let count = E::of(shape.0.max(1) as f64);
    let each = move |channels: Vector<E, D>| channels.try_broadcast_like::<_, Axis<0>>(&shape);
    let mean: Vector<E, D> = column_sums(x.rows.clone())?.try_div(count)?;
    let centred = x.rows.clone().try_sub(each(mean.clone())?)?;
    let variance = column_sums(centred.clone().try_square()?)?.try_div(count)?;
    let inverse = variance.clone().try_add(E::of(EPS))?.try_sqrt()?.try_recip()?;
    let scale = inverse.clone().try_mul(weight.clone())?;
    let mut rows = centred.try_mul(each(scale.clone())?)?.try_add(each(bias.clone())?)?;
    if let Some(residual) = residual {
        // The sum is of what is stored.
        rows = rounded(rows, x.half)?.try_add(residual.rows.clone())?;
    }
    if rectifies {
        rows = rectified(rows)?;
    }
    let rows = rounded(rows, x.half)?;
    let moments = [mean.clone(), variance];
    let (shape, half) = (x.shape, x.half);
    let (x, weight, bias, residual, out) =
        (x.rows.clone(), weight.clone(), bias.clone(), residual.map(|map| map.rows.clone()), rows.clone());
    tape.note(&rows, move |grads, grad| {
        let mut grad = rounded(grad, half)?;
        if rectifies {
            grad = close(grad, out)?;
        }
        let normalized = x.clone().try_sub(each(mean)?)?.try_mul(each(inverse)?)?;
        let by_bias = column_sums(grad.clone())?;
        let by_weight = column_sums(grad.clone().try_mul(normalized.clone())?)?;
        if grads.wants(&x) {
            // dx = scale · (dy - mean(dy) - x̂ · mean(dy · x̂)).
            let along = normalized.try_mul(each(by_weight.clone().try_div(count)?)?)?;
            let rest = grad.clone().try_sub(each(by_bias.clone().try_div(count)?)?)?.try_sub(along)?;
            grads.give(&x, rest.try_mul(each(scale)?)?)?;
        }
        grads.give(&weight, by_weight)?;
        grads.give(&bias, by_bias)?;
        residual.map_or(Ok(()), |residual| grads.give(&residual, grad))
    });
    Ok((Map { rows, shape, half }, moments))
}

/// The same by kernels of our own.
fn by_kernels<E: Real, D: Compute<E>>(
    x: &Map<E, D>,
    [weight, bias]: [&Vector<E, D>; 2],
    residual: Option<&Map<E, D>>,
    rectifies: bool,
    tape: &mut Tape<E, D>,
) -> Result<Normalized<E, D>, D::Err> {
    let residual = residual.map(|map| map.rows.clone());
    let normalization = Normalization::new(&x.rows, weight, bias, x.half)?;
    let rows = normalization.forward(residual.as_ref(), rectifies)?;
    let moments = normalization.moments.clone();
    let (shape, half) = (x.shape, x.half);
    let (x, weight, bias, out) = (x.rows.clone(), weight.clone(), bias.clone(), rectifies.then(|| rows.clone()));
    tape.note(&rows, move |grads, grad| {
        let [by_bias, by_weight] = normalization.by_parameters(&grad, out.as_ref())?;
        let residual = residual.filter(|residual| grads.wants(residual));
        if grads.wants(&x) || residual.is_some() {
            let sums = [&by_bias, &by_weight];
            let (by_x, by_residual) = normalization.by_inputs(&grad, out.as_ref(), sums, residual.is_some())?;
            grads.give(&x, by_x)?;
            residual.zip(by_residual).map_or(Ok(()), |(residual, grad)| grads.give(&residual, grad))?;
        }
        grads.give(&weight, by_weight)?;
        grads.give(&bias, by_bias)
    });
    Ok((Map { rows, shape, half }, moments))
}

/// What the channels of a map of `count` pixels were normalized with, on the host.
pub(crate) fn moments<E: Real, D: Device<E>>(count: usize, [mean, variance]: Shown<E, D>) -> Moments {
    let wide = |values: Vector<E, D>| values.as_vec().into_iter().map(E::wide).collect();
    Moments { count, mean: wide(mean), variance: wide(variance) }
}

/// What batch normalization in use, or of a frozen layer, comes to: each channel times its `scale`, moved by its `shift`; then the
/// residual is added, and the sum rectified, if told to.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If sizes do not fit.
pub(crate) fn scaled<E: Real, D: Compute<E>>(
    x: &Map<E, D>,
    [scale, shift]: [Vec<E>; 2],
    residual: Option<&Map<E, D>>,
    rectifies: bool,
    tape: &mut Tape<E, D>,
) -> Result<Map<E, D>, D::Err> {
    let (size, shape, half) = (*x.rows.shape(), x.shape, x.half);
    let each = |channels: Vec<E>| {
        let channels: Vector<E, D> = x.rows.device().try_tensor_from_vec(channels, (size.1,))?;
        channels.try_broadcast_like::<_, Axis<0>>(&size)
    };
    let (scale, shift) = (each(scale)?, each(shift)?);
    let mut rows = x.rows.clone().try_mul(scale.clone())?.try_add(shift)?;
    if let Some(residual) = residual {
        rows = rounded(rows, half)?.try_add(residual.rows.clone())?;
    }
    if rectifies {
        rows = rectified(rows)?;
    }
    let rows = rounded(rows, half)?;
    let (x, residual, out) = (x.rows.clone(), residual.map(|map| map.rows.clone()), rows.clone());
    if tape.wants(&x) || residual.as_ref().is_some_and(|residual| tape.wants(residual)) {
        tape.note(&rows, move |grads, grad| {
            let mut grad = rounded(grad, half)?;
            if rectifies {
                grad = close(grad, out)?;
            }
            grads.give(&x, grad.clone().try_mul(scale)?)?;
            residual.map_or(Ok(()), |residual| grads.give(&residual, grad))
        });
    }
    Ok(Map { rows, shape, half })
}
