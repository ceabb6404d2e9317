//! Sums over the rows and over the columns of matrices, beside the products of `matmul`.

use super::matmul::{PAD, vectorized};

vectorized! {
    /// The product of each row of `a` with each row of `b`, both of `n` floats, a multiple of [`PAD`]: row after row of
    /// `a` to `to`.
    pub(crate) fn products_of_rows(a: &[f32], b: &[f32], n: usize, to: &mut [f32]) {
        let columns = b.len() / n;
        for (a, to) in a.chunks_exact(n).zip(to.chunks_exact_mut(columns.max(1))) {
            for (b, to) in b.chunks_exact(n).zip(to) {
                let mut sums = [0.0f32; PAD];
                for (a, b) in a.as_chunks::<PAD>().0.iter().zip(b.as_chunks::<PAD>().0) {
                    for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                        *sum += a * b;
                    }
                }
                *to = sums.iter().sum();
            }
        }
    }
}

vectorized! {
    /// Adds the sum over the rows of `matrix` to `sums`, one float a column.
    pub(crate) fn add_column_sums(matrix: &[f32], sums: &mut [f32]) {
        let (n, mut at) = (sums.len(), 0);
        // As many columns at once as stay in registers.
        macro_rules! columns {
            ($count:literal) => {
                while at + $count * PAD <= n {
                    let mut own = [[0.0f32; PAD]; $count];
                    own.iter_mut().zip(sums[at..].as_chunks().0).for_each(|(own, sums)| *own = *sums);
                    for row in matrix.chunks_exact(n) {
                        for (own, x) in own.iter_mut().zip(row[at..at + $count * PAD].as_chunks::<PAD>().0) {
                            own.iter_mut().zip(x).for_each(|(sum, x)| *sum += *x);
                        }
                    }
                    sums[at..].as_chunks_mut().0.iter_mut().zip(own).for_each(|(sums, own)| *sums = own);
                    at += $count * PAD;
                }
            };
        }
        columns!(4);
        columns!(1);
        for row in matrix.chunks_exact(n) {
            sums[at..].iter_mut().zip(&row[at..]).for_each(|(sum, x)| *sum += *x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Isa;
    use cartwheel_envs::Generator;

    fn random(rng: &mut Generator, n: usize) -> Vec<f32> {
        (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect()
    }

    #[test]
    fn sums_of_columns_begin_with_what_is_there() {
        let mut rng = Generator::new(4);
        for isa in Isa::available() {
            for (rows, n) in [(1, 1), (5, 16), (3, 37), (7, 64), (9, 150)] {
                let (matrix, before) = (random(&mut rng, rows * n), random(&mut rng, n));
                let mut sums = before.clone();
                add_column_sums(isa, &matrix, &mut sums);
                for (c, (sum, before)) in sums.iter().zip(before).enumerate() {
                    let expected = matrix.chunks_exact(n).fold(before, |sum, row| sum + row[c]);
                    assert_eq!(sum.to_bits(), expected.to_bits(), "{isa}, {rows} rows of {n}: column {c}");
                }
            }
        }
    }
}
