//! Which range of an activation to spread 256 levels over: PyTorch's `HistogramObserver`, of 2048 bins.

/// Bins of the histogram.
const BINS: usize = 2048;
/// Parts of a bin that its numbers are moved to another range by.
const PARTS: usize = 16;
/// Levels that errors are worked out with. PyTorch takes these with `reduce_range`, too.
const LEVELS: f64 = 256.0;
/// The share of numbers by which the search for the best range goes on.
const STEP: f64 = 1e-5;

/// A number that is infinite or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFinite;

/// A histogram over all batches that were seen. Its counts are f32 as PyTorch's are, so that the ranges are the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramObserver {
    seen: Option<Histogram>,
}

#[derive(Clone, Debug, PartialEq)]
struct Histogram {
    lowest: f32,
    highest: f32,
    counts: Vec<f32>,
}

impl HistogramObserver {
    /// Adds the numbers of a batch; of none nothing is known afterwards, either.
    ///
    /// # Errors
    /// If one of them is not finite: a range that leaves them out, as PyTorch's does, would hide what is broken.
    pub fn see(&mut self, values: &[f32]) -> Result<(), NotFinite> {
        let (mut lowest, mut highest, mut sum) = (f32::INFINITY, f32::NEG_INFINITY, 0.0);
        for x in values {
            (lowest, highest) = (lowest.min(*x), highest.max(*x));
            // 0 of what is finite, and else no number.
            sum += x * 0.0;
        }
        if sum != 0.0 {
            return Err(NotFinite);
        }
        if values.is_empty() {
            return Ok(());
        }
        self.seen = Some(match self.seen.take() {
            None => Histogram { lowest, highest, counts: histogram(values, lowest, highest) },
            Some(before) => before.with(values, lowest, highest),
        });
        Ok(())
    }

    /// The lowest and the highest number so far, if there were any.
    pub fn extremes(&self) -> Option<[f32; 2]> {
        self.seen.as_ref().map(|seen| [seen.lowest, seen.highest])
    }

    /// The range with about the smallest error (the mean square of what rounding takes away, of numbers that are spread evenly
    /// within each bin), if there were any numbers: outliers on either side are left out as long as that gets smaller.
    pub fn range(&self) -> Option<[f32; 2]> {
        self.seen.as_ref().map(Histogram::best_range)
    }
}

impl Histogram {
    fn width(&self) -> f64 {
        (f64::from(self.highest) - f64::from(self.lowest)) / BINS as f64
    }

    fn with(self, values: &[f32], lowest: f32, highest: f32) -> Self {
        let (lowest, highest) = (lowest.min(self.lowest), highest.max(self.highest));
        let mut counts = histogram(values, lowest, highest);
        let moved = if (lowest, highest) == (self.lowest, self.highest) {
            self.counts
        } else if self.lowest == self.highest {
            let all: f32 = self.counts.iter().sum();
            histogram(&[self.lowest], lowest, highest).into_iter().map(|one| one * all).collect()
        } else {
            self.moved_to(lowest, highest)
        };
        counts.iter_mut().zip(moved).for_each(|(count, moved)| *count += moved);
        Self { lowest, highest, counts }
    }

    /// The counts over a wider range: each part of a bin goes to the bin that its middle lies in.
    fn moved_to(&self, lowest: f32, highest: f32) -> Vec<f32> {
        let edge = |low: f32, high: f32, at: usize, of: usize| {
            (f64::from(low) + (f64::from(high) - f64::from(low)) / of as f64 * at as f64) as f32
        };
        let edges: Vec<f32> = (1..BINS).map(|at| edge(lowest, highest, at, BINS)).collect();
        let half = 0.5 * (self.width() / PARTS as f64) as f32;
        let (mut moved, mut bin) = (vec![0.0_f64; BINS], 0);
        for part in 0..BINS * PARTS {
            let middle = edge(self.lowest, self.highest, part, BINS * PARTS) + half;
            while bin < edges.len() && edges[bin] <= middle {
                bin += 1;
            }
            moved[bin] += f64::from(self.counts[part / PARTS] / PARTS as f32);
        }
        moved.into_iter().map(|count| count as f32).collect()
    }

    fn best_range(&self) -> [f32; 2] {
        let sums: Vec<f64> = self
            .counts
            .iter()
            .scan(0.0, |sum, count| {
                *sum += f64::from(*count);
                Some(f64::from(*sum as f32))
            })
            .collect();
        let total = sums[BINS - 1];
        let (mut below, mut above, mut first, mut last, mut best) = (0.0, 1.0, 0, BINS - 1, f64::INFINITY);
        while below < above {
            let (next_below, next_above) = (below + STEP, above - STEP);
            let (mut left, mut right) = (first, last);
            while left < last && sums[left] < next_below * total {
                left += 1;
            }
            while right > first && sums[right] > next_above * total {
                right -= 1;
            }
            // From the side where more bins hold as few numbers.
            let (mut next_first, mut next_last) = (first, last);
            if left - first > last - right {
                (next_first, below) = (left, next_below);
            } else {
                (next_last, above) = (right, next_above);
            }
            if (next_first, next_last) == (first, last) {
                continue;
            }
            let error = self.error(next_first, next_last);
            if error > best {
                break;
            }
            (best, first, last) = (error, next_first, next_last);
        }
        let edge = |at: usize| (f64::from(self.lowest) + self.width() * at as f64) as f32;
        [edge(first), edge(last + 1)]
    }

    /// The sum of squares that rounding takes away if the levels are spread over the bins from `first` to `last`.
    fn error(&self, first: usize, last: usize) -> f64 {
        let width = self.width();
        let step = width * (last + 1 - first) as f64 / LEVELS;
        if step == 0.0 {
            return 0.0;
        }
        // The integral of density · x² over distances from the middle of a level.
        let integral = |density: f64, from: f64, to: f64| density * (to.powi(3) - from.powi(3)) / 3.0;
        let level = |x: f64| (x / step).floor().clamp(0.0, LEVELS - 1.0);
        let error_of = |(bin, count): (usize, &f32)| {
            if *count == 0.0 {
                return 0.0;
            }
            let begin = (bin as f64 - first as f64) * width;
            let end = begin + width;
            let (from, to, density) = (level(begin), level(end), f64::from(*count) / width);
            integral(density, begin - (from + 0.5) * step, step / 2.0)
                + (to - from - 1.0) * integral(density, -step / 2.0, step / 2.0)
                + integral(density, -step / 2.0, end - (to + 0.5) * step)
        };
        self.counts.iter().enumerate().map(error_of).sum()
    }
}

/// `torch.histc`: the right edge belongs to the last bin.
fn histogram(values: &[f32], lowest: f32, highest: f32) -> Vec<f32> {
    // What is constant lies in the middle.
    let (low, high) = if lowest == highest {
        (f64::from(lowest - 1.0), f64::from(highest + 1.0))
    } else {
        (f64::from(lowest), f64::from(highest))
    };
    let mut counts = vec![0_u64; BINS];
    for x in values {
        let bin = (f64::from(*x) - low) / (high - low) * BINS as f64;
        counts[(bin as usize).min(BINS - 1)] += 1;
    }
    counts.into_iter().map(|count| count as f32).collect()
}
