//! RMSprop (Tieleman & Hinton 2012).

use super::optimizer::Eps;
use crate::nn::Real;
use crate::nn::matmul::vectorized;

/// The settings of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<E> {
    pub(super) learning_rate: E,
    pub(super) alpha: E,
    /// 1 - α, taken in 64 bits.
    pub(super) rest: E,
    pub(super) eps: E,
    pub(super) convention: Eps,
    pub(super) momentum: E,
    pub(super) l2: E,
    pub(super) kept: E,
}

vectorized! {
    /// v ← αv + (1-α)g², b ← μb + g / (√v + ε) or, as in Keras, g / √(v + ε), w ← w - lr·b.
    pub(super) fn rms_prop<E: Real>(w: &mut [E], v: &mut [E], b: &mut [E], g: &[E], step: Step<E>) {
        let Step { learning_rate, alpha, rest, eps, convention, momentum, l2, kept } = step;
        let (outside, inside) = if convention == Eps::Keras { (E::zero(), eps) } else { (eps, E::zero()) };
        for (((w, v), b), g) in w.iter_mut().zip(v).zip(b).zip(g) {
            let g = *g + l2 * *w;
            *v = alpha * *v + rest * g * g;
            *b = momentum * *b + g / ((*v + inside).sqrt() + outside);
            *w = *w * kept - learning_rate * *b;
        }
    }
}
