//! One step of one parameter, or of several with the same settings.

use std::ops::Range;

use dfdx::prelude::{TryAdd as _, TryMul as _};

use super::solver::{Decay, Eps, Rule};
use super::{adafactor, adam, lamb, rms_prop, sgd};
use crate::nn::on_device::{Compute, Vector};
use crate::nn::{Isa, Real};

/// What a [`Rule`] does in a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<E>(Kind<E>);

#[derive(Clone, Copy, Debug)]
enum Kind<E> {
    Sgd(sgd::Step<E>),
    Adam(adam::Step<E>),
    RmsProp(rms_prop::Step<E>),
    Adafactor(adafactor::Step),
    Lamb(lamb::Step<E>),
}

impl<E: Real> Step<E> {
    /// Step number `t`, counted from 1.
    pub(super) fn new(rule: Rule, decay: Decay, weight_decay: f64, learning_rate: f64, t: f64) -> Self {
        let (l2, kept) = match decay {
            Decay::L2 => (E::of(weight_decay), E::one()),
            Decay::Decoupled => (E::zero(), E::of(1.0 - learning_rate * weight_decay)),
        };
        Self(match rule {
            Rule::Sgd { momentum, nesterov } => {
                let (learning_rate, momentum) = (E::of(learning_rate), E::of(momentum));
                Kind::Sgd(sgd::Step { learning_rate, momentum, nesterov, l2, kept })
            }
            Rule::Adam { betas: [beta1, beta2], eps, convention } => {
                let (c1, c2) = (1.0 - beta1.powf(t), (1.0 - beta2.powf(t)).sqrt());
                let (size, root) = match convention {
                    Eps::Torch => (learning_rate / c1, c2.recip()),
                    Eps::Keras => (learning_rate * c2 / c1, 1.0),
                };
                let rest = [beta1, beta2].map(|beta| E::of(1.0 - beta));
                let [beta1, beta2, eps, size, root] = [beta1, beta2, eps, size, root].map(E::of);
                Kind::Adam(adam::Step { beta1, beta2, rest, eps, size, root, l2, kept })
            }
            Rule::RmsProp { alpha, eps, convention, momentum } => {
                let rest = E::of(1.0 - alpha);
                let [learning_rate, alpha, eps, momentum] = [learning_rate, alpha, eps, momentum].map(E::of);
                Kind::RmsProp(rms_prop::Step { learning_rate, alpha, rest, eps, convention, momentum, l2, kept })
            }
            Rule::Adafactor { scale_parameter, decay_rate } => {
                let beta2 = 1.0 - t.powf(decay_rate);
                Kind::Adafactor(adafactor::Step { learning_rate, beta2, scale_parameter, decay: weight_decay })
            }
            Rule::Lamb { betas: [beta1, beta2], eps } => {
                let made_up = [beta1, beta2].map(|beta| E::of(1.0 - beta.powf(t)));
                let rest = [beta1, beta2].map(|beta| E::of(1.0 - beta));
                let [learning_rate, beta1, beta2, eps, decay] =
                    [learning_rate, beta1, beta2, eps, weight_decay].map(E::of);
                Kind::Lamb(lamb::Step { learning_rate, beta1, beta2, rest, eps, made_up, decay })
            }
        })
    }

    /// Moves `w`, of `shape`, and what is kept of it down the gradient `g`: only what is within `spans`, but for Adafactor and
    /// LAMB, which look at a whole table and move all of it.
    pub(super) fn on_host(
        self,
        w: &mut [E],
        [first, second]: [&mut [E]; 2],
        g: &[E],
        shape: &[usize],
        spans: impl Iterator<Item = Range<usize>>,
    ) {
        let isa = Isa::detect();
        match self.0 {
            Kind::Sgd(step) if first.is_empty() => {
                spans.for_each(|at| sgd::plain(isa, &mut w[at.clone()], &g[at], step))
            }
            Kind::Sgd(step) => {
                spans.for_each(|at| sgd::momentum(isa, &mut w[at.clone()], &mut first[at.clone()], &g[at], step));
            }
            Kind::Adam(step) => spans.for_each(|at| {
                let (m, v) = (&mut first[at.clone()], &mut second[at.clone()]);
                adam::adam(isa, &mut w[at.clone()], m, v, &g[at], step);
            }),
            Kind::RmsProp(step) => spans.for_each(|at| {
                let (square, velocity) = (&mut first[at.clone()], &mut second[at.clone()]);
                rms_prop::rms_prop(isa, &mut w[at.clone()], square, velocity, &g[at], step);
            }),
            Kind::Adafactor(step) => adafactor::adafactor(w, [first, second], g, shape, step),
            Kind::Lamb(step) => lamb::lamb(w, first, second, g, step),
        }
    }

    /// The parameters `w`, and what is kept of them, after a step down the gradient `g`.
    ///
    /// # Panics
    /// If the rule is Adafactor or LAMB, whose steps depend on each parameter as a whole, or if moments of the others are missing.
    pub(crate) fn on_device<D: Compute<E>>(
        self,
        w: Vector<E, D>,
        moments: [Option<Vector<E, D>>; 2],
        g: Vector<E, D>,
    ) -> Result<Moved<E, D>, D::Err> {
        match (self.0, moments) {
            (Kind::Sgd(step), [v, _]) => sgd::on_device(w, v, g, step),
            (Kind::Adam(step), [Some(m), Some(v)]) => adam::on_device(w, [m, v], g, step),
            (Kind::RmsProp(step), [Some(square), Some(velocity)]) => {
                rms_prop::on_device(w, [square, velocity], g, step)
            }
            (step, _) => panic!("{step:?} has no form for a device, or no moments there"),
        }
    }
}

/// Parameters after a step, and what is kept of them.
pub(crate) type Moved<E, D> = (Vector<E, D>, [Option<Vector<E, D>>; 2]);

/// `g` and `l2` times `w`.
pub(super) fn with_l2<E: Real, D: Compute<E>>(
    g: Vector<E, D>,
    w: &Vector<E, D>,
    l2: E,
) -> Result<Vector<E, D>, D::Err> {
    if l2.is_zero() { Ok(g) } else { g.try_add(w.clone().try_mul(l2)?) }
}

/// What decay leaves of `w`.
pub(super) fn decayed<E: Real, D: Compute<E>>(w: Vector<E, D>, kept: E) -> Result<Vector<E, D>, D::Err> {
    if kept.is_one() { Ok(w) } else { w.try_mul(kept) }
}
