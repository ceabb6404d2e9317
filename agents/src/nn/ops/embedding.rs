//! Rows of a table.

use std::sync::Arc;

use dfdx::prelude::{Cpu, PutTape as _, Tape, TensorFromVec as _};

use super::{Rows, take_gradient};
use crate::nn::parameters::gradients::buffer;
use crate::nn::{DeviceError, Parameter, Real};

/// The rows `ids` of the table `weight`, `[rows, width]`: PyTorch's `Embedding`.
///
/// Where the table is large, tell the gradients of it ([`touch`](crate::nn::Gradients::touch)).
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
            let grad = take_gradient(gradients, &out)?;
            let by_table = buffer(gradients, &weight)?;
            for (id, grad) in ids.iter().zip(grad.chunks_exact(width)) {
                let row = &mut by_table[*id as usize * width..][..width];
                row.iter_mut().zip(grad).for_each(|(to, grad)| *to += *grad);
            }
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;
    use dfdx::prelude::SplitTape as _;

    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::{Targets, softmax_cross_entropy, testing};

    #[test]
    fn gradients_are_those_of_differences_where_rows_come_twice_too() {
        let mut rng = Generator::new(1);
        let mut parameters = Parameters::default();
        parameters.add("table", &[5, 3], testing::random(&mut rng, 15));
        testing::check_gradients(&mut parameters, &[0.0; 2], (1, 2), &|parameters, x| {
            let tape = x.split_tape().1;
            let rows =
                embedding(tape, parameters.named("table").expect("it is"), Arc::new(vec![4, 0, 4, 2])).expect("works");
            softmax_cross_entropy(rows, Targets::Classes(&[0, 1, 2, 2]), 0.0, 4.0).expect("works")
        });
    }
}
