//! A matrix of a layer, in f32 or in int8.

use crate::nn::{Isa, linear};

/// What the numbers of a T5's matrices are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// f32, as they were learnt.
    F32,
    /// Whole numbers of 8 bits with a scale a row, by rounding: a quarter of the memory, and less to read for each token. What they
    /// are multiplied with stays f32.
    Int8,
}

/// `[outputs, inputs]`, as PyTorch's `Linear` has its weight.
#[derive(Debug, PartialEq)]
pub(super) enum Matrix {
    /// As it was learnt.
    F32(Vec<f32>),
    /// Rounded to whole numbers from -127 to 127, each of which stands for as much as its row's scale: with a quarter of the bytes, and
    /// bytes are what a token waits for. What is multiplied with it stays f32 (weight-only quantization, symmetric, a scale an output).
    Int8 { weights: Vec<i8>, scales: Vec<f32> },
}

impl Matrix {
    /// Without rows yet, and with room for so many numbers.
    pub(super) fn with_room(precision: Precision, numbers: usize) -> Self {
        match precision {
            Precision::F32 => Self::F32(Vec::with_capacity(numbers)),
            Precision::Int8 => Self::Int8 { weights: Vec::with_capacity(numbers), scales: Vec::new() },
        }
    }

    /// Adds rows of `k` numbers, one after the other.
    pub(super) fn push(&mut self, rows: &[f32], k: usize) {
        let (weights, scales) = match self {
            Self::F32(weights) => return weights.extend_from_slice(rows),
            Self::Int8 { weights, scales } => (weights, scales),
        };
        for row in rows.chunks_exact(k) {
            let scale = row.iter().fold(0.0_f32, |largest, w| largest.max(w.abs())) / 127.0;
            // A row of zeros stays one.
            let whole = |w: &f32| if scale > 0.0 { (w / scale).round_ties_even() as i8 } else { 0 };
            weights.extend(row.iter().map(whole));
            scales.push(scale);
        }
    }

    /// `to = x · selfᵀ` for rows of `k` numbers.
    pub(super) fn linear(&self, isa: Isa, x: &[f32], k: usize, to: &mut Vec<f32>) {
        let rows = x.len() / k;
        match self {
            Self::F32(weights) => {
                to.resize(rows * (weights.len() / k), 0.0);
                linear(isa, x, weights, k, to);
            }
            Self::Int8 { weights, scales } => {
                to.resize(rows * scales.len(), 0.0);
                linear(isa, x, weights, k, to);
                for to in to.chunks_exact_mut(scales.len()) {
                    to.iter_mut().zip(scales).for_each(|(to, scale)| *to *= scale);
                }
            }
        }
    }

    /// Appends row `at`, of `k` numbers, to `to`.
    pub(super) fn row(&self, at: usize, k: usize, to: &mut Vec<f32>) {
        let place = at * k..(at + 1) * k;
        match self {
            Self::F32(weights) => to.extend_from_slice(&weights[place]),
            Self::Int8 { weights, scales } => to.extend(weights[place].iter().map(|w| f32::from(*w) * scales[at])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_at_most_half_a_step_off() {
        let weights = [0.5, -1.27, 0.004, 0.0, 0.0, 0.0, 3.0, 1.0, -2.0];
        let mut matrix = Matrix::with_room(Precision::Int8, 9);
        // Row by row or all at once.
        matrix.push(&weights[..3], 3);
        matrix.push(&weights[3..], 3);
        let Matrix::Int8 { weights: whole, scales } = &matrix else { panic!("rounded") };
        assert_eq!(whole, &[50, -127, 0, 0, 0, 0, 127, 42, -85]);
        let mut back = Vec::new();
        (0..3).for_each(|row| matrix.row(row, 3, &mut back));
        for (at, (back, weight)) in back.iter().zip(weights).enumerate() {
            assert!((back - weight).abs() <= 0.5001 * scales[at / 3], "{back} {weight}");
        }
        let mut to = Vec::new();
        matrix.linear(Isa::detect(), &[1.0, 2.0, 3.0, 0.0, 1.0, 0.0], 3, &mut to);
        let expected = |x: [f32; 3], row: usize| x.iter().zip(&back[3 * row..]).map(|(x, w)| x * w).sum::<f32>();
        for (row, x) in [[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]].into_iter().enumerate() {
            (0..3).for_each(|o| assert!((to[3 * row + o] - expected(x, o)).abs() < 1e-5, "{to:?}"));
        }
    }
}
