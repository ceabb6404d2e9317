//! The gate of T5 v1.1's feed-forward layers.

use dfdx::prelude::{PutTape as _, SplitTape as _, Tape, TryMul as _};
use dfdx::tensor_ops::Device;

use super::Rows;
use crate::nn::Real;

/// [`ops::gated_gelu`](crate::nn::ops::gated_gelu).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If both are not of one shape.
pub(crate) fn gated_gelu<E: Real, D: Device<E>, T: Tape<E, D>>(
    gate: &Rows<E, D>,
    x: &Rows<E, D>,
    tape: &mut T,
) -> Result<Rows<E, D>, D::Err> {
    // dfdx's fast one is the approximation with tanh.
    let gate = gate.clone().put_tape(std::mem::take(tape)).try_fast_gelu()?;
    let (y, left) = gate.try_mul(x.clone())?.split_tape();
    *tape = left;
    Ok(y)
}
