//! Low-rank factorization: a matrix as the product of two narrow ones, by its largest singular values (Eckart & Young 1936).

use nalgebra::{DMatrix, SymmetricEigen};

/// A matrix as `second` · `first`.
#[derive(Clone, Debug, PartialEq)]
pub struct LowRank {
    /// `[rank, columns]`, row-major.
    pub first: Vec<f32>,
    /// `[rows, rank]`, row-major.
    pub second: Vec<f32>,
}

/// The rank that is the share `ratio` of a full one, at least 1; none if the two matrices of it were no smaller than the one.
pub fn rank_of(rows: usize, columns: usize, ratio: f64) -> Option<usize> {
    let rank = ((ratio * rows.min(columns) as f64) as usize).max(1);
    (rank * (rows + columns) < rows * columns).then_some(rank)
}

/// The best approximation of `matrix`, `rows` × `columns` and row-major, that has `rank`. Both factors share the singular values
/// evenly, so that steps of an optimizer move both alike.
///
/// # Panics
/// If the matrix has another number of numbers, or `rank` is above that of a full one.
pub fn low_rank(matrix: &[f32], rows: usize, columns: usize, rank: usize) -> LowRank {
    assert!(matrix.len() == rows * columns && rank <= rows.min(columns), "a matrix and a rank of it");
    let wide = DMatrix::from_row_iterator(rows, columns, matrix.iter().map(|weight| f64::from(*weight)));
    // Singular vectors of the shorter side are eigenvectors of its Gram matrix. In f64 that loses what is 1e-8 of the largest
    // singular value or less, which f32 does not hold either.
    let is_tall = rows > columns;
    let gram = if is_tall { wide.tr_mul(&wide) } else { &wide * wide.transpose() };
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(gram);
    let mut order: Vec<usize> = (0..eigenvalues.len()).collect();
    order.sort_by(|a, b| eigenvalues[*b].total_cmp(&eigenvalues[*a]));
    let basis = eigenvectors.select_columns(order[..rank].iter());
    // The other side times the singular values.
    let other = if is_tall { &wide * &basis } else { basis.tr_mul(&wide) };
    let roots: Vec<f64> = order[..rank].iter().map(|at| eigenvalues[*at].max(0.0).sqrt().sqrt()).collect();
    let up = |at: usize| roots[at];
    let down = |at: usize| if roots[at] > 0.0 { roots[at].recip() } else { 0.0 };
    let (second, first) = if is_tall { (other, basis.transpose()) } else { (basis, other) };
    let (of_second, of_first): (&dyn Fn(usize) -> f64, &dyn Fn(usize) -> f64) =
        if is_tall { (&down, &up) } else { (&up, &down) };
    let first = (0..rank * columns).map(|at| (first[(at / columns, at % columns)] * of_first(at / columns)) as f32);
    let second = (0..rows * rank).map(|at| (second[(at / rank, at % rank)] * of_second(at % rank)) as f32);
    LowRank { first: first.collect(), second: second.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(factors: &LowRank, rows: usize, columns: usize) -> Vec<f64> {
        let rank = factors.first.len() / columns;
        let of = |row: usize, column: usize| {
            let terms = (0..rank)
                .map(|at| f64::from(factors.second[row * rank + at]) * f64::from(factors.first[at * columns + column]));
            terms.sum()
        };
        (0..rows * columns).map(|at| of(at / columns, at % columns)).collect()
    }

    /// The Frobenius norm of what is missing.
    fn error(factors: &LowRank, matrix: &[f32], rows: usize, columns: usize) -> f64 {
        let product = product(factors, rows, columns);
        product.iter().zip(matrix).map(|(a, b)| (a - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
    }

    /// By NumPy: `np.linalg.svd(A)[1]` of the matrices; an error is the root of the squares that are left out (Eckart & Young).
    #[test]
    fn what_is_missing_are_the_smallest_singular_values() {
        let wide = [3.0, 1.0, -2.0, 0.5, 0.0, 2.0, 1.0, -1.0, 4.0, -3.0, 0.25, 1.5];
        let tall: Vec<f32> = (0..12).map(|at| wide[at % 3 * 4 + at / 3]).collect();
        let singular = [5.80758542, 3.26996405, 1.77250859];
        for (matrix, rows, columns) in [(&wide[..], 3, 4), (&tall[..], 4, 3)] {
            for rank in 1..=3 {
                let factors = low_rank(matrix, rows, columns, rank);
                let expected = singular[rank..].iter().map(|s: &f64| s * s).sum::<f64>().sqrt();
                let error = error(&factors, matrix, rows, columns);
                assert!((error - expected).abs() < 1e-6, "{rows} × {columns}, rank {rank}: {error}, not {expected}");
                // Both factors share the singular values.
                let norm = |values: &[f32]| values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
                let values = singular[..rank].iter().sum::<f64>();
                assert!((norm(&factors.first) - values).abs() < 1e-5 && (norm(&factors.second) - values).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn nothing_is_of_rank_0_and_no_product_is_larger_than_its_matrix() {
        assert_eq!(low_rank(&[0.0; 6], 2, 3, 1), LowRank { first: vec![0.0; 3], second: vec![0.0; 2] });
        assert_eq!(rank_of(64, 144, 0.1), Some(6));
        assert_eq!(rank_of(5, 144, 0.1), Some(1));
        assert_eq!(rank_of(10, 64, 0.5), Some(5));
        assert_eq!((rank_of(10, 10, 0.5), rank_of(10, 10, 0.49), rank_of(1, 9, 0.5)), (None, Some(4), None));
    }
}
