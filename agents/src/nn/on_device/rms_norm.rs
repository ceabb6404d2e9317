//! Root mean square layer normalization.

use dfdx::prelude::{
    Axis, BroadcastTo as _, HasShape as _, MeanTo as _, SumTo as _, Tape, TryAdd as _, TryMul as _, TrySub as _,
};
use dfdx::tensor_ops::Device;

use super::{Rows, Vector, give, take};
use crate::nn::Real;

/// [`ops::rms_norm`](crate::nn::ops::rms_norm).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If rows are not as wide as `weight`.
pub(crate) fn rms_norm<E: Real, D: Device<E>, T: Tape<E, D>>(
    x: &Rows<E, D>,
    weight: &Vector<E, D>,
    eps: f64,
    tape: &mut T,
) -> Result<Rows<E, D>, D::Err> {
    let shape = *x.shape();
    assert_eq!(shape.1, weight.shape().0, "norms are of rows of their own width");
    let a_row = move |rows: Vector<E, D>| rows.try_broadcast_like::<_, Axis<1>>(&shape);
    let a_column = move |columns: Vector<E, D>| columns.try_broadcast_like::<_, Axis<0>>(&shape);
    let square: Vector<E, D> = x.clone().try_square()?.try_mean::<_, Axis<1>>()?;
    let scale = square.try_add(E::of(eps))?.try_sqrt()?.try_recip()?;
    let y = x.clone().try_mul(a_row(scale.clone())?)?.try_mul(a_column(weight.clone())?)?;
    if T::OWNS_TAPE {
        let (x, weight, out) = (x.clone(), weight.clone(), y.clone());
        tape.add_backward_op(move |slopes| {
            // With s the scale of a row and n = x·s: dx = s·(w·g - n·mean(w·g·n)), and dw = Σ g·n.
            let slope: Rows<E, D> = take(slopes, &out)?;
            let scale = a_row(scale)?;
            let normalized = x.clone().try_mul(scale.clone())?;
            let by_weight: Vector<E, D> = slope.clone().try_mul(normalized.clone())?.try_sum::<_, Axis<0>>()?;
            let weighted = slope.try_mul(a_column(weight.clone())?)?;
            let along: Vector<E, D> = weighted.clone().try_mul(normalized.clone())?.try_mean::<_, Axis<1>>()?;
            let rest = weighted.try_sub(normalized.try_mul(a_row(along)?)?)?;
            give(slopes, &x, rest.try_mul(scale)?)?;
            give(slopes, &weight, by_weight)
        });
    }
    Ok(y)
}
