//! The vector operations that the matrix kernels are written in, for each instruction set they run on.
//!
//! A kernel is written once, generic over [`Simd`], and instantiated for AVX-512, AVX2 with FMA, and plain
//! arrays. [`Isa::detect`] picks the best of them at run time, so that one binary runs everywhere. The sets
//! differ in the last bits of a result (a fused multiply-add rounds once), so a run records the one it used.

#![allow(unsafe_code, reason = "intrinsics of an instruction set that is looked for at run time")]

use std::fmt;
use std::sync::LazyLock;

/// An instruction set that the kernels are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Arrays of four, which every compiler target turns into its own short vectors.
    Portable,
    /// 256-bit vectors with fused multiply-add (x86-64 from 2013 on).
    Avx2,
    /// 512-bit vectors.
    Avx512,
}

impl Isa {
    /// The best set of this machine, looked up once.
    pub fn detect() -> Self {
        static BEST: LazyLock<Isa> = LazyLock::new(|| Isa::available().last().copied().unwrap_or(Isa::Portable));
        *BEST
    }

    /// Every set this machine can run, slowest first.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Isa::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Isa::Avx2);
            }
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq");
            if wide && sets.contains(&Isa::Avx2) {
                sets.push(Isa::Avx512);
            }
        }
        sets
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        })
    }
}

/// A vector of [`Simd::LANES`] floats.
///
/// # Safety
/// Every method needs the instruction set of the implementer; `load`, `load_i8` and `store` need `LANES` valid numbers
/// at the pointer.
pub(crate) trait Simd: Copy {
    /// Floats in a vector.
    const LANES: usize;
    /// Rows of the register tile of a matrix product: as many accumulators as the set has registers for.
    const TILE_ROWS: usize;
    /// `x` in every lane.
    unsafe fn splat(x: f32) -> Self;
    /// The `LANES` floats at `from`.
    unsafe fn load(from: *const f32) -> Self;
    /// The `LANES` whole numbers at `from`.
    unsafe fn load_i8(from: *const i8) -> Self;
    /// Writes the lanes to `to`.
    unsafe fn store(self, to: *mut f32);
    /// `self * b + c`.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// The larger of each pair of lanes.
    unsafe fn max(self, other: Self) -> Self;
    /// `self - b`.
    unsafe fn sub(self, b: Self) -> Self;
    /// `self * b`.
    unsafe fn mul(self, b: Self) -> Self;
    /// The lanes where those of `y` are above 0; 0 elsewhere.
    unsafe fn where_positive(self, y: Self) -> Self;
    /// Asks for the memory at `at` to be brought near, whether there is any or not.
    #[inline(always)]
    fn ask(_at: *const f32) {}
}

impl Simd for [f32; 4] {
    const LANES: usize = 4;
    const TILE_ROWS: usize = 4;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for four floats; an array of floats has their alignment.
        unsafe { *from.cast() }
    }
    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: the caller vouches for four numbers; bytes lie anywhere.
        unsafe { *from.cast::<[i8; 4]>() }.map(f32::from)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as in `load`.
        unsafe { *to.cast() = self }
    }
    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // Not `f32::mul_add`: without the FMA instruction that is a slow library call.
        std::array::from_fn(|i| self[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i].max(other[i]))
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        std::array::from_fn(|i| self[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        std::array::from_fn(|i| self[i] * b[i])
    }
    #[inline(always)]
    unsafe fn where_positive(self, y: Self) -> Self {
        std::array::from_fn(|i| if y[i] > 0.0 { self[i] } else { 0.0 })
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    use std::arch::x86_64::*;

    macro_rules! simd {
        ($vector:ty, $lanes:literal, $rows:literal, $splat:ident, $load:ident, $load_i8:ident, $store:ident, $fma:ident, $max:ident, $sub:ident, $mul:ident, $where_positive:ident) => {
            impl Simd for $vector {
                const LANES: usize = $lanes;
                const TILE_ROWS: usize = $rows;
                #[inline(always)]
                unsafe fn splat(x: f32) -> Self {
                    // SAFETY: the trait's contract: the set is there.
                    unsafe { $splat(x) }
                }
                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: the trait's contract: the set and the floats are there; no alignment is asked.
                    unsafe { $load(from) }
                }
                #[inline(always)]
                unsafe fn load_i8(from: *const i8) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $load_i8(from) }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: as in `load`.
                    unsafe { $store(to, self) }
                }
                #[inline(always)]
                unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $fma(self, b, c) }
                }
                #[inline(always)]
                unsafe fn max(self, other: Self) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $max(self, other) }
                }
                #[inline(always)]
                unsafe fn sub(self, b: Self) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $sub(self, b) }
                }
                #[inline(always)]
                unsafe fn mul(self, b: Self) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $mul(self, b) }
                }
                #[inline(always)]
                unsafe fn where_positive(self, y: Self) -> Self {
                    // SAFETY: the trait's contract.
                    unsafe { $where_positive(self, y) }
                }
                #[inline(always)]
                fn ask(at: *const f32) {
                    // SAFETY: every x86 that is run on has it, and it changes nothing, whatever the address.
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
                }
            }
        };
    }
    /// # Safety
    /// AVX2.
    #[inline(always)]
    unsafe fn where_positive_avx2(x: __m256, y: __m256) -> __m256 {
        // SAFETY: the caller's.
        unsafe { _mm256_and_ps(x, _mm256_cmp_ps::<_CMP_GT_OQ>(y, _mm256_setzero_ps())) }
    }

    /// # Safety
    /// AVX-512.
    #[inline(always)]
    unsafe fn where_positive_avx512(x: __m512, y: __m512) -> __m512 {
        // SAFETY: the caller's.
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(y, _mm512_setzero_ps()), x) }
    }

    /// # Safety
    /// AVX2, and eight numbers at `from`.
    #[inline(always)]
    unsafe fn load_i8_avx2(from: *const i8) -> __m256 {
        // SAFETY: the caller's; no alignment is asked.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()))) }
    }

    /// # Safety
    /// AVX-512, and sixteen numbers at `from`.
    #[inline(always)]
    unsafe fn load_i8_avx512(from: *const i8) -> __m512 {
        // SAFETY: the caller's; no alignment is asked.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()))) }
    }

    simd!(
        __m256,
        8,
        6,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        load_i8_avx2,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        where_positive_avx2
    );
    simd!(
        __m512,
        16,
        8,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        load_i8_avx512,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        where_positive_avx512
    );
}
