//! The linear layer.

use dfdx::prelude::{
    Axes2, Axis, BroadcastTo as _, HasShape as _, Merge, PermuteTo as _, Tape, TryAdd as _, TryMatMul as _,
};
use dfdx::tensor_ops::Device;

use super::{Mirror, Rows};
use crate::nn::ops::Then;
use crate::nn::{ParameterId, Real};

/// [`ops::linear`](crate::nn::ops::linear).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn linear<E: Real, D: Device<E>, T: Tape<E, D> + Merge<T>>(
    mirror: &Mirror<'_, E, D>,
    x: Rows<E, D, T>,
    weight: ParameterId,
    bias: Option<ParameterId>,
    then: Then,
) -> Result<Rows<E, D, T>, D::Err> {
    let mut y = x.try_matmul(mirror.matrix::<T>(weight)?.try_permute::<_, Axes2<1, 0>>()?)?;
    if let Some(bias) = bias {
        let shape = *y.shape();
        y = y.try_add(mirror.get(bias).retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?)?;
    }
    match then {
        Then::Relu => y.try_relu(),
        Then::Nothing => Ok(y),
    }
}
