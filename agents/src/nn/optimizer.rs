//! How parameters follow a gradient.

use dfdx::tensor_ops::AdamConfig;

/// How far a parameter moves for its gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// Adam, with betas of 0.9 and 0.999 (Kingma & Ba 2015).
    #[default]
    Adam,
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

impl Optimizer {
    /// dfdx's Adam that takes step number `step`, counted from 1, as the method would.
    ///
    /// RMSprop is Adam without a first moment and without making up for a second moment that began at 0. dfdx has an
    /// RMSprop as well, but with eps inside the root, as TensorFlow.
    pub(super) fn adam(&self, step: i32) -> AdamConfig {
        let own = AdamConfig { lr: self.learning_rate, eps: self.eps, ..AdamConfig::default() };
        match self.method {
            Method::Adam => own,
            Method::RmsProp { alpha } => {
                // What Adam divides the root by, in its own precision: lr / c · g / (√v / c + eps / c) = lr · g / (√v + eps).
                let made_up = f64::from((1.0 - (alpha as f32).powi(step)).sqrt());
                AdamConfig { lr: own.lr / made_up, eps: own.eps / made_up, betas: [0.0, alpha], ..own }
            }
        }
    }
}
