//! The gate of T5 v1.1's feed-forward layers.

use dfdx::prelude::TryMul as _;
use dfdx::tensor_ops::Device;

use super::tape::through;
use super::{Rows, Tape};
use crate::nn::Real;

/// [`ops::gated_gelu`](crate::nn::ops::gated_gelu).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If both are not of one shape.
pub(crate) fn gated_gelu<E: Real, D: Device<E>>(
    gate: &Rows<E, D>,
    x: &Rows<E, D>,
    tape: &mut Tape<E, D>,
) -> Result<Rows<E, D>, D::Err> {
    // dfdx's fast one is the approximation with tanh.
    let y = gate.clone().try_fast_gelu()?.try_mul(x.clone())?;
    let (gate, x) = (gate.clone(), x.clone());
    tape.note(&y, move |grads, grad| {
        grads.give(&x, grad.clone().try_mul(gate.clone().try_fast_gelu()?)?)?;
        let by_gate = through(&gate, grad.try_mul(x)?, |gate| gate.try_fast_gelu())?;
        grads.give(&gate, by_gate)
    });
    Ok(y)
}
