//! Dropout with the draws of the processor.

use dfdx::prelude::{HasShape as _, Tape, TryMul as _};
use dfdx::tensor_ops::Device;

use super::{Rows, give, take};
use crate::nn::Real;
use crate::nn::ops::Dropout;

/// [`ops::dropout`](crate::nn::ops::dropout), of which the host says what is dropped.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If there are not as many keys as rows.
pub(crate) fn dropout<E: Real, D: Device<E>, T: Tape<E, D>>(
    x: &Rows<E, D>,
    dropout: Dropout,
    keys: &[u64],
    tape: &mut T,
) -> Result<Rows<E, D>, D::Err> {
    let (rows, columns) = *x.shape();
    assert_eq!(keys.len(), rows, "a key a row");
    let factor = |(key, place): (u64, usize)| dropout.factor::<E>(key, place as u64);
    let factors = keys.iter().flat_map(|key| (0..columns).map(move |place| (*key, place))).map(factor).collect();
    let factors: Rows<E, D> = x.device().try_tensor_from_vec(factors, (rows, columns))?;
    let y = x.clone().try_mul(factors.clone())?;
    if T::OWNS_TAPE {
        let (x, out) = (x.clone(), y.clone());
        tape.add_backward_op(move |slopes| {
            let slope: Rows<E, D> = take(slopes, &out)?;
            give(slopes, &x, slope.try_mul(factors)?)
        });
    }
    Ok(y)
}
