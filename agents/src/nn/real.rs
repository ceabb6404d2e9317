//! The number types that supervised models are computed in.

use num_traits::Float;

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
}

macro_rules! real {
    ($type:ty, $dtype:ident, $bytes:literal) => {
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
        }
    };
}

real!(f32, F32, 4);
real!(f64, F64, 8);
