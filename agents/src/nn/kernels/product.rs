//! Products of large matrices, by the `gemm` crate: packed, blocked, and spread over threads where that pays.
//!
//! Agents' small networks have kernels of their own (`matmul`), which need rows padded to whole vectors and are faster there.

#![allow(unsafe_code, reason = "the gemm crate takes pointers; sizes are checked before")]

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::nn::parameters::real::Real;

/// Multiplications from which a second thread pays: a third of a millisecond. To wake it takes a tenth, so that steps of the MLP
/// 784-512-256-10 on batches of 16 took 1.0 ms on two threads when this was 2²¹, and 0.4 on one.
pub(crate) const WORTH_THREADS: usize = 1 << 25;

static THREADS: AtomicUsize = AtomicUsize::new(1);

/// Over how many threads products of large matrices are spread in this process: 1 until this is called. Results do not
/// depend on it, for each number is summed by one thread.
pub fn set_threads(threads: usize) {
    static PREPARED: Once = Once::new();
    THREADS.store(threads.max(1), Ordering::Relaxed);
    if threads > 1 {
        // Threads that share a product round denormals as the one that asks for it. A pool that somebody made before stays.
        PREPARED.call_once(|| {
            let pool = rayon::ThreadPoolBuilder::new().start_handler(|_| dfdx::flush_denormals_to_zero());
            let _ = pool.build_global();
        });
    }
}

/// The number that [`set_threads`] was given.
pub fn threads() -> usize {
    THREADS.load(Ordering::Relaxed)
}

/// A read-only matrix in row-major order, as it is or transposed.
#[derive(Clone, Copy)]
pub struct Matrix<'a, E> {
    values: &'a [E],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, E> Matrix<'a, E> {
    /// `rows` rows of `columns` numbers, one after the other.
    ///
    /// # Panics
    /// If there are not as many numbers.
    pub fn new(values: &'a [E], rows: usize, columns: usize) -> Self {
        assert!(rows.checked_mul(columns) == Some(values.len()), "{} numbers are no {rows} × {columns}", values.len());
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The same numbers, rows and columns changed about.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Writes `a · b` to `to`, row-major, or adds it.
///
/// # Panics
/// If the sizes do not fit.
pub fn product<E: Real>(a: Matrix<'_, E>, b: Matrix<'_, E>, to: &mut [E], add: bool) {
    let work = a.rows.saturating_mul(b.columns).saturating_mul(a.columns);
    product_over(a, b, to, add, if work >= WORTH_THREADS { threads() } else { 1 });
}

/// [`product`] over so many threads: 1 where threads have a part of the work each already.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn product_over<E: Real>(a: Matrix<'_, E>, b: Matrix<'_, E>, to: &mut [E], add: bool, threads: usize) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert!(k == b.rows && m.checked_mul(n) == Some(to.len()), "the sizes of a matrix product do not fit");
    let parallelism = if threads > 1 { gemm::Parallelism::Rayon(threads) } else { gemm::Parallelism::None };
    let stride = |stride: usize| stride as isize;
    // SAFETY: all three matrices lie within their slices (checked by `new` and above), and `to` overlaps neither.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            to.as_mut_ptr(),
            1,
            stride(n),
            add,
            a.values.as_ptr(),
            stride(a.column_stride),
            stride(a.row_stride),
            b.values.as_ptr(),
            stride(b.column_stride),
            stride(b.row_stride),
            E::one(),
            E::one(),
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::Generator;

    fn plain(
        a: &[f64],
        b: &[f64],
        (m, n, k): (usize, usize, usize),
        entry: impl Fn(usize, usize, usize) -> (usize, usize),
    ) -> Vec<f64> {
        let cell = |i, j| (0..k).map(|l| entry(i, j, l)).map(|(at_a, at_b)| a[at_a] * b[at_b]).sum();
        (0..m * n).map(|at| cell(at / n, at % n)).collect()
    }

    #[test]
    fn products_of_all_layouts_are_those_of_a_plain_loop() {
        let mut rng = Generator::new(3);
        let (m, n, k) = (7, 5, 33);
        let mut random = |len: usize| -> Vec<f64> { (0..len).map(|_| rng.uniform(-1.0, 1.0)).collect() };
        let (a, b, start) = (random(m * k), random(k * n), random(m * n));
        let of = |values, rows, columns| Matrix::new(values, rows, columns);
        let cases = [
            (of(&a, m, k), of(&b, k, n), plain(&a, &b, (m, n, k), |i, j, l| (i * k + l, l * n + j))),
            (of(&a, m, k), of(&b, n, k).transposed(), plain(&a, &b, (m, n, k), |i, j, l| (i * k + l, j * k + l))),
            (of(&a, k, m).transposed(), of(&b, k, n), plain(&a, &b, (m, n, k), |i, j, l| (l * m + i, l * n + j))),
        ];
        for (a, b, expected) in cases {
            for add in [false, true] {
                let mut to = start.clone();
                product(a, b, &mut to, add);
                for ((got, expected), start) in to.iter().zip(&expected).zip(&start) {
                    let expected = if add { expected + start } else { *expected };
                    assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
                }
            }
        }
    }

    #[test]
    fn a_product_has_the_same_bits_with_any_number_of_threads() {
        let mut rng = Generator::new(4);
        // Large enough to be spread.
        let (m, n, k) = (260, 390, 517);
        assert!(m * n * k > WORTH_THREADS);
        let mut random = |len: usize| -> Vec<f32> { (0..len).map(|_| rng.uniform(-1.0, 1.0) as f32).collect() };
        let (a, b) = (random(m * k), random(n * k));
        let before = threads();
        let results = [1, 2, 3].map(|count| {
            set_threads(count);
            let mut to = vec![0.0; m * n];
            product(Matrix::new(&a, m, k), Matrix::new(&b, n, k).transposed(), &mut to, false);
            to
        });
        set_threads(before);
        assert_eq!(results[0], results[1]);
        assert_eq!(results[0], results[2]);
    }
}
