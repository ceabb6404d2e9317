//! The gate of T5 v1.1's feed-forward layers.

use dfdx::prelude::{Cpu, HasShape as _, PutTape as _, SplitTape as _, Tape, Tensor, TensorFromVec as _};

use super::{Rows, take_gradient, values};
use crate::nn::{DeviceError, Real};

/// `gelu_new(gate) ⊙ x`: the Gaussian error linear unit by its approximation with tanh (Hendrycks & Gimpel 2016), as a gate
/// (Shazeer 2020, "GLU Variants Improve Transformer").
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If both are not of one shape.
pub fn gated_gelu<E: Real, T: Tape<E, Cpu>>(
    gate: Rows<E, T>,
    x: Tensor<(usize, usize), E, Cpu>,
) -> Result<Rows<E, T>, DeviceError> {
    let (gate, mut tape) = gate.split_tape();
    assert_eq!(gate.shape(), x.shape(), "a gate for each number");
    let (gates, data) = (values(&gate), values(&x));
    let y = gates.iter().zip(&data).map(|(gate, x)| gelu(*gate).0 * *x).collect();
    let y = x.device().tensor_from_vec(y, *x.shape());
    if T::OWNS_TAPE {
        let out = y.clone();
        tape.add_backward_op(move |gradients| {
            let grad = take_gradient(gradients, &out)?;
            let by_gate = gradients.get_or_alloc_mut(&gate)?.iter_mut();
            for (((to, grad), gate), x) in by_gate.zip(grad.iter()).zip(&gates).zip(&data) {
                *to += *grad * *x * gelu(*gate).1;
            }
            for ((to, grad), gate) in gradients.get_or_alloc_mut(&x)?.iter_mut().zip(grad.iter()).zip(&gates) {
                *to += *grad * gelu(*gate).0;
            }
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

/// The unit's output for `x`, and its gradient.
#[inline(always)]
fn gelu<E: Real>(x: E) -> (E, E) {
    let (scale, cubic, half) = (E::of((2.0 / std::f64::consts::PI).sqrt()), E::of(0.044715), E::of(0.5));
    let bent = (scale * (x + cubic * x * x * x)).tanh();
    let grad = scale * (E::one() + E::of(3.0) * cubic * x * x) * (E::one() - bent * bent);
    (half * x * (E::one() + bent), half * (E::one() + bent) + half * x * grad)
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;

    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::{Targets, branches, softmax_cross_entropy, testing};

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Generator::new(1);
        let mut parameters = Parameters::default();
        parameters.add("a", &[5, 4], testing::random(&mut rng, 20));
        parameters.add("b", &[5, 4], testing::random(&mut rng, 20));
        let x = testing::random(&mut rng, 12);
        testing::check_gradients(&mut parameters, &x, (3, 4), &|parameters, x| {
            let weights = ["a", "b"].map(|name| parameters.named(name).expect("it is"));
            let ([gate, x], tape) = branches(x, weights).expect("works");
            let y = gated_gelu(gate.put_tape(tape), x).expect("works");
            softmax_cross_entropy(y, Targets::Classes(&[0, 2, 4]), 0.0, 2.0).expect("works")
        });
    }
}
