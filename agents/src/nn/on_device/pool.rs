//! Pooling of NHWC maps.

use dfdx::prelude::{
    Axis, GatherTo as _, HasShape as _, MaxTo as _, MeanTo as _, PutTape as _, ReshapeTo as _, SplitTape as _, Tape,
    TryConcatAlong as _,
};
use dfdx::tensor_ops::Device;

use super::places::Glide;
use super::{Accelerator, Map, Rows};
use crate::nn::Real;

/// [`ops::max_pool`](crate::nn::ops::max_pool), but that of those that are as high each counts.
///
/// # Errors
/// If the device fails.
pub(crate) fn max_pool<E: Real, D: Device<E>, T: Tape<E, D>>(
    x: &Map<E, D>,
    accelerator: &Accelerator<D>,
    tape: &mut T,
) -> Result<Map<E, D>, D::Err> {
    let glide = Glide { input: x.shape, kernel: 3, stride: 2, padding: 1 };
    let ([height, width], channels) = (glide.output(), x.rows.shape().1);
    let beside: Rows<E, D> = x.rows.device().try_tensor_from_vec(vec![E::neg_infinity(); channels], (1, channels))?;
    let traced = x.rows.clone().put_tape(std::mem::take(tape));
    let padded = (traced, beside).try_concat_along(Axis::<0>)?;
    let places = accelerator.looked_at(glide)?;
    let pixels: Rows<E, D, T> = padded.try_gather(places.all)?;
    let windows = pixels.try_reshape_like(&(x.shape[0] * height * width, places.taps, channels))?;
    let rows: Rows<E, D, T> = windows.try_max::<_, Axis<1>>()?;
    let (rows, left) = rows.split_tape();
    *tape = left;
    Ok(Map { rows, shape: [x.shape[0], height, width], half: x.half, wants_gradient: true })
}

/// [`ops::average_pool`](crate::nn::ops::average_pool): the mean of each channel of each picture.
///
/// # Errors
/// If the device fails.
pub(crate) fn average_pool<E: Real, D: Device<E>, T: Tape<E, D>>(
    x: &Map<E, D>,
    tape: T,
) -> Result<Rows<E, D, T>, D::Err> {
    let [images, height, width] = x.shape;
    let pixels = (images, height * width, x.rows.shape().1);
    x.rows.clone().put_tape(tape).try_reshape_like(&pixels)?.try_mean::<_, Axis<1>>()
}
