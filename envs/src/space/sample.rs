//! Random elements.

use super::Space;
use crate::{Dtype, Generator, RowMut};

impl Space {
    /// Writes a random element to `row`, by Gymnasium's rule for each interval: uniform if bounded,
    /// exponential from the bound if bounded on one side, standard normal if unbounded.
    ///
    /// The draws are not NumPy's: no environment's own stream depends on them.
    ///
    /// # Panics
    /// If `row` is not a row of this space.
    pub fn sample(&self, rng: &mut Generator, mut row: RowMut<'_>) {
        let shape = (row.as_row().len(), row.as_row().dtype());
        assert!(shape == (self.width(), self.dtype()), "a row of {} {} is no element of {self}", shape.0, shape.1);
        for leaf in self.leaves() {
            for (i, at) in leaf.range.clone().enumerate() {
                row.set_number(at, leaf.space.sample_number(i, rng));
            }
        }
    }

    /// A random number `i` of an elementary space.
    fn sample_number(&self, i: usize, rng: &mut Generator) -> f64 {
        let integer =
            |rng: &mut Generator, n: i32, start: i32| f64::from(start) + rng.below(u64::from(n.unsigned_abs())) as f64;
        match self {
            Self::Box { low, high, dtype: Dtype::F32, .. } => sample_interval(rng, low[i], high[i]).into(),
            Self::Box { low, high, .. } => f64::from(low[i]) + rng.below((high[i] - low[i]) as u64 + 1) as f64,
            Self::Discrete { n, start } => integer(rng, *n, *start),
            Self::MultiDiscrete { nvec, start } => integer(rng, nvec[i], start[i]),
            Self::MultiBinary { .. } => rng.below(2) as f64,
            Self::Tuple(_) | Self::Dict(_) => unreachable!("a leaf is no composite"),
        }
    }
}

fn sample_interval(rng: &mut Generator, low: f32, high: f32) -> f32 {
    // 1 - random() is in (0, 1], where the logarithm is finite.
    let exponential = |rng: &mut Generator| -(1.0 - rng.random()).ln();
    let x = match (low.is_finite(), high.is_finite()) {
        (true, true) => rng.uniform(f64::from(low), f64::from(high)),
        (true, false) => f64::from(low) + exponential(rng),
        (false, true) => f64::from(high) - exponential(rng),
        // Box and Muller: one of the pair is enough.
        (false, false) => (2.0 * exponential(rng)).sqrt() * (std::f64::consts::TAU * rng.random()).cos(),
    };
    // Rounding to f32 may step over a bound.
    (x as f32).clamp(low, high)
}
