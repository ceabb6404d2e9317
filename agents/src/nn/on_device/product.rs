//! Products of large matrices, one of them put together from rows of another.

use dfdx::dtypes::Dtype;
use dfdx::prelude::{
    Axes2, Axis, GatherTo as _, HasShape as _, NoneTape, PermuteTo as _, ReshapeTo as _, Tensor, TryConcatAlong as _,
    TryMatMul as _,
};
use dfdx::tensor_ops::Device;

use super::half::Compute;
use super::kernels::Launch;
use super::places::Places;
use super::{Rows, kernels};
use crate::nn::Real;

type Matrix<E, D> = Tensor<(usize, usize), E, D, NoneTape>;

/// The rows of `x` at `places` beside one another, times `matrix`; in f16, with wider sums, if `half`.
pub(super) fn product<E: Real, D: Compute<E>>(
    x: &Rows<E, D>,
    places: Option<&Places<D>>,
    matrix: Rows<E, D>,
    half: bool,
) -> Result<Rows<E, D>, D::Err> {
    if half {
        let x = gathered(D::narrow(x.clone())?, places)?;
        return D::widen(x.try_matmul(D::narrow(matrix)?)?);
    }
    gathered(x.clone(), places)?.try_matmul(matrix)
}

/// The transpose of the rows of `x` at `places` beside one another, times `grad`: likewise.
pub(super) fn crossed<E: Real, D: Compute<E>>(
    x: &Rows<E, D>,
    places: Option<&Places<D>>,
    grad: Rows<E, D>,
    half: bool,
) -> Result<Rows<E, D>, D::Err> {
    if half {
        let x = gathered(D::narrow(x.clone())?, places)?.try_permute::<_, Axes2<1, 0>>()?;
        return D::widen(x.try_matmul(D::narrow(grad)?)?);
    }
    gathered(x.clone(), places)?.try_permute::<_, Axes2<1, 0>>()?.try_matmul(grad)
}

/// The rows of `x` at `places` beside one another, zeros where there are none; `x` itself if no places are told.
pub(super) fn gathered<E: Dtype, D: Device<E> + Launch>(
    x: Matrix<E, D>,
    places: Option<&Places<D>>,
) -> Result<Matrix<E, D>, D::Err> {
    let Some(places) = places else { return Ok(x) };
    let ((_, channels), taps) = (*x.shape(), places.taps);
    let each: Matrix<E, D> = if D::LAUNCHES && size_of::<E>() <= 4 {
        kernels::gathered(x, places)?
    } else {
        let zeros = x.device().try_zeros_like(&(1, channels))?;
        (x, zeros).try_concat_along(Axis::<0>)?.try_gather(places.all.clone())?
    };
    let rows = each.shape().0 / taps;
    each.try_reshape_like(&(rows, taps * channels))
}
