//! Root mean square layer normalization.

use dfdx::prelude::{Axis, BroadcastTo as _, HasShape as _, MeanTo as _, TryAdd as _, TryMul as _, TrySub as _};
use dfdx::tensor_ops::Device;

use super::{Rows, Tape, Vector, column_sums};
use crate::nn::Real;

/// [`ops::rms_norm`](crate::nn::ops::rms_norm).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If rows are not as wide as `weight`.
pub(crate) fn rms_norm<E: Real, D: Device<E>>(
    x: &Rows<E, D>,
    weight: &Vector<E, D>,
    eps: f64,
    tape: &mut Tape<E, D>,
) -> Result<Rows<E, D>, D::Err> {
    let shape = *x.shape();
    assert_eq!(shape.1, weight.shape().0, "norms are of rows of their own width");
    let a_row = move |rows: Vector<E, D>| rows.try_broadcast_like::<_, Axis<1>>(&shape);
    let a_column = move |columns: Vector<E, D>| columns.try_broadcast_like::<_, Axis<0>>(&shape);
    let square: Vector<E, D> = x.clone().try_square()?.try_mean::<_, Axis<1>>()?;
    let scale = square.try_add(E::of(eps))?.try_sqrt()?.try_recip()?;
    let y = x.clone().try_mul(a_row(scale.clone())?)?.try_mul(a_column(weight.clone())?)?;
    let (x, weight) = (x.clone(), weight.clone());
    tape.note(&y, move |grads, grad| {
        // With s the scale of a row and n = x·s: dx = s·(w·g - n·mean(w·g·n)), and dw = Σ g·n.
        let scale = a_row(scale)?;
        let normalized = x.clone().try_mul(scale.clone())?;
        grads.give(&weight, column_sums(grad.clone().try_mul(normalized.clone())?)?)?;
        let weighted = grad.try_mul(a_column(weight)?)?;
        let along: Vector<E, D> = weighted.clone().try_mul(normalized.clone())?.try_mean::<_, Axis<1>>()?;
        let rest = weighted.try_sub(normalized.try_mul(a_row(along)?)?)?;
        grads.give(&x, rest.try_mul(scale)?)
    });
    Ok(y)
}
