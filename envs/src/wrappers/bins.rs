//! Intervals cut into equal bins, as Gymnasium's discretizing wrappers do with NumPy's `linspace`.

use crate::{EnvError, Result, Space};

/// One number of bins for all elements, or one for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bins {
    /// The same for all.
    All(u32),
    /// One for each.
    Each(Vec<u32>),
}

impl From<u32> for Bins {
    fn from(bins: u32) -> Self {
        Self::All(bins)
    }
}

impl From<Vec<u32>> for Bins {
    fn from(bins: Vec<u32>) -> Self {
        Self::Each(bins)
    }
}

/// The bins of each element: what `DiscretizeObservation` and `DiscretizeAction` go by.
#[derive(Clone, Debug)]
pub struct BinsOfAxes {
    /// The edges of each element's bins, both ends included.
    edges: Vec<Vec<f32>>,
    /// Whether each element has an integer of its own.
    multidiscrete: bool,
}

impl BinsOfAxes {
    /// Bins of the intervals between the `bounds`, low and high, and the space of their indices.
    pub(super) fn new(
        wrapper: &'static str,
        bounds: [&[f32]; 2],
        bins: Bins,
        multidiscrete: bool,
    ) -> Result<(Self, Space)> {
        let [low, high] = bounds;
        let bad = |found: String, expected: String| EnvError::bad_argument(wrapper, "bins", found, expected);
        let bins = match bins {
            Bins::All(bins) => vec![bins; low.len()],
            Bins::Each(bins) if bins.len() == low.len() => bins,
            Bins::Each(bins) => {
                return Err(bad(format!("{} integers", bins.len()), format!("an integer, or {} integers", low.len())));
            }
        };
        let integers = bins.iter().map(|n| i32::try_from(*n).ok().filter(|n| *n > 0)).collect::<Option<Vec<i32>>>();
        let nvec = integers.ok_or_else(|| bad(format!("{bins:?}"), "of at least 1 each".to_owned()))?;
        let space = if multidiscrete {
            Space::multi_discrete(nvec)
        } else {
            let all = nvec.iter().try_fold(1_i32, |all, n| all.checked_mul(*n));
            let fewer = "fewer: all combinations must be below 2^31; or set multidiscrete=True".to_owned();
            Space::discrete(all.ok_or_else(|| bad(format!("{bins:?}"), fewer))?)
        };
        let edges = (0..low.len()).map(|i| linspace(low[i], high[i], bins[i])).collect();
        Ok((Self { edges, multidiscrete }, space))
    }

    /// Writes the bin of each number, or the one index of all.
    pub(super) fn write_bins(&self, numbers: &[f32], indices: &mut [i32]) {
        let bins = self.edges.iter().zip(numbers).map(|(edges, x)| {
            let (low, high) = (edges[0], edges[edges.len() - 1]);
            // As Gymnasium: just below the upper bound, as far as floats go.
            let x = x.max(low).min(high - 1e-8);
            let inner = &edges[1..edges.len() - 1];
            (inner.partition_point(|edge| *edge <= x) as i32, inner.len() as i32 + 1)
        });
        if self.multidiscrete {
            indices.iter_mut().zip(bins).for_each(|(index, (bin, _))| *index = bin);
        } else {
            indices[0] = bins.fold(0, |all, (bin, n)| all * n + bin);
        }
    }

    /// Writes the middle of each bin, from their indices or from the one of all.
    pub(super) fn write_centers(&self, indices: &[i32], centers: &mut [f32]) {
        let mut rest = indices.first().copied().unwrap_or(0);
        for (i, edges) in self.edges.iter().enumerate().rev() {
            let n = edges.len() as i32 - 1;
            let bin = if self.multidiscrete { indices[i] } else { rest.rem_euclid(n) };
            rest = rest.div_euclid(n);
            let bin = bin.clamp(0, n - 1) as usize;
            centers[i] = 0.5 * (edges[bin] + edges[bin + 1]);
        }
    }
}

/// NumPy's `linspace(low, high, bins + 1)`, in f32.
fn linspace(low: f32, high: f32, bins: u32) -> Vec<f32> {
    let step = (high - low) / bins as f32;
    let mut edges: Vec<_> = (0..=bins).map(|k| k as f32 * step + low).collect();
    edges[bins as usize] = high;
    edges
}
