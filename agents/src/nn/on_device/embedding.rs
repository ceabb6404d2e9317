//! Rows of a table.

use dfdx::prelude::{GatherTo as _, HasShape as _, PutTape as _, SplitTape as _, Tape};

use super::{Compute, Mirror, Rows};
use crate::nn::{ParameterId, Real};

/// [`ops::embedding`](crate::nn::ops::embedding).
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the table has no such row.
pub(crate) fn embedding<E: Real, D: Compute<E>, T: Tape<E, D>>(
    mirror: &Mirror<'_, E, D>,
    table: ParameterId,
    ids: &[u32],
    tape: &mut T,
) -> Result<Rows<E, D>, D::Err> {
    let table = mirror.matrix(table)?;
    let rows = mirror.places(ids.iter().map(|id| *id as usize).collect(), (ids.len(),), table.shape().0)?;
    let rows: Rows<E, D, T> = table.put_tape(std::mem::take(tape)).try_gather(rows)?;
    let (rows, left) = rows.split_tape();
    *tape = left;
    Ok(rows)
}
