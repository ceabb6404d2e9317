//! The few statistics by which runs are compared.
//!
//! All of them answer NaN for no values, as NumPy does.

/// The interquartile mean: the mean of what is left when the lowest and the highest quarter are taken away.
///
/// Whole values are taken away, `n / 4` rounded down at each end, which is `scipy.stats.trim_mean(values, 0.25)` and
/// therefore rliable's `aggregate_iqm`, by which published results are compared (Agarwal et al. 2021,
/// <https://arxiv.org/abs/2108.13264>). The textbook's mean, which gives the values at the quartiles a fractional
/// weight, differs where `n` is not a multiple of four.
pub fn iqm(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let cut = sorted.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

/// The middle value, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    quantile(&sorted(values), 0.5)
}

/// Mean and standard deviation. The deviation is the population's (divided by `n`), NumPy's default, as in the
/// `evaluate_policy` of Stable-Baselines3.
pub fn mean_std(values: &[f64]) -> (f64, f64) {
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / values.len() as f64).sqrt())
}

/// A confidence interval for a statistic of few values, such as `bootstrap_ci(&returns, iqm, 0.95, 2_000, seed)`.
///
/// The percentile bootstrap: `values` are drawn with replacement `resamples` times, and the interval holds the middle
/// `level` of what `statistic` says of the draws. The same seed gives the same interval, on any machine.
pub fn bootstrap_ci(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    level: f64,
    resamples: usize,
    seed: u64,
) -> (f64, f64) {
    bootstrap([values], |[draw]| statistic(draw), level, resamples, seed)
}

/// The chance that a value of `x` is higher than one of `y`: the share of pairs in which it is, ties counted half. That is
/// Mann and Whitney's U over the number of pairs, and rliable's `probability_of_improvement` on one task.
pub fn probability_of_improvement(x: &[f64], y: &[f64]) -> f64 {
    let won = |a: f64, b: f64| f64::from(u8::from(a > b)) + 0.5 * f64::from(u8::from(a == b));
    let wins = x.iter().flat_map(|a| y.iter().map(move |b| won(*a, *b))).sum::<f64>();
    wins / (x.len() * y.len()) as f64
}

/// A confidence interval for [`probability_of_improvement`], as [`bootstrap_ci`]'s; `x` and `y` are drawn each for itself.
pub fn improvement_ci(x: &[f64], y: &[f64], level: f64, resamples: usize, seed: u64) -> (f64, f64) {
    bootstrap([x, y], |[x, y]| probability_of_improvement(x, y), level, resamples, seed)
}

/// The percentile bootstrap of a statistic of several samples.
fn bootstrap<const N: usize>(
    samples: [&[f64]; N],
    statistic: impl Fn([&[f64]; N]) -> f64,
    level: f64,
    resamples: usize,
    seed: u64,
) -> (f64, f64) {
    if samples.iter().any(|values| values.is_empty()) {
        return (f64::NAN, f64::NAN);
    }
    let mut random = SplitMix64(seed);
    let mut draws = samples.map(<[f64]>::to_vec);
    let mut seen = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        for (draw, values) in draws.iter_mut().zip(samples) {
            draw.iter_mut().for_each(|slot| *slot = values[random.below(values.len())]);
        }
        seen.push(statistic(draws.each_ref().map(Vec::as_slice)));
    }
    seen.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - level.clamp(0.0, 1.0)) / 2.0;
    (quantile(&seen, tail), quantile(&seen, 1.0 - tail))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// NumPy's default, `linear`: between the two nearest values.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = q * last as f64;
    let (low, part) = (at as usize, at.fract());
    let (low, high) = (sorted[low], sorted[(low + 1).min(last)]);
    low + (high - low) * part
}

/// Vigna's generator (<https://prng.di.unimi.it/splitmix64.c>): it need not be good, only the same everywhere.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, by Lemire's product; the bias is `bound / 2^64`.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 10] = [3.0, -1.5, 10.0, 4.25, 0.0, 99.0, 7.5, 2.0, 2.0, -40.0];

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    /// From `scipy.stats.trim_mean(VALUES[:n], 0.25)`, `numpy.median`, `numpy.mean` and `numpy.std`, SciPy 1.17.
    #[test]
    fn as_scipy_and_numpy() {
        for (n, trimmed, middle, mean, std) in [
            (1, 3.0, 3.0, 3.0, 0.0),
            (2, 0.75, 0.75, 0.75, 2.25),
            (3, 3.8333333333333335, 3.0, 3.8333333333333335, 4.731689855526129),
            (4, 3.625, 3.625, 3.9375, 4.101733627382451),
            (5, 2.4166666666666665, 3.0, 3.15, 3.9924929555354254),
            (7, 4.95, 4.25, 17.464285714285715, 33.49105119586546),
            (10, 3.125, 2.5, 8.625, 32.94033431827916),
        ] {
            close(iqm(&VALUES[..n]), trimmed);
            close(median(&VALUES[..n]), middle);
            close(mean_std(&VALUES[..n]).0, mean);
            close(mean_std(&VALUES[..n]).1, std);
        }
    }

    /// tests/data/rliable/generate.py
    #[test]
    fn as_rliable() {
        let recorded = include_str!("../../tests/data/rliable/statistics.json");
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        let list = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        // Two bootstraps draw differently: their ends differ by a few hundredths of the interval's width.
        let near = |(low, high): (f64, f64), theirs: &serde_json::Value| {
            let theirs = list(theirs);
            let width = theirs[1] - theirs[0];
            assert!((low - theirs[0]).abs() < 0.06 * width, "{low} is not {}", theirs[0]);
            assert!((high - theirs[1]).abs() < 0.06 * width, "{high} is not {}", theirs[1]);
        };
        for case in recorded["cases"].as_array().unwrap() {
            let samples = [list(&case["x"]), list(&case["y"])];
            for (i, sample) in samples.iter().enumerate() {
                close(iqm(sample), case["iqm"][i].as_f64().unwrap());
                near(bootstrap_ci(sample, iqm, 0.95, 20_000, 0), &case["iqm_ci95"][i]);
            }
            let [x, y] = &samples;
            close(probability_of_improvement(x, y), case["improvement"].as_f64().unwrap());
            near(improvement_ci(x, y, 0.95, 20_000, 0), &case["improvement_ci95"]);
        }
    }

    #[test]
    fn improvement_counts_ties_half() {
        close(probability_of_improvement(&[1.0, 2.0], &[0.0, 2.0]), (1.0 + 0.0 + 1.0 + 0.5) / 4.0);
        close(probability_of_improvement(&[3.0], &[3.0]), 0.5);
        assert!(probability_of_improvement(&[], &[1.0]).is_nan() && improvement_ci(&[], &[1.0], 0.95, 9, 0).0.is_nan());
    }

    #[test]
    fn nothing_is_nan() {
        assert!(iqm(&[]).is_nan() && median(&[]).is_nan());
        assert!(mean_std(&[]).0.is_nan() && mean_std(&[]).1.is_nan());
        assert!(bootstrap_ci(&[], iqm, 0.95, 10, 0).0.is_nan());
        assert!(bootstrap_ci(&[1.0], iqm, 0.95, 0, 0).0.is_nan());
    }

    #[test]
    fn the_generator_is_splitmix64() {
        // The first outputs for the seed 1234567, as given with many implementations.
        let mut random = SplitMix64(1_234_567);
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(first, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn the_interval_is_where_theory_puts_it() {
        // The mean of n draws has the standard error std / sqrt(n): 95 % lie within 1.96 of it.
        let values: Vec<f64> = (0..400).map(f64::from).collect();
        let (mean, std) = mean_std(&values);
        let (low, high) = bootstrap_ci(&values, |draw| mean_std(draw).0, 0.95, 4_000, 7);
        let half = 1.96 * std / 20.0;
        assert!((low - (mean - half)).abs() < 0.1 * half, "{low}");
        assert!((high - (mean + half)).abs() < 0.1 * half, "{high}");
        assert_eq!(bootstrap_ci(&values, median, 0.9, 50, 7), bootstrap_ci(&values, median, 0.9, 50, 7));
        assert_eq!(bootstrap_ci(&[5.0; 3], iqm, 0.95, 50, 7), (5.0, 5.0));
    }
}
