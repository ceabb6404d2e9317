//! RMSprop (Tieleman & Hinton 2012).

use dfdx::prelude::{TryAdd as _, TryDiv as _, TryMul as _, TrySub as _};

use super::solver::Eps;
use super::step::{Moved, decayed, with_l2};
use crate::nn::Real;
use crate::nn::kernels::matmul::vectorized;
use crate::nn::on_device::{Compute, Vector};

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

/// The same on a device.
pub(super) fn on_device<E: Real, D: Compute<E>>(
    w: Vector<E, D>,
    [v, b]: [Vector<E, D>; 2],
    g: Vector<E, D>,
    step: Step<E>,
) -> Result<Moved<E, D>, D::Err> {
    let Step { learning_rate, alpha, rest, eps, convention, momentum, l2, kept } = step;
    let g = with_l2(g, &w, l2)?;
    let v = v.try_mul(alpha)?.try_add(g.clone().try_square()?.try_mul(rest)?)?;
    let divisor = match convention {
        Eps::Keras => v.clone().try_add(eps)?.try_sqrt()?,
        Eps::Torch => v.clone().try_sqrt()?.try_add(eps)?,
    };
    let b = b.try_mul(momentum)?.try_add(g.try_div(divisor)?)?;
    Ok((decayed(w, kept)?.try_sub(b.clone().try_mul(learning_rate)?)?, [Some(v), Some(b)]))
}
