//! Batch normalization of NHWC maps, with what follows it in a residual network.

use dfdx::prelude::{
    Axis, BroadcastTo as _, HasShape as _, MeanTo as _, SumTo as _, Tape, TryAdd as _, TryDiv as _, TryMul as _,
    TrySub as _,
};
use dfdx::tensor_ops::Device;

use super::half::{Compute, rounded, take_rounded};
use super::{Map, Vector, close, give, rectified};
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
pub(crate) fn batch_norm<E: Real, D: Compute<E>, T: Tape<E, D>>(
    x: &Map<E, D>,
    weight: &Vector<E, D>,
    bias: &Vector<E, D>,
    residual: Option<&Map<E, D>>,
    rectifies: bool,
    tape: &mut T,
) -> Result<Normalized<E, D>, D::Err> {
    let shape = *x.rows.shape();
    let count = E::of(shape.0.max(1) as f64);
    let each = move |channels: Vector<E, D>| channels.try_broadcast_like::<_, Axis<0>>(&shape);
    let mean: Vector<E, D> = x.rows.clone().try_mean::<_, Axis<0>>()?;
    let centred = x.rows.clone().try_sub(each(mean.clone())?)?;
    let variance: Vector<E, D> = centred.clone().try_square()?.try_mean::<_, Axis<0>>()?;
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
    if T::OWNS_TAPE {
        let (x, weight, bias, residual, out) =
            (x.clone(), weight.clone(), bias.clone(), residual.cloned(), rows.clone());
        tape.add_backward_op(move |slopes| {
            let mut slope = take_rounded(slopes, &out, x.half)?;
            if rectifies {
                slope = close(slope, out)?;
            }
            let normalized = x.rows.clone().try_sub(each(mean)?)?.try_mul(each(inverse)?)?;
            let by_bias: Vector<E, D> = slope.clone().try_sum::<_, Axis<0>>()?;
            let by_weight: Vector<E, D> = slope.clone().try_mul(normalized.clone())?.try_sum::<_, Axis<0>>()?;
            if x.wants_gradient {
                // dx = scale · (dy - mean(dy) - x̂ · mean(dy · x̂)).
                let along = normalized.try_mul(each(by_weight.clone().try_div(count)?)?)?;
                let rest = slope.clone().try_sub(each(by_bias.clone().try_div(count)?)?)?.try_sub(along)?;
                give(slopes, &x.rows, rest.try_mul(each(scale)?)?)?;
            }
            give(slopes, &weight, by_weight)?;
            give(slopes, &bias, by_bias)?;
            if let Some(residual) = residual.filter(|residual| residual.wants_gradient) {
                give(slopes, &residual.rows, slope)?;
            }
            Ok(())
        });
    }
    Ok((Map { rows, shape: x.shape, half: x.half, wants_gradient: true }, moments))
}

/// What the channels of a map of `count` pixels were normalized with, on the host.
pub(crate) fn moments<E: Real, D: Device<E>>(count: usize, [mean, variance]: Shown<E, D>) -> Moments {
    let wide = |values: Vector<E, D>| values.as_vec().into_iter().map(E::wide).collect();
    Moments { count, mean: wide(mean), variance: wide(variance) }
}

/// What batch normalization in use comes to: each channel times its `scale`, moved by its `shift`; then the residual is added,
/// and the sum rectified, if told to.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If sizes do not fit.
pub(crate) fn scaled<E: Real, D: Compute<E>>(
    x: Map<E, D>,
    [scale, shift]: [Vec<E>; 2],
    residual: Option<&Map<E, D>>,
    rectifies: bool,
) -> Result<Map<E, D>, D::Err> {
    let shape = *x.rows.shape();
    let each = |channels: Vec<E>| {
        let channels: Vector<E, D> = x.rows.device().try_tensor_from_vec(channels, (shape.1,))?;
        channels.try_broadcast_like::<_, Axis<0>>(&shape)
    };
    let (scale, shift) = (each(scale)?, each(shift)?);
    let mut rows = x.rows.try_mul(scale)?.try_add(shift)?;
    if let Some(residual) = residual {
        rows = rows.try_add(residual.rows.clone())?;
    }
    Ok(Map { rows: if rectifies { rectified(rows)? } else { rows }, ..x })
}
