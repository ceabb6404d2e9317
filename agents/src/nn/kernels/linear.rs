//! `Y[m, n] = X[m, k] · W[n, k]ᵀ`: a linear map whose weights lie as PyTorch and safetensors have them, without copies.
//!
//! Both sides are read along their rows, so weights stream through memory once in the order in which they lie, which is all
//! that counts with a few rows of X, as in generating text. Each element of Y is one sum with the same order of additions whatever
//! tile or thread it falls to: a row's result depends neither on the rows that come with it nor on the number of threads.

#![allow(unsafe_code, reason = "kernels built for an instruction set that is looked for at run time")]

use rayon::prelude::*;

use super::simd::{Isa, Simd};

/// Multiplications from which a product is shared between threads: below, waking one takes longer.
const GRAIN: usize = 1 << 17;

/// Floats of X that are multiplied with all of W before the next ones are: they stay in the second-level cache.
const CACHED: usize = 1 << 15;

/// The most rows of W that a tile has.
const TILE: usize = 8;

/// Rows of X with which a product waits for W: what the next tile reads of it is asked for while this one is worked on.
const FEW_ROWS: usize = 16;

/// A number of W in memory.
pub(crate) trait Weight: Copy + Sync {
    /// As many as a vector holds, as floats.
    ///
    /// # Safety
    /// The instruction set of `S`, and `S::LANES` of them at `from`.
    unsafe fn load<S: Simd>(from: *const Self) -> S;

    /// One as a float.
    fn wide(self) -> f32;
}

impl Weight for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> S {
        // SAFETY: the caller's.
        unsafe { S::load(from) }
    }

    #[inline(always)]
    fn wide(self) -> f32 {
        self
    }
}

impl Weight for i8 {
    #[inline(always)]
    unsafe fn load<S: Simd>(from: *const Self) -> S {
        // SAFETY: the caller's.
        unsafe { S::load_i8(from) }
    }

    #[inline(always)]
    fn wide(self) -> f32 {
        self.into()
    }
}

/// Rows of equal length at equal distances.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, W = f32> {
    data: &'a [W],
    /// Numbers from one row to the next.
    stride: usize,
    /// How many rows.
    count: usize,
}

impl<'a, W> Rows<'a, W> {
    /// Rows of `width` one after the other.
    pub(crate) fn dense(data: &'a [W], width: usize) -> Self {
        Self { data, stride: width, count: data.len() / width.max(1) }
    }

    /// `count` rows, the first at the start of `data`, the next `stride` numbers further on.
    pub(crate) fn strided(data: &'a [W], stride: usize, count: usize) -> Self {
        Self { data, stride, count }
    }

    /// Whether there are `k` numbers of every row.
    fn hold(&self, k: usize) -> bool {
        let last = (self.count - 1).checked_mul(self.stride).and_then(|last| last.checked_add(k));
        last.is_some_and(|end| end <= self.data.len())
    }
}

/// `y = x · wᵀ` with rows of `k` numbers in `x` and `w` and of as many floats as `w` has rows in `y`, on all threads of the
/// current pool of rayon where that pays.
///
/// # Panics
/// If a slice is no whole number of rows, or `y` is of another size.
pub(crate) fn linear<W: Weight>(isa: Isa, x: &[f32], w: &[W], k: usize, y: &mut [f32]) {
    let (m, n) = (x.len() / k, w.len() / k);
    assert!(x.len() == m * k && w.len() == n * k && y.len() == m * n, "a linear map's sizes do not agree");
    let threads = if m * n * k < GRAIN { 1 } else { rayon::current_num_threads() };
    let rows = |x: &[f32], w: &[W], y: &mut [f32]| products(isa, Rows::dense(x, k), Rows::dense(w, k), k, y);
    if threads == 1 {
        rows(x, w, y);
    } else if m == 1 {
        let share = n.div_ceil(threads).next_multiple_of(TILE);
        y.par_chunks_mut(share).zip(w.par_chunks(share * k)).for_each(|(y, w)| rows(x, w, y));
    } else if m >= 16 * threads {
        let share = m.div_ceil(threads);
        y.par_chunks_mut(share * n).zip(x.par_chunks(share * k)).for_each(|(y, x)| rows(x, w, y));
    } else {
        // Few rows: each thread reads its share of W only, and its columns are put in their places afterwards.
        let share = n.div_ceil(threads).next_multiple_of(TILE);
        let of_share = |w: &[W]| {
            let mut part = vec![0.0; m * (w.len() / k)];
            rows(x, w, &mut part);
            part
        };
        let parts: Vec<Vec<f32>> = w.par_chunks(share * k).map(of_share).collect();
        for (j, part) in parts.iter().enumerate() {
            let width = part.len() / m;
            for (y, part) in y.chunks_exact_mut(n).zip(part.chunks_exact(width)) {
                y[j * share..j * share + width].copy_from_slice(part);
            }
        }
    }
}

/// The product of the first `k` floats of each row of `a` with those of each row of `b`, row after row of `a` to `c`, on this
/// thread.
///
/// # Panics
/// If a slice is shorter than its rows say.
pub(crate) fn products<W: Weight>(isa: Isa, a: Rows<'_>, b: Rows<'_, W>, k: usize, c: &mut [f32]) {
    if a.count == 0 || b.count == 0 {
        return;
    }
    let fits = a.count.checked_mul(b.count).is_some_and(|size| size <= c.len());
    assert!(a.hold(k) && b.hold(k) && fits, "a product's slice is too small");
    // SAFETY: the slices hold what the tiles touch (checked above), and `Isa` values come from detection.
    unsafe {
        match isa {
            Isa::Portable => blocks::<[f32; 4], W>(a, b, k, c),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => blocks_avx2(a, b, k, c),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => blocks_avx512(a, b, k, c),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => unreachable!("these sets are x86's"),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn blocks_avx2<W: Weight>(a: Rows<'_>, b: Rows<'_, W>, k: usize, c: &mut [f32]) {
    // SAFETY: the caller's.
    unsafe { blocks::<std::arch::x86_64::__m256, W>(a, b, k, c) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn blocks_avx512<W: Weight>(a: Rows<'_>, b: Rows<'_, W>, k: usize, c: &mut [f32]) {
    // SAFETY: the caller's.
    unsafe { blocks::<std::arch::x86_64::__m512, W>(a, b, k, c) }
}

/// All of C: as many rows of A as stay in the cache, and with them all rows of B in tiles.
///
/// # Safety
/// The instruction set of `S`, and the sizes that [`products`] checks.
#[inline(always)]
unsafe fn blocks<S: Simd, W: Weight>(a: Rows<'_>, b: Rows<'_, W>, k: usize, c: &mut [f32]) {
    let block = (CACHED / k.max(1)).next_multiple_of(3).max(3);
    for first in (0..a.count).step_by(block) {
        let rows = block.min(a.count - first);
        let mut j = 0;
        macro_rules! tiles {
            ($columns:literal) => {
                for _ in 0..(b.count - j) / $columns {
                    // SAFETY: rows first..first + rows of A and j.. of B are within the checked shapes.
                    unsafe { column::<S, W, $columns>(a, b, k, c, first, rows, j) };
                    j += $columns;
                }
            };
        }
        // One row alone needs more sums under way to hide the latency of an addition.
        if rows == 1 {
            tiles!(8);
        }
        tiles!(4);
        tiles!(1);
    }
}

/// `rows` rows of A from `first` on, with `N` rows of B from `j` on.
///
/// # Safety
/// As of [`blocks`].
#[inline(always)]
unsafe fn column<S: Simd, W: Weight, const N: usize>(
    a: Rows<'_>,
    b: Rows<'_, W>,
    k: usize,
    c: &mut [f32],
    first: usize,
    rows: usize,
    j: usize,
) {
    let (mut i, end) = (first, first + rows);
    macro_rules! tiles {
        ($rows:literal) => {
            for _ in 0..(end - i) / $rows {
                // SAFETY: rows i.. of A and j.. of B are within the checked shapes.
                unsafe {
                    match i == first && rows <= FEW_ROWS {
                        true => tile::<S, W, $rows, N, true>(a, b, k, c, i, j),
                        false => tile::<S, W, $rows, N, false>(a, b, k, c, i, j),
                    }
                }
                i += $rows;
            }
        };
    }
    if N <= 4 {
        tiles!(3);
        tiles!(2);
    }
    tiles!(1);
}

/// One register tile: `M` rows of A by `N` rows of B.
///
/// # Safety
/// As of [`blocks`].
#[allow(clippy::needless_range_loop, reason = "indices unroll into registers")]
#[inline(always)]
unsafe fn tile<S: Simd, W: Weight, const M: usize, const N: usize, const AHEAD: bool>(
    a: Rows<'_>,
    b: Rows<'_, W>,
    k: usize,
    c: &mut [f32],
    i: usize,
    j: usize,
) {
    // SAFETY: `products` checked that A and B hold k numbers of every row and C every element.
    unsafe {
        let (at, bt) = (a.data.as_ptr().add(i * a.stride), b.data.as_ptr().add(j * b.stride));
        let mut sums = [[S::splat(0.0); N]; M];
        let whole = k - k % S::LANES;
        let mut s = 0;
        while s < whole {
            let mut x = [S::splat(0.0); M];
            for r in 0..M {
                x[r] = S::load(at.add(r * a.stride + s));
            }
            if AHEAD {
                // The processor by itself begins anew with each row. Eight texts were translated half as fast again with this.
                for l in 0..N {
                    S::ask(bt.wrapping_add((N + l) * b.stride + s).cast());
                }
            }
            for l in 0..N {
                let w: S = W::load(bt.add(l * b.stride + s));
                for r in 0..M {
                    sums[r][l] = x[r].mul_add(w, sums[r][l]);
                }
            }
            s += S::LANES;
        }
        for r in 0..M {
            for l in 0..N {
                let mut sum = total(sums[r][l]);
                for s in whole..k {
                    sum += *at.add(r * a.stride + s) * (*bt.add(l * b.stride + s)).wide();
                }
                *c.get_unchecked_mut((i + r) * b.count + j + l) = sum;
            }
        }
    }
}

/// The sum of the lanes, halves first.
///
/// # Safety
/// The instruction set of `S`.
#[inline(always)]
unsafe fn total<S: Simd>(vector: S) -> f32 {
    const WIDEST: usize = 16;
    let mut lanes = [0.0f32; WIDEST];
    // SAFETY: no vector is wider than the array.
    unsafe { vector.store(lanes.as_mut_ptr()) };
    let mut width = S::LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::Generator;

    fn random(rng: &mut Generator, n: usize) -> Vec<f32> {
        (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect()
    }

    /// Every instruction set and remainder against a plain triple loop, with gaps between the rows of B.
    #[test]
    fn products_agree_with_a_plain_loop() {
        let mut rng = Generator::new(1);
        for isa in Isa::available() {
            for (m, n, k) in [(1, 1, 1), (1, 19, 33), (2, 9, 16), (3, 4, 64), (7, 13, 40), (13, 6, 17), (4, 8, 0)] {
                let stride = k + 5;
                let (a, b) = (random(&mut rng, m * k), random(&mut rng, n * stride));
                let mut c = vec![f32::NAN; m * n];
                let a_rows = Rows::strided(&a, k, m);
                products(isa, a_rows, Rows::strided(&b, stride, n), k, &mut c);
                for i in 0..m {
                    for j in 0..n {
                        let product = |s: usize| f64::from(a[i * k + s]) * f64::from(b[j * stride + s]);
                        let (expected, found) = ((0..k).map(product).sum::<f64>(), f64::from(c[i * n + j]));
                        assert!((found - expected).abs() < 1e-5, "{isa} {m}×{n}×{k} at {i},{j}: {found}, {expected}");
                    }
                }
            }
        }
    }

    /// Whole numbers are the floats that they stand for, to the last bit.
    #[test]
    fn products_with_whole_numbers_are_those_with_floats() {
        let mut rng = Generator::new(3);
        for isa in Isa::available() {
            for (m, n, k) in [(1, 19, 33), (3, 4, 64), (7, 13, 40), (2, 1, 5)] {
                let x = random(&mut rng, m * k);
                let whole: Vec<i8> = (0..n * k).map(|at| ((at * 89) % 255) as u8 as i8).collect();
                let floats: Vec<f32> = whole.iter().map(|w| f32::from(*w)).collect();
                let [mut got, mut expected] = [0, 1].map(|_| vec![f32::NAN; m * n]);
                linear(isa, &x, &whole, k, &mut got);
                linear(isa, &x, &floats, k, &mut expected);
                assert!(got == expected, "{isa} {m}×{n}×{k}");
            }
        }
    }

    /// What makes a text's translation independent of what is translated beside it, and of the machine's cores.
    #[test]
    fn neither_other_rows_nor_threads_change_a_row() {
        let mut rng = Generator::new(2);
        let (n, k) = (203, 301);
        let w = random(&mut rng, n * k);
        for isa in Isa::available() {
            for m in [1, 5, 70] {
                let x = random(&mut rng, m * k);
                let mut alone = vec![0.0; m * n];
                for (x, y) in x.chunks_exact(k).zip(alone.chunks_exact_mut(n)) {
                    products(isa, Rows::dense(x, k), Rows::dense(&w, k), k, y);
                }
                for threads in [1, 2, 3] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                    let mut y = vec![0.0; m * n];
                    pool.install(|| linear(isa, &x, &w, k, &mut y));
                    assert!(y == alone, "{isa}, {m} rows, {threads} threads");
                }
            }
        }
    }
}
