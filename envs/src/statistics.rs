//! Running mean and variance, as Gymnasium's normalizing wrappers keep them.

use serde::{Deserialize, Serialize};

/// Mean and variance of a stream of vectors (Gymnasium's `RunningMeanStd`), in f64.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningMeanStd {
    /// Mean of each element.
    pub mean: Vec<f64>,
    /// Variance of each element.
    pub var: Vec<f64>,
    /// How many vectors there were; starts at 1e-4 so that the first does not divide by zero.
    pub count: f64,
}

impl RunningMeanStd {
    /// Of nothing yet: mean 0, variance 1, as Gymnasium begins.
    pub fn new(width: usize) -> Self {
        Self { mean: vec![0.0; width], var: vec![1.0; width], count: 1e-4 }
    }

    /// Takes one vector in.
    ///
    /// # Panics
    /// If it has another number of elements.
    #[inline]
    pub fn update(&mut self, vector: impl ExactSizeIterator<Item = f64>) {
        assert_eq!(vector.len(), self.mean.len(), "a vector of another length");
        let total = self.count + 1.0;
        for ((x, mean), var) in vector.zip(&mut self.mean).zip(&mut self.var) {
            (*mean, *var) = combine((*mean, *var, self.count), (x, 0.0, 1.0));
        }
        self.count = total;
    }

    /// As [`Self::update`], in the arithmetic of f32: what NumPy does with vectors of f32.
    ///
    /// # Panics
    /// If it has another number of elements.
    #[inline]
    pub fn update_f32(&mut self, vector: &[f32]) {
        assert_eq!(vector.len(), self.mean.len(), "a vector of another length");
        let total = self.count + 1.0;
        let (old, new) = (self.count as f32, total as f32);
        for ((x, mean), var) in vector.iter().zip(&mut self.mean).zip(&mut self.var) {
            let delta = x - *mean as f32;
            *mean = f64::from(*mean as f32 + delta / new);
            *var = f64::from((*var as f32 * old + delta * delta * old / new) / new);
        }
        self.count = total;
    }

    /// Takes in what `other` has seen (Chan et al. 1979, `update_mean_var_count_from_moments` of Gymnasium).
    ///
    /// # Panics
    /// If it has another number of elements.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(other.mean.len(), self.mean.len(), "statistics of another length");
        let theirs = other.mean.iter().zip(&other.var);
        for ((mean, var), (their_mean, their_var)) in self.mean.iter_mut().zip(&mut self.var).zip(theirs) {
            (*mean, *var) = combine((*mean, *var, self.count), (*their_mean, *their_var, other.count));
        }
        self.count += other.count;
    }
}

/// Mean and variance of two groups of (mean, variance, count) together.
#[inline]
fn combine((mean_a, var_a, a): (f64, f64, f64), (mean_b, var_b, b): (f64, f64, f64)) -> (f64, f64) {
    let (delta, total) = (mean_b - mean_a, a + b);
    let squares = var_a * a + var_b * b + delta * delta * a * b / total;
    (mean_a + delta * b / total, squares / total)
}

/// What a wrapper has learnt from all that went through it. It outlives episodes; checkpoints keep it, and evaluation
/// takes a copy that is not updated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Of observations, or of discounted returns.
    pub moments: RunningMeanStd,
    /// The running discounted return, of a wrapper that normalizes rewards; 0 of others.
    pub discounted_return: f64,
    /// Whether steps update them (Gymnasium's `update_running_mean`).
    pub update_running_mean: bool,
}

impl Statistics {
    /// Of nothing yet, for vectors of `width` elements, and to be updated.
    pub fn new(width: usize) -> Self {
        Self { moments: RunningMeanStd::new(width), discounted_return: 0.0, update_running_mean: true }
    }

    /// Puts `from`, in order, in the place of those that a visit shows: for
    /// [`Env::statistics_mut`](crate::Env::statistics_mut).
    pub fn put(from: &[Self]) -> impl FnMut(&mut Self) {
        let mut from = from.iter();
        move |own| {
            if let Some(statistics) = from.next() {
                own.clone_from(statistics);
            }
        }
    }

    /// One for several environments, from the statistics of each of them, all of wrappers in the same order. It is
    /// frozen: for acting, not for learning from.
    ///
    /// The environments count once each, in order, so that the result does not depend on who stepped them.
    pub fn merged(of_each: &[Vec<Self>]) -> Vec<Self> {
        let Some((first, others)) = of_each.split_first() else { return Vec::new() };
        let mut merged = first.clone();
        for statistics in &mut merged {
            (statistics.discounted_return, statistics.update_running_mean) = (0.0, false);
        }
        for other in others {
            for (all, one) in merged.iter_mut().zip(other) {
                all.moments.merge(&one.moments);
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[f64]) -> RunningMeanStd {
        let mut moments = RunningMeanStd::new(1);
        numbers.iter().for_each(|x| moments.update(std::iter::once(*x)));
        moments
    }

    #[test]
    fn mean_and_variance_are_those_of_the_stream() {
        let moments = of(&[1.0, 2.0, 6.0]);
        // The start counts 1e-4 of a sample.
        assert!((moments.mean[0] - 3.0).abs() < 1e-3 && (moments.var[0] - 14.0 / 3.0).abs() < 1e-3, "{moments:?}");
        assert!((moments.count - 3.0001).abs() < 1e-9);
    }

    #[test]
    fn merging_is_as_seeing_both_streams() {
        let mut merged = of(&[1.0, 2.0]);
        merged.merge(&of(&[6.0, -3.0, 0.5]));
        let whole = of(&[1.0, 2.0, 6.0, -3.0, 0.5]);
        assert!((merged.mean[0] - whole.mean[0]).abs() < 1e-3 && (merged.var[0] - whole.var[0]).abs() < 1e-3);
    }

    #[test]
    fn evaluation_gets_a_frozen_merge() {
        let statistics =
            |numbers: &[f64]| Statistics { moments: of(numbers), discounted_return: 3.0, ..Statistics::new(1) };
        let merged = Statistics::merged(&[vec![statistics(&[1.0])], vec![statistics(&[3.0])]]);
        assert!((merged[0].moments.mean[0] - 2.0).abs() < 1e-3);
        assert_eq!((merged[0].discounted_return, merged[0].update_running_mean), (0.0, false));
        assert!(Statistics::merged(&[]).is_empty());
    }
}
