//! Stochastic gradient descent.

use crate::nn::Real;
use crate::nn::matmul::vectorized;

/// The settings of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<E> {
    pub(super) learning_rate: E,
    pub(super) momentum: E,
    pub(super) nesterov: bool,
    /// Added to the gradient, times the parameter.
    pub(super) l2: E,
    /// What is left of the parameter before the step.
    pub(super) kept: E,
}

vectorized! {
    /// PyTorch's rule: v ← μv + g and w ← w - lr·v, or with Nesterov's look ahead w ← w - lr·(g + μv).
    pub(super) fn momentum<E: Real>(w: &mut [E], v: &mut [E], g: &[E], step: Step<E>) {
        let Step { learning_rate, momentum, nesterov, l2, kept } = step;
        for ((w, v), g) in w.iter_mut().zip(v).zip(g) {
            let g = *g + l2 * *w;
            *v = momentum * *v + g;
            let by = if nesterov { g + momentum * *v } else { *v };
            *w = *w * kept - learning_rate * by;
        }
    }
}

vectorized! {
    /// w ← w - lr·g.
    pub(super) fn plain<E: Real>(w: &mut [E], g: &[E], step: Step<E>) {
        let Step { learning_rate, l2, kept, .. } = step;
        for (w, g) in w.iter_mut().zip(g) {
            let g = *g + l2 * *w;
            *w = *w * kept - learning_rate * g;
        }
    }
}
