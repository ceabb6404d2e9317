//! Two-dimensional convolution of NHWC maps, with PyTorch's weights: the rows that a window looks at are put beside one another,
//! and multiplied with the weights.

use dfdx::prelude::{Axes2, Axes3, PermuteTo as _, ReshapeTo as _, Tape, TryMatMul as _};
use dfdx::tensor_ops::Device;

use super::map::gathered;
use super::places::Glide;
use super::{Accelerator, Map, Rows, Vector, give, take};
use crate::nn::Real;
use crate::nn::ops::Window;

/// [`ops::conv2d`](crate::nn::ops::conv2d) with a weight of outputs × inputs × kernel × kernel. On the way back the rows are put
/// together anew, which takes less room than to keep them.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the weight is of other channels than the map, or larger than the padded picture.
pub(crate) fn conv2d<E: Real, D: Device<E>, T: Tape<E, D>>(
    x: &Map<E, D>,
    weight: &Vector<E, D>,
    sizes: [usize; 3],
    window: Window,
    accelerator: &Accelerator<D>,
    tape: &mut T,
) -> Result<Map<E, D>, D::Err> {
    let [outputs, inputs, kernel] = sizes;
    let (taps, whole) = (kernel * kernel, (outputs, inputs, kernel * kernel));
    let glide = Glide { input: x.shape, kernel, stride: window.stride, padding: window.padding };
    let [height, width] = glide.output();
    let shape = [x.shape[0], height, width];
    // A kernel of one pixel at each pixel finds its rows as they are.
    let moves = kernel > 1 || window.stride > 1 || window.padding > 0;
    let (looked_at, looked_at_by) = match moves {
        true if T::OWNS_TAPE && x.wants_gradient => {
            (Some(accelerator.looked_at(glide)?), Some(accelerator.looked_at_by(glide)?))
        }
        true => (Some(accelerator.looked_at(glide)?), None),
        false => (None, None),
    };
    let turned = weight.clone().try_reshape_like(&whole)?.try_permute::<_, Axes3<2, 1, 0>>()?;
    let turned = turned.try_reshape_like(&(taps * inputs, outputs))?;
    let rows = gathered(&x.rows, looked_at.as_ref(), E::zero())?.try_matmul(turned)?;
    if T::OWNS_TAPE {
        let (x, weight, out) = (x.clone(), weight.clone(), rows.clone());
        tape.add_backward_op(move |slopes| {
            let slope: Rows<E, D> = take(slopes, &out)?;
            let patches = gathered(&x.rows, looked_at.as_ref(), E::zero())?;
            let by_weight = patches.try_permute::<_, Axes2<1, 0>>()?.try_matmul(slope.clone())?;
            let by_weight = by_weight.try_reshape_like(&(taps, inputs, outputs))?.try_permute::<_, Axes3<2, 1, 0>>()?;
            give(slopes, &weight, by_weight.try_reshape_like(&(outputs * inputs * taps,))?)?;
            if x.wants_gradient {
                let turned = weight.try_reshape_like(&whole)?.try_permute::<_, Axes3<2, 0, 1>>()?;
                let turned = turned.try_reshape_like(&(taps * outputs, inputs))?;
                let by_input = gathered(&slope, looked_at_by.as_ref(), E::zero())?.try_matmul(turned)?;
                give(slopes, &x.rows, by_input)?;
            }
            Ok(())
        });
    }
    Ok(Map { rows, shape, wants_gradient: true })
}
