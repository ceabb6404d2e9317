//! Adam (Kingma & Ba 2015).

use dfdx::prelude::{TryAdd as _, TryDiv as _, TryMul as _, TrySub as _};

use super::step::{Moved, decayed, with_l2};
use crate::nn::Real;
use crate::nn::kernels::matmul::vectorized;
use crate::nn::on_device::{self, Compute, Vector};

/// The settings of a step, with what makes up for moments that began at 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<E> {
    pub(super) beta1: E,
    pub(super) beta2: E,
    /// 1 - β of both: taken in 64 bits, for of 1 - 0.999 in 32 bits four digits are left.
    pub(super) rest: [E; 2],
    pub(super) eps: E,
    /// What the first moment is multiplied by.
    pub(super) size: E,
    /// What the root of the second moment is multiplied by, before ε is added.
    pub(super) root: E,
    pub(super) l2: E,
    pub(super) kept: E,
}

vectorized! {
    /// m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², w ← w - size·m / (root·√v + ε).
    pub(super) fn adam<E: Real>(w: &mut [E], m: &mut [E], v: &mut [E], g: &[E], step: Step<E>) {
        let Step { beta1, beta2, rest: [rest1, rest2], eps, size, root, l2, kept } = step;
        for (((w, m), v), g) in w.iter_mut().zip(m).zip(v).zip(g) {
            let g = *g + l2 * *w;
            *m = beta1 * *m + rest1 * g;
            *v = beta2 * *v + rest2 * g * g;
            *w = *w * kept - size * *m / (root * v.sqrt() + eps);
        }
    }
}

/// The same on a device.
pub(super) fn on_device<E: Real, D: Compute<E>>(
    w: Vector<E, D>,
    [m, v]: [Vector<E, D>; 2],
    g: Vector<E, D>,
    step: Step<E>,
) -> Result<Moved<E, D>, D::Err> {
    let Step { beta1, beta2, rest: [rest1, rest2], eps, size, root, l2, kept } = step;
    if on_device::compute::<E, D>() {
        let settings = [beta1, beta2, rest1, rest2, eps, size, root, l2, kept];
        let [w, m, v] = on_device::adam(&w, [&m, &v], &g, settings)?;
        return Ok((w, [Some(m), Some(v)]));
    }
    let g = with_l2(g, &w, l2)?;
    let m = m.try_mul(beta1)?.try_add(g.clone().try_mul(rest1)?)?;
    let v = v.try_mul(beta2)?.try_add(g.try_square()?.try_mul(rest2)?)?;
    let divisor = v.clone().try_sqrt()?.try_mul(root)?.try_add(eps)?;
    let by = m.clone().try_mul(size)?.try_div(divisor)?;
    Ok((decayed(w, kept)?.try_sub(by)?, [Some(m), Some(v)]))
}
