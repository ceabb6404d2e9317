//! How parameters follow a gradient.

use dfdx::tensor_ops::AdamConfig;

/// How far a parameter moves for its gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// Adam, with betas of 0.9 and 0.999 (Kingma & Ba 2015).
    #[default]
    Adam,
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

/// Beside this a second moment is nothing, to the precision of an f32.
const NO_SECOND: f64 = 1e12;

impl Optimizer {
    /// dfdx's Adam that takes step number `step`, counted from 1, as the method would.
    ///
    /// RMSprop is Adam without a first moment and without making up for a second moment that began at 0. dfdx has an
    /// RMSprop as well, but with eps inside the root, as TensorFlow.
    pub(super) fn adam(&self, step: i32) -> AdamConfig {
        let own = AdamConfig { lr: self.learning_rate, eps: self.eps, ..AdamConfig::default() };
        match self.method {
            Method::Adam => own,
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
}
