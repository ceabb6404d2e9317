//! Orthogonal matrices, to begin training from.

use cartwheel_envs::Generator;
use rand_distr::{Distribution as _, StandardNormal};

use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::product::{Matrix, product};
use crate::nn::kernels::simd::Isa;

/// Up to so many vectors are made one by one.
const FEW: usize = 512;
/// Of more, so many at a time are first made orthogonal to those that are there, by products of matrices: of 2048 vectors
/// that takes a third of the time.
const BLOCK: usize = 64;

/// A random matrix `[rows, columns]`, row-major, whose rows are orthonormal (or whose columns are, where there are fewer):
/// what `torch.nn.init.orthogonal_` draws, by Gram and Schmidt's method where PyTorch has a QR decomposition.
pub(crate) fn orthogonal(rows: usize, columns: usize, rng: &mut Generator) -> Vec<f64> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let (isa, block) = (Isa::detect(), if count <= FEW { count } else { BLOCK });
    // Row by row.
    let mut vectors: Vec<f64> = Vec::with_capacity(count * length);
    while vectors.len() < count * length {
        let before = vectors.len();
        let drawn = block.min(count - before / length);
        let mut new: Vec<f64> = (0..drawn * length).map(|_| StandardNormal.sample(rng)).collect();
        take_away(&vectors, &mut new, length);
        for vector in new.chunks_exact_mut(length) {
            // Twice, as once leaves rounding errors of the size of what is taken away.
            for _ in 0..2 {
                for other in vectors[before..].chunks_exact(length) {
                    let product = dot(isa, vector, other);
                    subtract(isa, vector, product, other);
                }
            }
            let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            // In the place of one that lies in the span of the others, for all that can be told, another is drawn.
            if norm > 1e-6 {
                vectors.extend(vector.iter().map(|x| x / norm));
            }
        }
    }
    let at = |vector: usize, i: usize| vectors[vector * length + i];
    let at = |row, column| if rows <= columns { at(row, column) } else { at(column, row) };
    (0..rows * columns).map(|i| at(i / columns, i % columns)).collect()
}

/// Takes from each of `new` what lies in the span of the orthonormal `vectors`, all of this `length`, one after the other.
fn take_away(vectors: &[f64], new: &mut [f64], length: usize) {
    if vectors.is_empty() {
        return;
    }
    let (count, drawn) = (vectors.len() / length, new.len() / length);
    let vectors = Matrix::new(vectors, count, length);
    let mut products = vec![0.0; drawn * count];
    for _ in 0..2 {
        product(Matrix::new(new, drawn, length), vectors.transposed(), &mut products, false);
        products.iter_mut().for_each(|product| *product = -*product);
        product(Matrix::new(&products, drawn, count), vectors, new, true);
    }
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
        for (rows, columns) in [(3, 8), (8, 3), (5, 5), (1, 4), (64, 64), (FEW + 70, FEW + 90), (FEW + 1, FEW + 1)] {
            let matrix = orthogonal(rows, columns, &mut Generator::new(3));
            let (count, matrix) = (rows.min(columns), Matrix::new(&matrix, rows, columns));
            let vectors = if rows <= columns { matrix } else { matrix.transposed() };
            let mut products = vec![0.0; count * count];
            product(vectors, vectors.transposed(), &mut products, false);
            for (at, product) in products.iter().enumerate() {
                let expected = f64::from(u8::from(at / count == at % count));
                assert!((product - expected).abs() < 1e-12, "{rows} {columns} {at}: {product}");
            }
        }
        assert!(orthogonal(4, 0, &mut Generator::new(0)).is_empty());
    }
}
