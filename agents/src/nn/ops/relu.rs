//! The rectifier.

use dfdx::prelude::{Cpu, HasShape as _, PutTape as _, SplitTape as _, Tape, TensorFromVec as _};

use super::{Rows, take_gradient, values};
use crate::nn::kernels::matmul::vectorized;
use crate::nn::{DeviceError, Isa, Real};

/// `max(x, 0)`; its gradient at 0 is 0, as PyTorch's.
///
/// # Errors
/// If the device fails.
pub fn relu<E: Real, T: Tape<E, Cpu>>(x: Rows<E, T>) -> Result<Rows<E, T>, DeviceError> {
    let (x, mut tape) = x.split_tape();
    let mut y = values(&x);
    rectify(Isa::detect(), &mut y);
    let y = x.device().tensor_from_vec(y, *x.shape());
    if T::OWNS_TAPE {
        let out = y.clone();
        tape.add_backward_op(move |gradients| {
            let mut grad = take_gradient(gradients, &out)?;
            close(Isa::detect(), &mut grad, &values(&out));
            add(Isa::detect(), gradients.get_or_alloc_mut(&x)?, &grad);
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

vectorized! {
    pub(super) fn rectify<E: Real>(values: &mut [E]) {
        for x in values {
            // What is no number stays one, so that it is found.
            *x = if *x < E::zero() { E::zero() } else { *x };
        }
    }
}

vectorized! {
    /// Sets `grad` to 0 where the rectifier's output `y` is.
    pub(super) fn close<E: Real>(grad: &mut [E], y: &[E]) {
        for (grad, y) in grad.iter_mut().zip(y) {
            *grad = if *y <= E::zero() { E::zero() } else { *grad };
        }
    }
}

vectorized! {
    pub(super) fn add<E: Real>(to: &mut [E], values: &[E]) {
        for (to, value) in to.iter_mut().zip(values) {
            *to += *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::{Targets, softmax_cross_entropy, testing};

    #[test]
    fn what_is_negative_has_no_grad() {
        let x = [-2.0, -0.1, 0.3, 4.0, -0.7, 1.0];
        testing::check_gradients(&mut Parameters::default(), &x, (2, 3), &|_, x| {
            let y = relu(x).expect("the processor works");
            assert!(values(&y).iter().all(|value| *value >= 0.0));
            softmax_cross_entropy(y, Targets::Classes(&[0, 2]), 0.0, 2.0).expect("the processor works")
        });
    }

    #[test]
    fn what_is_no_number_stays_one() {
        let mut values = [f32::NAN, 1.0, -1.0, f32::INFINITY];
        rectify(Isa::detect(), &mut values);
        assert!(values[0].is_nan());
        assert_eq!(values[1..], [1.0, 0.0, f32::INFINITY]);
    }
}
