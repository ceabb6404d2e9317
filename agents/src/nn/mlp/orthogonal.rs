//! Orthogonal matrices, to begin training from.

use cartwheel_envs::Generator;
use rand_distr::{Distribution as _, StandardNormal};

use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::simd::Isa;

/// A random matrix `[rows, columns]`, row-major, whose rows are orthonormal (or whose columns are, where there are fewer):
/// what `torch.nn.init.orthogonal_` draws, by Gram and Schmidt's method where PyTorch has a QR decomposition.
pub(crate) fn orthogonal(rows: usize, columns: usize, rng: &mut Generator) -> Vec<f64> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let isa = Isa::detect();
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| StandardNormal.sample(rng)).collect();
        // Twice, as once leaves rounding errors of the size of what is taken away.
        for _ in 0..2 {
            for other in &vectors {
                let product = dot(isa, &vector, other);
                subtract(isa, &mut vector, product, other);
            }
        }
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        // One that lies in the span of the others, for all that can be told, is drawn again.
        if norm > 1e-6 {
            vector.iter_mut().for_each(|x| *x /= norm);
            vectors.push(vector);
        }
    }
    let at = |row: usize, column: usize| if rows <= columns { vectors[row][column] } else { vectors[column][row] };
    (0..rows * columns).map(|i| at(i / columns, i % columns)).collect()
}

vectorized! {
    /// Σ a b, in eight partial sums.
    fn dot(a: &[f64], b: &[f64]) -> f64 {
        let mut sums = [0.0; 8];
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
        for (a, b) in a.iter().zip(b) {
            for lane in 0..8 {
                sums[lane] += a[lane] * b[lane];
            }
        }
        sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
    }
}

vectorized! {
    /// a − factor · b
    fn subtract(a: &mut [f64], factor: f64, b: &[f64]) {
        a.iter_mut().zip(b).for_each(|(a, b)| *a -= factor * b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_or_columns_are_orthonormal() {
        for (rows, columns) in [(3, 8), (8, 3), (5, 5), (1, 4), (64, 64)] {
            let matrix = orthogonal(rows, columns, &mut Generator::new(3));
            let vector =
                |v: usize, i: usize| if rows <= columns { matrix[v * columns + i] } else { matrix[i * columns + v] };
            for a in 0..rows.min(columns) {
                for b in 0..=a {
                    let product: f64 = (0..rows.max(columns)).map(|i| vector(a, i) * vector(b, i)).sum();
                    assert!(
                        (product - f64::from(u8::from(a == b))).abs() < 1e-12,
                        "{rows} {columns} {a} {b}: {product}"
                    );
                }
            }
        }
        assert!(orthogonal(4, 0, &mut Generator::new(0)).is_empty());
    }
}
