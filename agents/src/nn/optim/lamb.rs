//! LAMB (You et al. 2020, *Large batch optimization for deep learning*).

use crate::nn::Real;

/// The settings of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<E> {
    pub(super) learning_rate: E,
    pub(super) beta1: E,
    pub(super) beta2: E,
    /// 1 - β of both, taken in 64 bits.
    pub(super) rest: [E; 2],
    pub(super) eps: E,
    /// 1 - βᵗ of both.
    pub(super) made_up: [E; 2],
    /// Added to the direction, times the parameter: before the trust ratio, as in the paper.
    pub(super) decay: E,
}

/// Adam's direction, as long as the parameter is.
pub(super) fn lamb<E: Real>(w: &mut [E], m: &mut [E], v: &mut [E], g: &[E], step: Step<E>) {
    let Step { learning_rate, beta1, beta2, rest, eps, made_up, decay } = step;
    let mut direction = vec![E::zero(); w.len()];
    for ((((to, w), m), v), g) in direction.iter_mut().zip(&*w).zip(m).zip(v).zip(g) {
        *m = beta1 * *m + rest[0] * *g;
        *v = beta2 * *v + rest[1] * *g * *g;
        *to = *m / made_up[0] / ((*v / made_up[1]).sqrt() + eps) + decay * *w;
    }
    let norm = |values: &[E]| values.iter().map(|x| x.wide() * x.wide()).sum::<f64>().sqrt();
    let (own, of) = (norm(w), norm(&direction));
    let trust = if own > 0.0 && of > 0.0 { E::of(own / of) } else { E::one() };
    for (w, by) in w.iter_mut().zip(&direction) {
        *w -= learning_rate * trust * *by;
    }
}
