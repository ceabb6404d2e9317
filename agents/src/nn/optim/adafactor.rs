//! Adafactor (Shazeer & Stern 2018), as Hugging Face's: T5 was trained with it.

use crate::nn::Real;

/// The settings of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) learning_rate: f64,
    /// What the second moments keep.
    pub(super) beta2: f64,
    pub(super) scale_parameter: bool,
    pub(super) decay: f64,
}

/// Added to squares of gradients.
const EPS_SQUARE: f64 = 1e-30;
/// The least that a parameter's size counts as.
const EPS_SCALE: f64 = 1e-3;
/// The root mean square that a step is cut down to.
const CLIP: f64 = 1.0;

/// How many numbers are kept for a parameter of `shape`: a mean a row and a mean a column of each of its matrices (its last two
/// axes), or one a number of a vector.
pub(super) fn kept(shape: &[usize]) -> [usize; 2] {
    match shape {
        [outer @ .., rows, columns] => {
            let outer: usize = outer.iter().product();
            [outer * rows, outer * columns]
        }
        vector => [vector.iter().product(), 0],
    }
}

/// One step of a parameter of `shape`.
pub(super) fn adafactor<E: Real>(w: &mut [E], [row, column]: [&mut [E]; 2], g: &[E], shape: &[usize], step: Step) {
    let (beta2, rest) = (E::of(step.beta2), E::of(1.0 - step.beta2));
    let square = |g: E| g * g + E::of(EPS_SQUARE);
    let mut update = vec![E::zero(); g.len()];
    if let [.., rows, columns] = *shape {
        let matrices = g.chunks_exact((rows * columns).max(1)).zip(update.chunks_exact_mut((rows * columns).max(1)));
        let means = row.chunks_exact_mut(rows.max(1)).zip(column.chunks_exact_mut(columns.max(1)));
        for ((g, update), (row, column)) in matrices.zip(means) {
            let mut sums = vec![E::zero(); columns];
            for (row, g) in row.iter_mut().zip(g.chunks_exact(columns)) {
                let mut sum = E::zero();
                for (column, g) in sums.iter_mut().zip(g) {
                    sum += square(*g);
                    *column += square(*g);
                }
                *row = beta2 * *row + rest * sum / E::of(columns as f64);
            }
            for (column, sum) in column.iter_mut().zip(&sums) {
                *column = beta2 * *column + rest * *sum / E::of(rows as f64);
            }
            let mean = row.iter().copied().sum::<E>() / E::of(rows as f64);
            for ((row, g), update) in row.iter().zip(g.chunks_exact(columns)).zip(update.chunks_exact_mut(columns)) {
                let of_row = (*row / mean).sqrt().recip();
                for ((column, g), update) in column.iter().zip(g).zip(update) {
                    *update = of_row * column.sqrt().recip() * *g;
                }
            }
        }
    } else {
        for ((second, g), update) in row.iter_mut().zip(g).zip(&mut update) {
            *second = beta2 * *second + rest * square(*g);
            *update = second.sqrt().recip() * *g;
        }
    }
    let root_mean_square =
        |values: &[E]| (values.iter().map(|x| x.wide() * x.wide()).sum::<f64>() / values.len().max(1) as f64).sqrt();
    let size = if step.scale_parameter { root_mean_square(w).max(EPS_SCALE) } else { 1.0 };
    let learning_rate = step.learning_rate * size;
    let by = E::of(learning_rate / (root_mean_square(&update) / CLIP).max(1.0));
    let decay = E::of(step.decay * learning_rate);
    for (w, update) in w.iter_mut().zip(&update) {
        *w = *w - decay * *w - by * *update;
    }
}
