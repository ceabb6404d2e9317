//! Stochastic gradient descent.

use dfdx::prelude::{TryAdd as _, TryMul as _, TrySub as _};

use super::step::{Moved, decayed, with_l2};
use crate::nn::Real;
use crate::nn::kernels::matmul::vectorized;
use crate::nn::on_device::{self, Compute, Vector};

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

/// The same on a device, with momentum if there is a velocity.
pub(super) fn on_device<E: Real, D: Compute<E>>(
    w: Vector<E, D>,
    v: Option<Vector<E, D>>,
    g: Vector<E, D>,
    step: Step<E>,
) -> Result<Moved<E, D>, D::Err> {
    let Step { learning_rate, momentum, nesterov, l2, kept } = step;
    if on_device::compute::<E, D>() {
        let (w, v) = on_device::sgd(&w, v.as_ref(), &g, [learning_rate, momentum, l2, kept], nesterov)?;
        return Ok((w, [v, None]));
    }
    let g = with_l2(g, &w, l2)?;
    let v = v.map(|v| v.try_mul(momentum)?.try_add(g.clone())).transpose()?;
    let by = match &v {
        Some(v) if nesterov => v.clone().try_mul(momentum)?.try_add(g)?,
        Some(v) => v.clone(),
        None => g,
    };
    Ok((decayed(w, kept)?.try_sub(by.try_mul(learning_rate)?)?, [v, None]))
}
