//! Sums and multiples.

use dfdx::prelude::{Cpu, HasShape as _, PutTape as _, SplitTape as _, Tape, Tensor, TensorFromVec as _};

use super::relu::add as add_to;
use super::{Rows, take_gradient, values};
use crate::nn::{DeviceError, Isa, Real};

/// `x + y`: what joins a layer and what went around it.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If both are not of one shape.
pub fn add<E: Real, T: Tape<E, Cpu>>(
    x: Rows<E, T>,
    y: Tensor<(usize, usize), E, Cpu>,
) -> Result<Rows<E, T>, DeviceError> {
    let (x, mut tape) = x.split_tape();
    assert_eq!(x.shape(), y.shape(), "a sum of two of one shape");
    let mut sum = values(&x);
    add_to(Isa::detect(), &mut sum, &values(&y));
    let sum = x.device().tensor_from_vec(sum, *x.shape());
    if T::OWNS_TAPE {
        let out = sum.clone();
        tape.add_backward_op(move |gradients| {
            let grad = take_gradient(gradients, &out)?;
            add_to(Isa::detect(), gradients.get_or_alloc_mut(&x)?, &grad);
            add_to(Isa::detect(), gradients.get_or_alloc_mut(&y)?, &grad);
            Ok(())
        });
    }
    Ok(sum.put_tape(tape))
}

/// `factor · x`.
///
/// # Errors
/// If the device fails.
pub fn scale<E: Real, T: Tape<E, Cpu>>(x: Rows<E, T>, factor: f64) -> Result<Rows<E, T>, DeviceError> {
    let (x, mut tape) = x.split_tape();
    let factor = E::of(factor);
    let y = values(&x).into_iter().map(|x| x * factor).collect();
    let y = x.device().tensor_from_vec(y, *x.shape());
    if T::OWNS_TAPE {
        let out = y.clone();
        tape.add_backward_op(move |gradients| {
            let grad = take_gradient(gradients, &out)?;
            gradients.get_or_alloc_mut(&x)?.iter_mut().zip(grad.iter()).for_each(|(to, grad)| *to += *grad * factor);
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;

    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::{Targets, Then, linear, softmax_cross_entropy, testing};

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Generator::new(1);
        let mut parameters = Parameters::default();
        parameters.add("weight", &[4, 4], testing::random(&mut rng, 16));
        let x = testing::random(&mut rng, 12);
        testing::check_gradients(&mut parameters, &x, (3, 4), &|parameters, x| {
            let (x, tape) = x.split_tape();
            let weight = parameters.named("weight").expect("it is");
            let y = linear(x.clone().put_tape(tape), weight, None, Then::Nothing).expect("works");
            let y = scale(add(y, x).expect("works"), -0.7).expect("works");
            softmax_cross_entropy(y, Targets::Classes(&[0, 2, 3]), 0.0, 2.0).expect("works")
        });
    }
}
