//! Half precision on a device.
//!
//! Activations stay in memory as they are, in numbers that f16 has too: what a GPU gains is the speed of its products of f16,
//! which are summed in f32. Nothing else is computed in f16, so that what comes out is what
//! [`learn_in_half`](crate::models::Classifier::learn_in_half) says.

use dfdx::dtypes::AMP;
use dfdx::prelude::{HasErr, Shape, Tensor};
use dfdx::tensor_ops::Device;
use half::f16;

use super::kernels::Launch;
use crate::nn::Real;

/// Numbers of 16 bits whose sums are wider.
pub(super) type Half = AMP<f16>;

/// A device that computes in numbers of type `E`, and in those of 16 bits.
pub trait Compute<E: Real>: Device<E> + Device<Half> + Launch {
    /// Rounds to 16 bits.
    ///
    /// # Errors
    /// If the device fails.
    fn narrow<S: Shape>(x: Tensor<S, E, Self>) -> Result<Tensor<S, Half, Self>, <Self as HasErr>::Err>;

    /// The same numbers, wider.
    ///
    /// # Errors
    /// If the device fails.
    fn widen<S: Shape>(x: Tensor<S, Half, Self>) -> Result<Tensor<S, E, Self>, <Self as HasErr>::Err>;
}

macro_rules! compute {
    ($type:ty) => {
        impl<D: Device<$type> + Device<Half> + Launch> Compute<$type> for D {
            fn narrow<S: Shape>(x: Tensor<S, $type, Self>) -> Result<Tensor<S, Half, Self>, <Self as HasErr>::Err> {
                x.try_to_dtype()
            }

            fn widen<S: Shape>(x: Tensor<S, Half, Self>) -> Result<Tensor<S, $type, Self>, <Self as HasErr>::Err> {
                x.try_to_dtype()
            }
        }
    };
}

compute!(f32);
compute!(f64);

/// `x` rounded to 16 bits, if `half`.
pub(super) fn rounded<S: Shape, E: Real, D: Compute<E>>(
    x: Tensor<S, E, D>,
    half: bool,
) -> Result<Tensor<S, E, D>, D::Err> {
    if half { D::widen(D::narrow(x)?) } else { Ok(x) }
}
