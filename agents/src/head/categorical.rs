//! How likely each choice is by many rows of logits at once, a vector of rows at a time: a choice among two has too few numbers
//! for one of its own.

use crate::nn::{Isa, vectorized};
use crate::support::exp;

/// What rows of logits say: of each choice of each part of an action a column, with a number for each row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chances {
    rows: usize,
    /// The logarithm of each choice's chance, and the chance.
    log_chances: Vec<f32>,
    chances: Vec<f32>,
    /// The entropy of each part.
    entropies: Vec<f32>,
    /// Where the sums of powers are.
    sums: Vec<f32>,
}

impl Chances {
    /// Becomes what rows of `outputs` say, one every `stride` numbers, of parts of so many choices.
    pub(super) fn fill(&mut self, counts: &[usize], outputs: &[f32], stride: usize) {
        let (rows, choices) = (outputs.len() / stride, counts.iter().sum::<usize>());
        self.rows = rows;
        self.log_chances.clear();
        for choice in 0..choices {
            self.log_chances.extend(outputs.chunks_exact(stride).map(|row| row[choice]));
        }
        self.chances.resize(choices * rows, 0.0);
        self.entropies.resize(counts.len() * rows, 0.0);
        self.sums.resize(rows, 0.0);
        if rows == 0 {
            return;
        }
        let (mut logits, mut chances) = (&mut *self.log_chances, &mut *self.chances);
        for (count, entropies) in counts.iter().zip(self.entropies.chunks_exact_mut(rows)) {
            let (own, other) = logits.split_at_mut(count * rows);
            let (own_chances, other_chances) = chances.split_at_mut(count * rows);
            softmax_columns(Isa::detect(), own, own_chances, entropies, &mut self.sums);
            (logits, chances) = (other, other_chances);
        }
    }

    /// The logarithm of the chance of a choice in `row`, counted over all parts.
    #[inline]
    pub(super) fn log_chance(&self, row: usize, choice: usize) -> f32 {
        self.log_chances[choice * self.rows + row]
    }

    /// Adds to `grad` the gradients by the logits of `by_log_prob` times the logarithm of the chance of a part's `choice` and
    /// `by_entropy` times the part's entropy, which it answers. The part's choices are the `count` from `first` on.
    #[inline]
    pub(super) fn add_grads(
        &self,
        row: usize,
        [part, first, count, choice]: [usize; 4],
        [by_log_prob, by_entropy]: [f32; 2],
        grad: &mut [f32],
    ) -> f32 {
        let entropy = self.entropies[part * self.rows + row];
        for (at, grad) in (first..first + count).zip(&mut grad[first..]) {
            let (log_p, p) = (self.log_chance(row, at), self.chances[at * self.rows + row]);
            *grad -= by_log_prob * p + by_entropy * p * (log_p + entropy);
        }
        grad[first + choice] += by_log_prob;
        entropy
    }
}

vectorized! {
    /// Turns columns of logits into those of the logarithms of chances, and writes the chances and the entropy of each row.
    fn softmax_columns(logits: &mut [f32], chances: &mut [f32], entropies: &mut [f32], sums: &mut [f32]) {
        /// Less than this below the greatest there is no chance: it is no f32.
        const NOTHING: f32 = -87.0;
        let rows = sums.len();
        let highest = entropies;
        highest.fill(f32::NEG_INFINITY);
        for column in logits.chunks_exact(rows) {
            highest.iter_mut().zip(column).for_each(|(most, z)| *most = if *z > *most { *z } else { *most });
        }
        sums.fill(0.0);
        for (column, chances) in logits.chunks_exact(rows).zip(chances.chunks_exact_mut(rows)) {
            let of_rows = sums.iter_mut().zip(&*highest);
            for ((z, chance), (sum, highest)) in column.iter().zip(chances).zip(of_rows) {
                let below = z - highest;
                *chance = if below < NOTHING { 0.0 } else { exp(below) };
                *sum += *chance;
            }
        }
        let log_sums = highest;
        log_sums.iter_mut().zip(&*sums).for_each(|(highest, sum)| *highest += sum.ln());
        for (column, chances) in logits.chunks_exact_mut(rows).zip(chances.chunks_exact_mut(rows)) {
            let of_rows = sums.iter().zip(&*log_sums);
            for ((z, chance), (sum, log_sum)) in column.iter_mut().zip(chances).zip(of_rows) {
                *z -= log_sum;
                *chance /= sum;
            }
        }
        let entropies = log_sums;
        entropies.fill(0.0);
        for (column, chances) in logits.chunks_exact(rows).zip(chances.chunks_exact(rows)) {
            let terms = column.iter().zip(chances);
            entropies.iter_mut().zip(terms).for_each(|(entropy, (log_p, p))| *entropy -= p * log_p);
        }
    }
}
