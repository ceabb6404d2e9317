//! Pooling of NHWC maps.

use dfdx::prelude::{
    Axis, BroadcastTo as _, GatherTo as _, HasShape as _, MaxTo as _, MeanTo as _, Merge, NoneTape, ReshapeTo as _,
    Tape as DfdxTape, TryConcatAlong as _, TryDiv as _,
};
use dfdx::tensor_ops::Device;

use super::half::Compute;
use super::kernels;
use super::places::{Glide, Places};
use super::tape::through;
use super::{Accelerator, Map, Rows, Tape};
use crate::nn::Real;

/// [`ops::max_pool`](crate::nn::ops::max_pool), but that of those that are as high each counts.
///
/// # Errors
/// If the device fails.
pub(crate) fn max_pool<E: Real, D: Compute<E>>(
    x: &Map<E, D>,
    accelerator: &Accelerator<D>,
    tape: &mut Tape<E, D>,
) -> Result<Map<E, D>, D::Err> {
    let glide = Glide { input: x.shape, kernel: 3, stride: 2, padding: 1 };
    let [height, width] = glide.output();
    let places = accelerator.looked_at(glide)?;
    let (from, half) = (x.rows.clone(), x.half);
    if kernels::compute::<E, D>() {
        let rows = kernels::highest(&from, &places)?;
        let (looked_at_by, out) = (accelerator.looked_at_by(glide)?, rows.clone());
        tape.note(&rows, move |grads, grad| grads.give(&from, kernels::by_highest(&from, &looked_at_by, &out, &grad)?));
        return Ok(Map { rows, shape: [x.shape[0], height, width], half });
    }
    let rows = highest(from.clone(), &places)?;
    tape.note(&rows, move |grads, grad| {
        let by_x = through(&from, grad, |x| highest(x, &places))?;
        grads.give(&from, by_x)
    });
    Ok(Map { rows, shape: [x.shape[0], height, width], half })
}

/// The highest of the rows of `x` at each window's places, column by column.
fn highest<E: Real, D: Device<E>, T: DfdxTape<E, D> + Merge<NoneTape>>(
    x: Rows<E, D, T>,
    places: &Places<D>,
) -> Result<Rows<E, D, T>, D::Err> {
    let channels = x.shape().1;
    let beside: Rows<E, D> = x.device().try_tensor_from_vec(vec![E::neg_infinity(); channels], (1, channels))?;
    let pixels: Rows<E, D, T> = (x, beside).try_concat_along(Axis::<0>)?.try_gather(places.all.clone())?;
    let windows = (pixels.shape().0 / places.taps, places.taps, channels);
    pixels.try_reshape_like(&windows)?.try_max::<_, Axis<1>>()
}

/// [`ops::average_pool`](crate::nn::ops::average_pool): the mean of each channel of each image.
///
/// # Errors
/// If the device fails.
pub(crate) fn average_pool<E: Real, D: Device<E>>(x: &Map<E, D>, tape: &mut Tape<E, D>) -> Result<Rows<E, D>, D::Err> {
    let [images, height, width] = x.shape;
    let (pixels, shape) = ((images, height * width, x.rows.shape().1), *x.rows.shape());
    let means: Rows<E, D> = x.rows.clone().try_reshape_like(&pixels)?.try_mean::<_, Axis<1>>()?;
    let x = x.rows.clone();
    tape.note(&means, move |grads, grad| {
        let share = grad.try_div(E::of(pixels.1 as f64))?.try_broadcast_like::<_, Axis<1>>(&pixels)?;
        grads.give(&x, share.try_reshape_like(&shape)?)
    });
    Ok(means)
}
