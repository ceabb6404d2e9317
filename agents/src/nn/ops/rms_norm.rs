//! Root mean square layer normalization.

#![allow(clippy::too_many_arguments, reason = "a kernel's slices and sizes")]

use dfdx::prelude::{Cpu, HasShape as _, PutTape as _, SplitTape as _, Tape, TensorFromVec as _};

use super::{Rows, take_gradient, values};
use crate::nn::kernels::matmul::vectorized;
use crate::nn::parameters::gradients::buffer;
use crate::nn::{DeviceError, Isa, Parameter, Real};

/// `weight · x / √(mean(x²) + eps)` for each row: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If rows are not as wide as `weight`.
pub fn rms_norm<E: Real, T: Tape<E, Cpu>>(
    x: Rows<E, T>,
    weight: &Parameter<E>,
    eps: f64,
) -> Result<Rows<E, T>, DeviceError> {
    let (x, mut tape) = x.split_tape();
    assert_eq!(x.shape().1, weight.values().len(), "{} norms rows of its own width", weight.name());
    let data = values(&x);
    let mut y = vec![E::zero(); data.len()];
    let mut scales = vec![E::zero(); x.shape().0];
    forward(Isa::detect(), &data, weight.values(), E::of(eps), &mut y, &mut scales);
    let y = x.device().tensor_from_vec(y, *x.shape());
    if T::OWNS_TAPE {
        let (out, weight) = (y.clone(), weight.clone());
        tape.add_backward_op(move |gradients| {
            let grad = take_gradient(gradients, &out)?;
            let mut by_weight = std::mem::take(buffer(gradients, &weight)?);
            let by_input = gradients.get_or_alloc_mut(&x)?;
            backward(Isa::detect(), &data, weight.values(), &scales, &grad, &mut by_weight, by_input);
            *buffer(gradients, &weight)? = by_weight;
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

vectorized! {
    fn forward<E: Real>(x: &[E], weight: &[E], eps: E, y: &mut [E], scales: &mut [E]) {
        let d = weight.len();
        let width = E::of(d as f64);
        for ((x, y), scale) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)).zip(scales) {
            *scale = (dot(x, x) / width + eps).sqrt().recip();
            for ((y, x), w) in y.iter_mut().zip(x).zip(weight) {
                *y = *w * (*x * *scale);
            }
        }
    }
}

vectorized! {
    /// With s the scale of a row and n = x·s: dx = s·(w·g - n·mean(w·g·n)), and dw = Σ g·n.
    fn backward<E: Real>(x: &[E], weight: &[E], scales: &[E], grad: &[E], by_weight: &mut [E], by_input: &mut [E]) {
        let d = weight.len();
        let width = E::of(d as f64);
        let mut weighted = vec![E::zero(); d];
        let rows = x.chunks_exact(d).zip(grad.chunks_exact(d)).zip(by_input.chunks_exact_mut(d)).zip(scales);
        for (((x, grad), to), scale) in rows {
            for (((by_weight, g), x), (weighted, w)) in
                by_weight.iter_mut().zip(grad).zip(x).zip(weighted.iter_mut().zip(weight))
            {
                *by_weight += *g * (*x * *scale);
                *weighted = *g * *w;
            }
            let mean = dot(&weighted, x) * *scale / width;
            for ((to, weighted), x) in to.iter_mut().zip(&weighted).zip(x) {
                *to += *scale * (*weighted - *x * *scale * mean);
            }
        }
    }
}

/// The sum of products, over lanes that vectors can be made of.
#[inline(always)]
pub(super) fn dot<E: Real>(a: &[E], b: &[E]) -> E {
    let mut sums = [E::zero(); 16];
    let ((whole_a, rest_a), (whole_b, rest_b)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in whole_a.iter().zip(whole_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += *a * *b;
        }
    }
    let rest = rest_a.iter().zip(rest_b).map(|(a, b)| *a * *b).sum::<E>();
    sums.into_iter().sum::<E>() + rest
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;

    use super::*;
    use crate::nn::Parameters;
    use crate::nn::ops::{Targets, softmax_cross_entropy, testing};

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Generator::new(1);
        let mut parameters = Parameters::default();
        parameters.add("weight", &[19], testing::random(&mut rng, 19));
        let x = testing::random(&mut rng, 57);
        testing::check_gradients(&mut parameters, &x, (3, 19), &|parameters, x| {
            let y = rms_norm(x, parameters.named("weight").expect("it is"), 1e-3).expect("works");
            softmax_cross_entropy(y, Targets::Classes(&[0, 2, 18]), 0.0, 2.0).expect("works")
        });
    }
}
