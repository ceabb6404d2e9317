//! Two-dimensional convolution of NHWC maps, with PyTorch's weights: the rows that a window looks at are put beside one another,
//! and multiplied with the weights.

use dfdx::prelude::{Axes3, PermuteTo as _, ReshapeTo as _};

use super::half::Compute;
use super::places::Glide;
use super::product::{crossed, product};
use super::{Map, Mirror, Tape};
use crate::nn::ops::Window;
use crate::nn::{ParameterId, Real};

/// [`ops::conv2d`](crate::nn::ops::conv2d) with a square kernel. On the way back the rows are put together anew, which takes less
/// room than to keep them.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the weight is none of a convolution, of other channels than the map, or larger than the padded image.
pub(crate) fn conv2d<E: Real, D: Compute<E>>(
    mirror: &Mirror<E, D>,
    x: &Map<E, D>,
    weight: ParameterId,
    window: Window,
    tape: &mut Tape<E, D>,
) -> Result<Map<E, D>, D::Err> {
    let (accelerator, half) = (mirror.accelerator(), mirror.is_half(weight));
    let &[outputs, inputs, kernel, _] = mirror.shape(weight) else { panic!("a convolution's weight has four axes") };
    let (taps, whole, weight) = (kernel * kernel, (outputs, inputs, kernel * kernel), mirror.get(weight));
    let glide = Glide { input: x.shape, kernel, stride: window.stride, padding: window.padding };
    let [height, width] = glide.output();
    let shape = [x.shape[0], height, width];
    // A kernel of one pixel at each pixel finds its rows as they are.
    let moves = kernel > 1 || window.stride > 1 || window.padding > 0;
    let looked_at = moves.then(|| accelerator.looked_at(glide)).transpose()?;
    let goes_back = moves && tape.wants(&x.rows);
    let looked_at_by = goes_back.then(|| accelerator.looked_at_by(glide)).transpose()?;
    let turned = weight.clone().try_reshape_like(&whole)?.try_permute::<_, Axes3<2, 1, 0>>()?;
    let turned = turned.try_reshape_like(&(taps * inputs, outputs))?;
    let rows = product(&x.rows, looked_at.as_ref(), turned, half)?;
    let (x, weight) = (x.rows.clone(), weight.clone());
    if tape.wants(&x) || tape.wants(&weight) {
        tape.note(&rows, move |grads, grad| {
            // Products round it to 16 bits themselves.
            if grads.wants(&weight) {
                let by_weight = crossed(&x, looked_at.as_ref(), grad.clone(), half)?;
                let by_weight =
                    by_weight.try_reshape_like(&(taps, inputs, outputs))?.try_permute::<_, Axes3<2, 1, 0>>()?;
                grads.give(&weight, by_weight.try_reshape_like(&(outputs * inputs * taps,))?)?;
            }
            if grads.wants(&x) {
                let turned = weight.try_reshape_like(&whole)?.try_permute::<_, Axes3<2, 0, 1>>()?;
                let turned = turned.try_reshape_like(&(taps * outputs, inputs))?;
                grads.give(&x, product(&grad, looked_at_by.as_ref(), turned, half)?)?;
            }
            Ok(())
        });
    }
    Ok(Map { rows, shape, half })
}
