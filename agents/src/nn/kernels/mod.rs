//! What everything else is computed by, written once over a small trait of vector operations.
//!
//! | file | holds |
//! |---|---|
//! | `simd` | vectors of AVX-512, AVX2 and any other machine |
//! | `matmul`, `transpose`, `sums` | products of small matrices, and what they need |
//! | `linear` | layers |
//! | `conv` | convolutions, and their gradients |
//! | `product`, `spread` | products of large matrices, and other work, over several threads |

pub(in crate::nn) mod conv;
pub(in crate::nn) mod linear;
pub(in crate::nn) mod matmul;
pub(in crate::nn) mod product;
pub(in crate::nn) mod simd;
pub(in crate::nn) mod spread;
pub(in crate::nn) mod sums;
pub(in crate::nn) mod transpose;
