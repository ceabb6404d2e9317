//! How well rows of one kind go with rows of another.

use dfdx::prelude::{
    Axes2, Axes3, Axis, BroadcastTo as _, HasShape as _, PermuteTo as _, ReshapeTo as _, Tape, TryAdd as _,
    TryMatMul as _,
};
use dfdx::tensor_ops::Device;

use super::Rows;
use crate::nn::Real;
use crate::nn::ops::Pairs;

/// [`ops::scores`](crate::nn::ops::scores).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn scores<E: Real, D: Device<E>, T: Tape<E, D>>(
    a: Rows<E, D, T>,
    b: &Rows<E, D>,
    biases: Option<[&Rows<E, D>; 2]>,
    pairs: Pairs,
) -> Result<Rows<E, D, T>, D::Err> {
    let ((rows, width), (others, _)) = (*a.shape(), *b.shape());
    let columns = match pairs {
        Pairs::Own => others / rows.max(1),
        Pairs::All => others,
    };
    let (shape, b) = ((rows, columns), b.clone());
    let mut y = match pairs {
        Pairs::All => a.try_matmul(b.try_permute::<_, Axes2<1, 0>>()?)?,
        Pairs::Own => {
            let b = b.try_reshape_like(&(rows, columns, width))?.try_permute::<_, Axes3<0, 2, 1>>()?;
            a.try_reshape_like(&(rows, 1, width))?.try_matmul(b)?.try_reshape_like(&shape)?
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
    Ok(y)
}
