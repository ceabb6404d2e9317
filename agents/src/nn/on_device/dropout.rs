//! Dropout with the draws of the processor.

use dfdx::prelude::{HasShape as _, TryMul as _};
use dfdx::tensor_ops::Device;

use super::{Rows, Tape};
use crate::nn::Real;
use crate::nn::kernels::spread::spread;
use crate::nn::ops::Dropout;

/// Rows that a thread draws for at once.
const AT_ONCE: usize = 16;

/// [`ops::dropout`](crate::nn::ops::dropout), of which the host says what is dropped.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If there are not as many keys as rows.
pub(crate) fn dropout<E: Real, D: Device<E>>(
    x: &Rows<E, D>,
    dropout: Dropout,
    keys: &[u64],
    tape: &mut Tape<E, D>,
) -> Result<Rows<E, D>, D::Err> {
    let (rows, columns) = *x.shape();
    assert_eq!(keys.len(), rows, "a key a row");
    let mut factors = vec![E::zero(); rows * columns];
    let draw = |(): &mut (), (part, keys): (&mut [E], &[u64])| {
        for (row, key) in part.chunks_exact_mut(columns.max(1)).zip(keys) {
            (0..).zip(row).for_each(|(place, to)| *to = dropout.factor(*key, place));
        }
    };
    spread(factors.chunks_mut(AT_ONCE * columns.max(1)).zip(keys.chunks(AT_ONCE)), || (), draw);
    let factors: Rows<E, D> = x.device().try_tensor_from_vec(factors, (rows, columns))?;
    let y = x.clone().try_mul(factors.clone())?;
    let x = x.clone();
    tape.note(&y, move |grads, grad| grads.give(&x, grad.try_mul(factors)?));
    Ok(y)
}
