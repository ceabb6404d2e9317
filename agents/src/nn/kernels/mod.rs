//! What everything else is computed by, written once over a small trait of vector operations.
//!
//! | file | holds |
//! |---|---|
//! | `simd` | vectors of AVX-512, AVX2 and any other machine |
//! | `matmul`, `transpose`, `sums` | products of small matrices, and what they need |
//! | `linear` | layers |
//! | `conv` | convolutions, and their gradients |
//! | `product`, `spread` | products of large matrices, and other work, over several threads |

pub(crate) mod conv;
pub(crate) mod linear;
pub(crate) mod matmul;
pub(crate) mod product;
pub(crate) mod simd;
pub(crate) mod spread;
pub(crate) mod sums;
pub(crate) mod transpose;
