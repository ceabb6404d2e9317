//! Rows of a table.

use std::sync::Arc;

use dfdx::prelude::{Cpu, PutTape as _, Tape, TensorFromVec as _};

use super::{Rows, take_gradient};
use crate::nn::gradients::buffer;
use crate::nn::{DeviceError, Parameter, Real};

/// The rows `ids` of the table `weight`, `[rows, width]`: PyTorch's `Embedding`.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the table has no such row.
pub fn embedding<E: Real, T: Tape<E, Cpu>>(
    mut tape: T,
    weight: &Parameter<E>,
    ids: Arc<Vec<u32>>,
) -> Result<Rows<E, T>, DeviceError> {
    let &[rows, width] = weight.shape() else { panic!("{} has shape {:?}", weight.name(), weight.shape()) };
    let mut y = Vec::with_capacity(ids.len() * width);
    for id in ids.iter() {
        assert!((*id as usize) < rows, "{} has no row {id}", weight.name());
        y.extend_from_slice(&weight.values()[*id as usize * width..][..width]);
    }
    let y = weight.key.device().tensor_from_vec(y, (ids.len(), width));
    if T::OWNS_TAPE {
        let (out, weight) = (y.clone(), weight.clone());
        tape.add_backward_op(move |gradients| {
            let slope = take_gradient(gradients, &out)?;
            let by_table = buffer(gradients, &weight)?;
            for (id, slope) in ids.iter().zip(slope.chunks_exact(width)) {
                let row = &mut by_table[*id as usize * width..][..width];
                row.iter_mut().zip(slope).for_each(|(to, slope)| *to += *slope);
            }
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}
