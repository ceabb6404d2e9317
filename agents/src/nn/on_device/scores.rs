//! How well rows of one kind go with rows of another.

use dfdx::prelude::{
    Axes2, Axes3, Axis, BroadcastTo as _, HasShape as _, PermuteTo as _, ReshapeTo as _, SumTo as _, TryAdd as _,
    TryMatMul as _,
};
use dfdx::tensor_ops::Device;

use super::{Rows, Tape, Vector, column_sums};
use crate::nn::Real;
use crate::nn::ops::Pairs;

/// [`ops::scores`](crate::nn::ops::scores).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn scores<E: Real, D: Device<E>>(
    a: &Rows<E, D>,
    b: &Rows<E, D>,
    biases: Option<[&Rows<E, D>; 2]>,
    pairs: Pairs,
    tape: &mut Tape<E, D>,
) -> Result<Rows<E, D>, D::Err> {
    let ((rows, width), (others, _)) = (*a.shape(), *b.shape());
    let columns = match pairs {
        Pairs::Own => others / rows.max(1),
        Pairs::All => others,
    };
    let (shape, own) = ((rows, columns), (rows, columns, width));
    let mut y = match pairs {
        Pairs::All => a.clone().try_matmul(b.clone().try_permute::<_, Axes2<1, 0>>()?)?,
        Pairs::Own => {
            let b = b.clone().try_reshape_like(&own)?.try_permute::<_, Axes3<0, 2, 1>>()?;
            a.clone().try_reshape_like(&(rows, 1, width))?.try_matmul(b)?.try_reshape_like(&shape)?
        }
    };
    if let Some([of_a, of_b]) = biases {
        let of_a = of_a.clone().try_reshape_like(&(rows,))?;
        y = y.try_add(of_a.try_broadcast_like::<_, Axis<1>>(&shape)?)?;
        y = match pairs {
            Pairs::Own => y.try_add(of_b.clone().try_reshape_like(&shape)?)?,
            Pairs::All => {
                let of_b = of_b.clone().try_reshape_like(&(columns,))?;
                y.try_add(of_b.try_broadcast_like::<_, Axis<0>>(&shape)?)?
            }
        };
    }
    let (a, b, biases) = (a.clone(), b.clone(), biases.map(|biases| biases.map(Clone::clone)));
    tape.note(&y, move |grads, grad| {
        if let Some([of_a, of_b]) = biases {
            let by_row: Vector<E, D> = grad.clone().try_sum::<_, Axis<1>>()?;
            grads.give(&of_a, by_row.try_reshape_like(of_a.shape())?)?;
            let by_b = match pairs {
                Pairs::Own => grad.clone().try_reshape_like(of_b.shape())?,
                Pairs::All => column_sums(grad.clone())?.try_reshape_like(of_b.shape())?,
            };
            grads.give(&of_b, by_b)?;
        }
        let (by_a, by_b) = match pairs {
            Pairs::All => {
                let turned = grad.clone().try_permute::<_, Axes2<1, 0>>()?;
                (grad.try_matmul(b.clone())?, turned.try_matmul(a.clone())?)
            }
            Pairs::Own => {
                let by_a = grad.clone().try_reshape_like(&(rows, 1, columns))?;
                let by_a = by_a.try_matmul(b.clone().try_reshape_like(&own)?)?;
                let by_b = grad.try_reshape_like(&(rows, columns, 1))?;
                let by_b = by_b.try_matmul(a.clone().try_reshape_like(&(rows, 1, width))?)?;
                (by_a.try_reshape_like(a.shape())?, by_b.try_reshape_like(b.shape())?)
            }
        };
        grads.give(&a, by_a)?;
        grads.give(&b, by_b)
    });
    Ok(y)
}
