//! How parameters follow a gradient.

use dfdx::tensor_ops::{AdamConfig, WeightDecay};

use super::kernels::matmul::vectorized;
use super::kernels::simd::Isa;

/// How far a parameter moves for its gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// Adam, with betas of 0.9 and 0.999 (Kingma & Ba 2015).
    #[default]
    Adam,
    /// Adam that takes the parameters, times `weight_decay`, for a part of their gradient: PyTorch's Adam with `weight_decay`. That
    /// is the gradient of so much of half their squared norm.
    DecayingAdam {
        /// 0 or more.
        weight_decay: f64,
    },
    /// Adam whose first steps are held back, until there is enough behind the second moment (Liu et al. 2020, *On the variance
    /// of the adaptive learning rate and beyond*), as PyTorch's.
    RAdam,
    /// RMSprop as PyTorch's: by the root of the mean square of its gradients, eps outside the root (Tieleman & Hinton
    /// 2012).
    RmsProp {
        /// Share of the mean square that each step keeps.
        alpha: f64,
    },
}

/// A method, its settings and the clipping before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Optimizer {
    /// How parameters move.
    pub method: Method,
    /// Step size.
    pub learning_rate: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// The gradient is scaled down to this Euclidean norm; infinite for no clipping.
    pub max_grad_norm: f32,
}

/// The norm that gradients are clipped to where settings say `max_grad_norm`: infinite for 0.
pub(crate) fn clip(max_grad_norm: f64) -> f32 {
    if max_grad_norm > 0.0 { max_grad_norm as f32 } else { f32::INFINITY }
}

/// Beside this a second moment is nothing, to the precision of an f32.
const NO_SECOND: f64 = 1e12;

impl Optimizer {
    /// Adam with PyTorch's epsilon, 1e-8, and without clipping.
    pub fn adam(learning_rate: f64) -> Self {
        Self { method: Method::Adam, learning_rate, eps: 1e-8, max_grad_norm: f32::INFINITY }
    }

    /// dfdx's Adam that takes step number `step`, counted from 1, as the method would.
    ///
    /// RMSprop is Adam without a first moment and without making up for a second moment that began at 0. dfdx has an
    /// RMSprop as well, but with eps inside the root, as TensorFlow.
    pub(super) fn dfdx_adam(&self, step: i32) -> AdamConfig {
        let own = AdamConfig { lr: self.learning_rate, eps: self.eps, ..AdamConfig::default() };
        match self.method {
            Method::Adam => own,
            Method::DecayingAdam { weight_decay } => {
                AdamConfig { weight_decay: Some(WeightDecay::L2(weight_decay)), ..own }
            }
            Method::RAdam => {
                let [_, beta] = own.betas;
                let (longest, kept) = (2.0 / (1.0 - beta) - 1.0, beta.powi(step));
                let length = longest - 2.0 * f64::from(step) * kept / (1.0 - kept);
                if length <= 5.0 {
                    // The first moment alone: beside an eps as large as that the second is nothing.
                    return AdamConfig { lr: own.lr * NO_SECOND, eps: NO_SECOND, ..own };
                }
                let of = |length: f64| (length - 4.0) * (length - 2.0) / length;
                let rectified = (of(length) / of(longest)).sqrt();
                // eps is added before the root is made up for.
                AdamConfig { lr: own.lr * rectified, eps: own.eps / (1.0 - kept).sqrt(), ..own }
            }
            Method::RmsProp { alpha } => {
                // What Adam divides the root by, in its own precision: lr / c · g / (√v / c + eps / c) = lr · g / (√v + eps).
                let made_up = f64::from((1.0 - (alpha as f32).powi(step)).sqrt());
                AdamConfig { lr: own.lr / made_up, eps: own.eps / made_up, betas: [0.0, alpha], ..own }
            }
        }
    }

    /// Step number `step`, counted from 1, of `parameters` down `gradient` times `factor`.
    ///
    /// What dfdx's Adam does, operation by operation, but in the vectors of this machine: of small networks that step was a
    /// seventh of an update.
    pub(super) fn descend(
        &self,
        isa: Isa,
        step: i32,
        parameters: &mut [f32],
        [first, second]: [&mut [f32]; 2],
        gradient: &[f32],
        factor: f32,
    ) {
        let AdamConfig { lr, betas, eps, .. } = self.dfdx_adam(step);
        let weight_decay = match self.method {
            Method::DecayingAdam { weight_decay } => weight_decay as f32,
            _ => 0.0,
        };
        let [lr, eps] = [lr, eps].map(|x| x as f32);
        let betas = betas.map(|beta| beta as f32);
        let made_up = betas.map(|beta| (1.0 - beta.powi(step)).recip());
        descend(isa, parameters, first, second, gradient, Step { factor, weight_decay, lr, betas, eps, made_up });
    }
}

/// The numbers of a step.
#[derive(Clone, Copy)]
struct Step {
    factor: f32,
    weight_decay: f32,
    lr: f32,
    betas: [f32; 2],
    eps: f32,
    /// What makes up for moments that began at 0.
    made_up: [f32; 2],
}

vectorized! {
    fn descend(parameters: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32], step: Step) {
        let Step { factor, weight_decay, lr, betas, eps, made_up } = step;
        let moments = first.iter_mut().zip(second);
        for ((parameter, gradient), (first, second)) in parameters.iter_mut().zip(gradient).zip(moments) {
            let gradient = gradient * factor + weight_decay * *parameter;
            *first = *first * betas[0] + gradient * (1.0 - betas[0]);
            *second = *second * betas[1] + gradient * gradient * (1.0 - betas[1]);
            *parameter -= lr * (*first * made_up[0]) / ((*second * made_up[1]).sqrt() + eps);
        }
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_envs::Generator;
    use dfdx::prelude::{Cpu, Storage as _, Tensor, TensorFromVec as _};

    use super::*;

    /// Steps of each method, whatever the instruction set, end in dfdx's own bits.
    #[test]
    fn steps_are_those_of_dfdxs_adam() {
        const N: usize = 37;
        let (mut rng, device) = (Generator::new(1), Cpu::default());
        let mut random = || (0..N).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<_>>();
        let (begin, gradients): (_, Vec<_>) = (random(), (0..12).map(|_| random()).collect());
        let decaying = Method::DecayingAdam { weight_decay: 0.05 };
        for method in [Method::Adam, decaying, Method::RAdam, Method::RmsProp { alpha: 0.99 }] {
            let optimizer = Optimizer { method, learning_rate: 1e-2, eps: 1e-5, max_grad_norm: f32::INFINITY };
            let mut theirs: Tensor<(usize,), f32, Cpu> = device.tensor_from_vec(begin.clone(), (N,));
            let [mut first, mut second, mut room] =
                [(); 3].map(|()| device.try_alloc_len(N).expect("room for a few numbers"));
            for (step, gradient) in (1..).zip(&gradients) {
                room.iter_mut().zip(gradient).for_each(|(to, gradient)| *to = 0.5 * gradient);
                let adam = optimizer.dfdx_adam(step);
                adam.try_update(step, &mut theirs, &mut first, &mut second, &room).expect("the processor works");
            }
            for isa in Isa::available() {
                let (mut ours, mut moments) = (begin.clone(), [vec![0.0; N], vec![0.0; N]]);
                for (step, gradient) in (1..).zip(&gradients) {
                    let [first, second] = &mut moments;
                    optimizer.descend(isa, step, &mut ours, [first, second], gradient, 0.5);
                }
                assert_eq!(ours, theirs.as_vec(), "{method:?}, {isa}");
                assert_eq!(moments[1][..], second[..], "{method:?}, {isa}");
            }
        }
    }
}
