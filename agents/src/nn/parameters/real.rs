//! The number types that supervised models are computed in.

use half::slice::HalfFloatSliceExt as _;
use half::{bf16, f16};
use num_traits::Float;
use safetensors::Dtype;

use crate::nn::kernels::linear::{Rows, products};
use crate::nn::kernels::simd::Isa;

/// `f32`, which models are trained in, or `f64`, which tests compare gradients in.
pub trait Real:
    Float + dfdx::dtypes::Dtype + std::iter::Sum<Self> + serde::Serialize + serde::de::DeserializeOwned
{
    /// Its name in a safetensors file.
    const DTYPE: safetensors::Dtype;

    /// The nearest number of this type.
    fn of(value: f64) -> Self;

    /// The same number, wider.
    fn wide(self) -> f64;

    /// Its bytes, least significant first.
    fn write_le(self, to: &mut Vec<u8>);

    /// The numbers in `bytes`, least significant byte first.
    fn read_le(bytes: &[u8]) -> Vec<Self>;

    /// The product of each row of `x` with each row of `w`, both of `k` numbers, to `y`, row after row of `x`: what a linear layer is,
    /// with weights as they lie. False, and nothing is written, of a type that has no kernel for it.
    fn products_of_rows(x: &[Self], w: &[Self], k: usize, y: &mut [Self]) -> bool;

    /// Rounds to the nearest numbers of 16 bits (f16), ties to even; beyond ± 65504 to infinity, as a GPU that stores f16.
    fn round_to_half(values: &mut [Self]);
}

macro_rules! real {
    ($type:ty, $dtype:ident, $bytes:literal, $to_half:ident, $from_half:ident, $products:expr) => {
        impl Real for $type {
            const DTYPE: safetensors::Dtype = safetensors::Dtype::$dtype;

            fn of(value: f64) -> Self {
                value as Self
            }

            fn wide(self) -> f64 {
                f64::from(self)
            }

            fn write_le(self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }

            fn read_le(bytes: &[u8]) -> Vec<Self> {
                bytes.as_chunks::<$bytes>().0.iter().map(|bytes| Self::from_le_bytes(*bytes)).collect()
            }

            fn products_of_rows(x: &[Self], w: &[Self], k: usize, y: &mut [Self]) -> bool {
                $products(x, w, k, y)
            }

            fn round_to_half(values: &mut [Self]) {
                let mut narrow = [f16::ZERO; AT_ONCE];
                for part in values.chunks_mut(AT_ONCE) {
                    let narrow = &mut narrow[..part.len()];
                    narrow.$to_half(part);
                    narrow.$from_half(part);
                }
            }
        }
    };
}

/// Numbers that are rounded at once: they stay in the fastest cache.
const AT_ONCE: usize = 1024;

real!(f32, F32, 4, convert_from_f32_slice, convert_to_f32_slice, |x, w, k, y| {
    products(Isa::detect(), Rows::dense(x, k), Rows::dense(w, k), k, y);
    true
});
real!(f64, F64, 8, convert_from_f64_slice, convert_to_f64_slice, |_, _, _, _| false);

/// The numbers of a tensor of the type `dtype`, in a file's `bytes`: the nearest ones that `E` has.
pub(super) fn of_file<E: Real>(dtype: Dtype, bytes: &[u8]) -> Vec<E> {
    let halves = bytes.as_chunks::<2>().0.iter();
    match dtype {
        _ if dtype == E::DTYPE => E::read_le(bytes),
        Dtype::F16 => halves.map(|half| E::of(f16::from_le_bytes(*half).to_f64())).collect(),
        Dtype::BF16 => halves.map(|half| E::of(bf16::from_le_bytes(*half).to_f64())).collect(),
        Dtype::F64 => f64::read_le(bytes).into_iter().map(E::of).collect(),
        _ => f32::read_le(bytes).into_iter().map(|value| E::of(value.wide())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded<E: Real>(value: f64) -> f64 {
        // As part of a whole vector, and of what is left of one.
        let mut values = vec![E::of(value); 2 * AT_ONCE + 3];
        E::round_to_half(&mut values);
        assert!(values.iter().all(|x| *x == values[0]), "{value}");
        values[0].wide()
    }

    /// `torch.tensor(x).half().float()` of PyTorch 2.15.
    #[test]
    fn numbers_become_those_of_sixteen_bits() {
        let two = 2.0_f64;
        for (value, expected) in [
            (1.0 / 3.0, 0.333_251_953_125),
            (2049.0, 2048.0),
            (2051.0, 2052.0),
            (65_519.0, 65_504.0),
            (65_520.0, f64::INFINITY),
            (-1e9, f64::NEG_INFINITY),
            // Below 2⁻¹⁴ with fewer digits, down to 2⁻²⁴.
            (two.powi(-24), two.powi(-24)),
            (1.4 * two.powi(-24), two.powi(-24)),
            (two.powi(-25), 0.0),
            (1.1 * two.powi(-25), two.powi(-24)),
        ] {
            assert_eq!((rounded::<f32>(value), rounded::<f64>(value)), (expected, expected), "{value}");
        }
        let mut none = [f32::NAN];
        f32::round_to_half(&mut none);
        assert!(none[0].is_nan());
    }
}
