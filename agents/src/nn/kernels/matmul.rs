//! The one matrix product that networks are made of, and the loops that vectorize by themselves.
//!
//! `C[m, n] = A[m, k] · B[k, n]`, with B and C row-major and n a multiple of [`PAD`], A with any strides or wherever its
//! rows and columns lie (so that neither a transposed A nor the patches of an image need a copy). Each element of C is a sum over k in rising order, whatever tile it
//! falls in: a row's result does not depend on how many rows come with it, which is what lets one actor or
//! four give the same bits.

#![allow(unsafe_code, reason = "kernels built for an instruction set that is looked for at run time")]

use std::ops::Range;

use super::simd::{Isa, Simd};
use crate::nn::mlp::activation::{Activation, LEAK};

/// Row lengths of B and C are multiples of this: the widest vector.
pub(crate) const PAD: usize = 16;

/// `n` rounded up to a multiple of [`PAD`].
pub(crate) const fn pad(n: usize) -> usize {
    n.div_ceil(PAD) * PAD
}

/// A left matrix that is read where it lies: the float of row i and column s is the one at `row(i) + column(s)`.
///
/// # Safety
/// For all rows below `m` and columns below `k`, that sum is at most `reach(m, k)`.
pub(crate) unsafe trait Left: Copy {
    /// Where the matrix lies.
    fn data(&self) -> &[f32];
    /// What row `i` adds to the place.
    fn row(&self, i: usize) -> usize;
    /// What column `s` adds to it.
    fn column(&self, s: usize) -> usize;
    /// The furthest place of the first `m` rows and `k` columns, both more than 0; none if that overflows or there are not
    /// so many.
    fn reach(&self, m: usize, k: usize) -> Option<usize>;
}

/// A read-only matrix with a row and a column stride, in floats.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    data: &'a [f32],
    row: usize,
    column: usize,
}

impl<'a> Strided<'a> {
    /// Rows of `width` one after the other.
    pub(crate) fn rows(data: &'a [f32], width: usize) -> Self {
        Self { data, row: width, column: 1 }
    }

    /// Rows of `width`, of which only the first columns are used: the caller's `k` says how many.
    pub(crate) fn transposed(data: &'a [f32], width: usize) -> Self {
        Self { data, row: 1, column: width }
    }
}

// SAFETY: products with a stride are greatest for the last row and column.
unsafe impl Left for Strided<'_> {
    #[inline(always)]
    fn data(&self) -> &[f32] {
        self.data
    }
    #[inline(always)]
    fn row(&self, i: usize) -> usize {
        i * self.row
    }
    #[inline(always)]
    fn column(&self, s: usize) -> usize {
        s * self.column
    }
    fn reach(&self, m: usize, k: usize) -> Option<usize> {
        (m - 1).checked_mul(self.row)?.checked_add((k - 1).checked_mul(self.column)?)
    }
}

/// Places of a [`Gathered`] matrix's rows or columns, each no less than the one before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Vec<u32>);

impl Places {
    /// These.
    ///
    /// # Panics
    /// If one is less than the one before, or none of 32 bits.
    pub(crate) fn new(places: impl Iterator<Item = usize>) -> Self {
        let places: Vec<u32> = places.map(|at| u32::try_from(at).expect("a place of 32 bits")).collect();
        assert!(places.is_sorted(), "places that do not rise");
        Self(places)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A read-only matrix whose rows and columns lie anywhere: the patches of an image, which are never copied.
#[derive(Clone, Copy)]
pub(crate) struct Gathered<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) rows: &'a Places,
    pub(crate) columns: &'a Places,
}

// SAFETY: places rise, so that the last are the greatest; those that are not there have no reach.
unsafe impl Left for Gathered<'_> {
    #[inline(always)]
    fn data(&self) -> &[f32] {
        self.data
    }
    #[inline(always)]
    fn row(&self, i: usize) -> usize {
        debug_assert!(i < self.rows.len());
        // SAFETY: `matmul` asked for the reach of all rows that are read.
        unsafe { *self.rows.0.get_unchecked(i) as usize }
    }
    #[inline(always)]
    fn column(&self, s: usize) -> usize {
        debug_assert!(s < self.columns.len());
        // SAFETY: as above.
        unsafe { *self.columns.0.get_unchecked(s) as usize }
    }
    fn reach(&self, m: usize, k: usize) -> Option<usize> {
        (*self.rows.0.get(m - 1)? as usize).checked_add(*self.columns.0.get(k - 1)? as usize)
    }
}

/// What a sum begins with and what becomes of it.
#[derive(Clone, Copy)]
pub(crate) enum Epilogue<'a> {
    /// C = A·B
    Zero,
    /// C += A·B
    Accumulate,
    /// C = A·B + bias
    Bias(&'a [f32]),
    /// C = max(A·B + bias, 0)
    BiasRelu(&'a [f32]),
    /// C = A·B times the gradient of an activation, whose outputs lie as C does
    ByGrad(Activation, &'a [f32]),
}

/// Writes `A · B` with its [`Epilogue`] to the first `m · n` floats of `c`.
///
/// # Panics
/// If a slice is shorter than its shape says or `n` is no multiple of [`PAD`].
#[allow(clippy::too_many_arguments, reason = "three matrices, three sizes")]
pub(crate) fn matmul(
    isa: Isa,
    m: usize,
    n: usize,
    k: usize,
    a: impl Left,
    b: &[f32],
    c: &mut [f32],
    epilogue: Epilogue<'_>,
) {
    matmul_columns(isa, m, n, 0..n, k, a, b, c, epilogue);
}

/// The same of some `columns` of B and C alone, from and to a multiple of [`PAD`].
///
/// # Panics
/// As [`matmul`], or if there are no such columns.
#[allow(clippy::too_many_arguments, reason = "three matrices, their sizes")]
pub(crate) fn matmul_columns(
    isa: Isa,
    m: usize,
    n: usize,
    columns: Range<usize>,
    k: usize,
    a: impl Left,
    b: &[f32],
    c: &mut [f32],
    epilogue: Epilogue<'_>,
) {
    if m == 0 || columns.is_empty() {
        return;
    }
    let whole = columns.start.is_multiple_of(PAD) && columns.end.is_multiple_of(PAD);
    assert!(whole && columns.end <= n, "columns that a product does not have");
    // Sizes that overflow are as wrong as slices that are too short.
    let fits = |slice: &[f32], rows: usize| rows.checked_mul(n).is_some_and(|size| slice.len() >= size);
    assert!(n.is_multiple_of(PAD) && fits(c, m) && fits(b, k), "a product's B or C is too small");
    assert!(k == 0 || a.reach(m, k).is_some_and(|reach| a.data().len() > reach), "a product's A is too small");
    if let Epilogue::Bias(bias) | Epilogue::BiasRelu(bias) = epilogue {
        assert!(bias.len() >= n, "a product's bias is too small");
    }
    if let Epilogue::ByGrad(_, outputs) = epilogue {
        assert!(fits(outputs, m), "a product's activations are too few");
    }
    // SAFETY: the slices hold what the tiles touch (checked above), and `Isa` values come from detection.
    unsafe {
        match isa {
            Isa::Portable => product::<[f32; 4], _>(m, n, columns, k, a, b, c, epilogue),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => product_avx2(m, n, columns, k, a, b, c, epilogue),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => product_avx512(m, n, columns, k, a, b, c, epilogue),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => unreachable!("these sets are x86's"),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[allow(clippy::too_many_arguments, reason = "as `matmul_columns`")]
unsafe fn product_avx2(
    m: usize,
    n: usize,
    columns: Range<usize>,
    k: usize,
    a: impl Left,
    b: &[f32],
    c: &mut [f32],
    epilogue: Epilogue<'_>,
) {
    // SAFETY: the caller's.
    unsafe { product::<std::arch::x86_64::__m256, _>(m, n, columns, k, a, b, c, epilogue) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
#[allow(clippy::too_many_arguments, reason = "as `matmul_columns`")]
unsafe fn product_avx512(
    m: usize,
    n: usize,
    columns: Range<usize>,
    k: usize,
    a: impl Left,
    b: &[f32],
    c: &mut [f32],
    epilogue: Epilogue<'_>,
) {
    // SAFETY: the caller's.
    unsafe { product::<std::arch::x86_64::__m512, _>(m, n, columns, k, a, b, c, epilogue) }
}

/// Splits C into register tiles: two vectors wide where that fits, `TILE_ROWS` rows high, then what is left.
///
/// # Safety
/// The instruction set of `S`, and the sizes that [`matmul`] checks.
#[allow(clippy::too_many_arguments, reason = "as `matmul_columns`")]
#[inline(always)]
unsafe fn product<S: Simd, A: Left>(
    m: usize,
    n: usize,
    columns: Range<usize>,
    k: usize,
    a: A,
    b: &[f32],
    c: &mut [f32],
    epilogue: Epilogue<'_>,
) {
    let mut j = columns.start;
    // With a row or two (an actor's few environments) wide tiles hide the latency that tall ones would.
    if m < 4 {
        while j + 4 * S::LANES <= columns.end {
            // SAFETY: columns j.. of the checked shape.
            unsafe { column_of_tiles::<S, A, 4>(m, n, k, a, b, c, epilogue, j) };
            j += 4 * S::LANES;
        }
    }
    while j + 2 * S::LANES <= columns.end {
        // SAFETY: as above.
        unsafe { column_of_tiles::<S, A, 2>(m, n, k, a, b, c, epilogue, j) };
        j += 2 * S::LANES;
    }
    while j + S::LANES <= columns.end {
        // SAFETY: as above.
        unsafe { column_of_tiles::<S, A, 1>(m, n, k, a, b, c, epilogue, j) };
        j += S::LANES;
    }
}

/// All rows of the `V` vectors of columns from `j` on.
#[allow(clippy::too_many_arguments, reason = "inlined into `product`")]
#[inline(always)]
unsafe fn column_of_tiles<S: Simd, A: Left, const V: usize>(
    m: usize,
    n: usize,
    k: usize,
    a: A,
    b: &[f32],
    c: &mut [f32],
    epilogue: Epilogue<'_>,
    j: usize,
) {
    let mut i = 0;
    macro_rules! tiles {
        ($rows:literal) => {
            for _ in 0..(m - i) / $rows {
                // SAFETY: rows i.. and columns j.. of the checked shape.
                unsafe { tile::<S, A, $rows, V>(n, k, a, b, c, epilogue, i, j) };
                i += $rows;
            }
        };
    }
    if V <= 2 && S::TILE_ROWS >= 8 {
        tiles!(8);
    }
    if V <= 2 && S::TILE_ROWS == 6 {
        tiles!(6);
    }
    if V <= 2 {
        tiles!(4);
    } else {
        tiles!(2);
    }
    tiles!(1);
}

/// One register tile: `R` rows by `V` vectors, accumulated over all of k without touching memory.
#[allow(clippy::too_many_arguments, reason = "inlined into `column_of_tiles`")]
#[allow(clippy::needless_range_loop, reason = "indices unroll into registers")]
#[inline(always)]
unsafe fn tile<S: Simd, A: Left, const R: usize, const V: usize>(
    n: usize,
    k: usize,
    a: A,
    b: &[f32],
    c: &mut [f32],
    epilogue: Epilogue<'_>,
    i: usize,
    j: usize,
) {
    // SAFETY: `matmul` checked that A, B, C and the bias hold every element addressed here.
    unsafe {
        let c = c.as_mut_ptr().add(i * n + j);
        let mut sums = [[S::splat(0.0); V]; R];
        match epilogue {
            Epilogue::Zero | Epilogue::ByGrad(..) => {}
            Epilogue::Accumulate => {
                for r in 0..R {
                    for v in 0..V {
                        sums[r][v] = S::load(c.add(r * n + v * S::LANES));
                    }
                }
            }
            Epilogue::Bias(bias) | Epilogue::BiasRelu(bias) => {
                for v in 0..V {
                    let bias = S::load(bias.as_ptr().add(j + v * S::LANES));
                    for r in 0..R {
                        sums[r][v] = bias;
                    }
                }
            }
        }
        // With k = 0 nothing is read, and there may be nothing to point into.
        let b = b.as_ptr().wrapping_add(j);
        let a_rows: [*const f32; R] = std::array::from_fn(|r| a.data().as_ptr().wrapping_add(a.row(i + r)));
        for step in 0..k {
            let mut row = [S::splat(0.0); V];
            for v in 0..V {
                row[v] = S::load(b.add(step * n + v * S::LANES));
            }
            let at = a.column(step);
            for r in 0..R {
                let x = S::splat(*a_rows[r].wrapping_add(at));
                for v in 0..V {
                    sums[r][v] = x.mul_add(row[v], sums[r][v]);
                }
            }
        }
        let zero = S::splat(0.0);
        match epilogue {
            Epilogue::BiasRelu(_) => finish(c, n, sums, |sum, _| sum.max(zero)),
            Epilogue::ByGrad(activation, outputs) => {
                let y = |at| S::load(outputs.as_ptr().add(i * n + j + at));
                match activation {
                    Activation::Relu => finish(c, n, sums, |sum, at| sum.where_positive(y(at))),
                    Activation::Tanh => {
                        finish(c, n, sums, |sum, at| sum.mul(S::splat(1.0).sub(y(at).mul(y(at)))));
                    }
                    Activation::Elu => {
                        finish(c, n, sums, |sum, at| sum.mul(S::splat(1.0).sub(zero.sub(y(at)).max(zero))));
                    }
                    Activation::LeakyRelu => {
                        let grad = |at| S::splat(1.0).where_positive(y(at)).max(S::splat(LEAK));
                        finish(c, n, sums, |sum, at| sum.mul(grad(at)));
                    }
                }
            }
            Epilogue::Zero | Epilogue::Accumulate | Epilogue::Bias(_) => finish(c, n, sums, |sum, _| sum),
        }
    }
}

/// Writes what becomes of a tile's sums; `of` is told where in the tile a vector lies.
///
/// # Safety
/// The instruction set of `S`, and a tile at `c` whose rows are `n` apart.
#[inline(always)]
unsafe fn finish<S: Simd, const R: usize, const V: usize>(
    c: *mut f32,
    n: usize,
    sums: [[S; V]; R],
    of: impl Fn(S, usize) -> S,
) {
    for (r, sums) in sums.into_iter().enumerate() {
        for (v, sum) in sums.into_iter().enumerate() {
            let at = r * n + v * S::LANES;
            // SAFETY: the caller's.
            unsafe { of(sum, at).store(c.add(at)) };
        }
    }
}

/// Declares a safe function whose body is compiled for each instruction set and picked at run time: for
/// plain loops that the compiler turns into vectors.
macro_rules! vectorized {
    ($(#[$doc:meta])* $visibility:vis fn $name:ident<$real:ident: $bound:path>($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(unsafe_code, reason = "calls the build for an instruction set that `isa` says is there")]
        $visibility fn $name<$real: $bound>(isa: $crate::nn::Isa, $($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body<$real: $bound>($($argument: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2<$real: $bound>($($argument: $type),*) $(-> $result)? { body($($argument),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
            unsafe fn avx512<$real: $bound>($($argument: $type),*) $(-> $result)? { body($($argument),*) }
            match isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `Isa` values come from detection.
                $crate::nn::Isa::Avx2 => unsafe { avx2($($argument),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                $crate::nn::Isa::Avx512 => unsafe { avx512($($argument),*) },
                _ => body($($argument),*),
            }
        }
    };
    ($(#[$doc:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(unsafe_code, reason = "calls the build for an instruction set that `isa` says is there")]
        $visibility fn $name(isa: $crate::nn::Isa, $($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($argument: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($argument: $type),*) $(-> $result)? { body($($argument),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
            unsafe fn avx512($($argument: $type),*) $(-> $result)? { body($($argument),*) }
            match isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `Isa` values come from detection.
                $crate::nn::Isa::Avx2 => unsafe { avx2($($argument),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                $crate::nn::Isa::Avx512 => unsafe { avx512($($argument),*) },
                _ => body($($argument),*),
            }
        }
    };
}
pub(crate) use vectorized;

#[cfg(test)]
#[path = "matmul_tests.rs"]
mod tests;
