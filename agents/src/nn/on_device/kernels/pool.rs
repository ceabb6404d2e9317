//! Maximum pooling.

use dfdx::prelude::{HasShape as _, ReshapeTo as _};
use dfdx::tensor_ops::Device;

use super::{At, Count, Launch, launch};
use crate::nn::Real;
use crate::nn::on_device::Rows;
use crate::nn::on_device::places::Places;

/// The highest number of each channel of `x` in each window, of which `looked_at` has the places.
///
/// # Errors
/// If the device fails.
pub(crate) fn highest<E: Real, D: Device<E> + Launch>(
    x: &Rows<E, D>,
    looked_at: &Places<D>,
) -> Result<Rows<E, D>, D::Err> {
    let ((pixels, channels), x) = (*x.shape(), x.clone().try_contiguous()?);
    let (taps, windows) = (looked_at.taps, looked_at.all.shape().0 / looked_at.taps);
    let y: Rows<E, D> = x.device().try_zeros_like(&(windows, channels))?;
    let arguments = [At(&x), At(&looked_at.all), Count(pixels), Count(taps), Count(windows), Count(channels), At(&y)];
    launch::<D>("highest", [windows, channels], &arguments)?;
    Ok(y)
}

/// The gradient by `x`, of which the [`highest`] are `y`, given that by these: `looked_at_by` has the windows of each pixel.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If sizes do not fit.
pub(crate) fn by_highest<E: Real, D: Device<E> + Launch>(
    x: &Rows<E, D>,
    looked_at_by: &Places<D>,
    y: &Rows<E, D>,
    grad: &Rows<E, D>,
) -> Result<Rows<E, D>, D::Err> {
    let ((pixels, channels), x) = (*x.shape(), x.clone().try_contiguous()?);
    let taps = looked_at_by.taps;
    assert!(grad.shape() == y.shape() && looked_at_by.all.shape().0 == pixels * taps, "the windows of the pixels");
    let by_x: Rows<E, D> = x.device().try_zeros_like(&(pixels, channels))?;
    let windows = y.shape().0;
    let arguments = [
        At(&x),
        At(&looked_at_by.all),
        At(y),
        At(grad),
        Count(windows),
        Count(taps),
        Count(pixels),
        Count(channels),
        At(&by_x),
    ];
    launch::<D>("grad_by_highest", [pixels, channels], &arguments)?;
    Ok(by_x)
}
