//! Rows of a table.

use dfdx::prelude::{GatherTo as _, HasShape as _};

use super::tape::through;
use super::{Compute, Mirror, Rows, Tape};
use crate::nn::{ParameterId, Real};

/// [`ops::embedding`](crate::nn::ops::embedding).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the table has no such row.
pub(crate) fn embedding<E: Real, D: Compute<E>>(
    mirror: &Mirror<E, D>,
    table: ParameterId,
    ids: &[u32],
    tape: &mut Tape<E, D>,
) -> Result<Rows<E, D>, D::Err> {
    let table = mirror.matrix(table)?;
    let places = mirror.places(ids.iter().map(|id| *id as usize).collect(), (ids.len(),), table.shape().0)?;
    let rows = table.clone().try_gather(places.clone())?;
    tape.note(&rows, move |grads, grad| {
        let by_table = through(&table, grad, |table| table.try_gather(places))?;
        grads.give(&table, by_table)
    });
    Ok(rows)
}
