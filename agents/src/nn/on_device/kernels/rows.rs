//! Rows and parts of rows, put elsewhere.

use dfdx::dtypes::Dtype;
use dfdx::prelude::{HasShape as _, ReshapeTo as _, Tensor};
use dfdx::tensor_ops::Device;

use super::{ACROSS, At, Count, Launch, Place, launch};
use crate::nn::Real;
use crate::nn::on_device::places::Places;
use crate::nn::on_device::{Rows, Vector};

/// The rows of `x` at `places`, zeros where it has none.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `x` is not of 32 or 16 bits.
pub(crate) fn gathered<E: Dtype, D: Device<E> + Launch>(
    x: Rows<E, D>,
    places: &Places<D>,
) -> Result<Rows<E, D>, D::Err> {
    let kernel = match size_of::<E>() {
        4 => "gather_32",
        2 => "gather_16",
        bytes => panic!("no kernel for numbers of {bytes} bytes"),
    };
    let ((pixels, channels), rows, x) = (*x.shape(), places.all.shape().0, x.try_contiguous()?);
    let to: Rows<E, D> = x.device().try_zeros_like(&(rows, channels))?;
    let arguments = [At(&x), At(&places.all), Count(pixels), Count(rows), Count(channels), At(&to)];
    launch::<D>(kernel, [rows, channels], &arguments)?;
    Ok(to)
}

/// `whole` in parts of these lengths, those rounded to 16 bits that are marked.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `whole` is shorter than they are together.
pub(crate) fn cut<E: Real, D: Device<E> + Launch>(
    whole: &Vector<E, D>,
    parts: &[(usize, bool)],
) -> Result<Vec<Vector<E, D>>, D::Err> {
    assert!(parts.iter().map(|(len, _)| len).sum::<usize>() <= whole.shape().0, "parts of the whole");
    let whole = whole.clone().try_contiguous()?;
    let made = parts.iter().map(|(len, _)| whole.device().try_zeros_like(&(*len,)));
    let made: Vec<Vector<E, D>> = made.collect::<Result<_, _>>()?;
    let (mut table, mut from) = (Vec::with_capacity(4 * parts.len()), Place::of(&whole).address as usize);
    for (to, (len, half)) in made.iter().zip(parts) {
        table.extend([from, Place::of(to).address as usize, *len, (*half).into()]);
        from += len * size_of::<E>();
    }
    copy::<E, D>(whole.device(), table)?;
    Ok(made)
}

/// `parts` one after the other, those rounded to 16 bits that are marked.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If there are none.
pub(crate) fn joined<E: Real, D: Device<E> + Launch>(parts: &[(Vector<E, D>, bool)]) -> Result<Vector<E, D>, D::Err> {
    let len = parts.iter().map(|(part, _)| part.shape().0).sum::<usize>();
    let device = parts[0].0.device();
    let whole: Vector<E, D> = device.try_zeros_like(&(len,))?;
    let whole_parts = parts.iter().map(|(part, half)| Ok((part.clone().try_contiguous()?, *half)));
    let parts: Vec<(Vector<E, D>, bool)> = whole_parts.collect::<Result<_, D::Err>>()?;
    let (mut table, mut to) = (Vec::with_capacity(4 * parts.len()), Place::of(&whole).address as usize);
    for (part, half) in &parts {
        let len = part.shape().0;
        table.extend([Place::of(part).address as usize, to, len, (*half).into()]);
        to += len * size_of::<E>();
    }
    copy::<E, D>(device, table)?;
    Ok(whole)
}

/// Copies what `table` says: see the kernel.
fn copy<E: Real, D: Device<E> + Launch>(device: &D, table: Vec<usize>) -> Result<(), D::Err> {
    let (parts, longest) = (table.len() / 4, table.iter().skip(2).step_by(4).copied().max().unwrap_or(0));
    let entries = (table.len(),);
    let table: Tensor<(usize,), usize, D> = device.try_tensor_from_vec(table, entries)?;
    launch::<D>("copy_parts", [longest.div_ceil(ACROSS), parts * ACROSS], &[At(&table)])
}
