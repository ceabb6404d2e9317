//! Distributions of returns over equally spaced values (Bellemare et al. 2017, *A distributional perspective on
//! reinforcement learning*): C51's, as logits.

use serde::{Deserialize, Serialize};

use crate::nn::{Isa, vectorized};

/// Logits that are worked on at once: a vector of them.
const LANES: usize = 16;

/// The returns that have chances: `n_atoms` of them, equally spaced from `v_min` to `v_max`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Support {
    /// How many.
    pub n_atoms: usize,
    /// The least.
    pub v_min: f32,
    /// The greatest.
    pub v_max: f32,
}

impl Support {
    /// From one to the next.
    fn spacing(&self) -> f64 {
        (f64::from(self.v_max) - f64::from(self.v_min)) / (self.n_atoms - 1) as f64
    }

    /// The return at place `i`.
    #[inline]
    pub fn atom(&self, i: usize) -> f32 {
        (f64::from(self.v_min) + i as f64 * self.spacing()) as f32
    }

    /// The mean of the distribution with these logits.
    #[inline]
    pub fn expectation(&self, logits: &[f32]) -> f32 {
        let [sum, places] = sums(Isa::detect(), logits, highest(logits));
        self.v_min + (places / sum) * self.spacing() as f32
    }

    /// Writes the slope of [`expectation`](Self::expectation) by each logit.
    pub(crate) fn expectation_slope(&self, logits: &[f32], slope: &mut [f32]) {
        let mean = self.expectation(logits);
        softmax(logits, slope);
        slope.iter_mut().enumerate().for_each(|(i, p)| *p *= self.atom(i) - mean);
    }

    /// Writes to `to` the distribution of `return_` + `discount` · Z, where Z has these logits: each chance goes to the two
    /// nearest places in proportion, and to the first or last from beyond them. Answers the chance of what was beyond.
    pub(crate) fn project(&self, logits: &[f32], return_: f32, discount: f32, to: &mut [f32]) -> f32 {
        let (spacing, last) = (self.spacing(), self.n_atoms - 1);
        let highest = highest(logits);
        let [sum, _] = sums(Isa::detect(), logits, highest);
        let mut beyond = 0.0;
        to.fill(0.0);
        for (i, logit) in logits.iter().enumerate() {
            let chance = exp(logit - highest) / sum;
            // Where a return lies on a place, f64 keeps it there to the last bit of an f32.
            let value = f64::from(return_) + f64::from(discount) * (f64::from(self.v_min) + i as f64 * spacing);
            // A NaN goes to the first place; the loss, made of the same network, ends the run.
            let exact = (value - f64::from(self.v_min)) / spacing;
            let place = exact.max(0.0).min(last as f64);
            // More than rounding.
            if (exact - place).abs() > 1e-3 {
                beyond += chance;
            }
            let below = place as usize;
            let above = (place - below as f64) as f32;
            to[below] += chance * (1.0 - above);
            to[(below + 1).min(last)] += chance * above;
        }
        beyond
    }

    /// The cross-entropy of `target` and the distribution with these logits; writes its slope by each logit.
    pub(crate) fn cross_entropy(&self, logits: &[f32], target: &[f32], slope: &mut [f32]) -> f32 {
        let highest = highest(logits);
        softmax(logits, slope);
        let log_sum = highest + sums(Isa::detect(), logits, highest)[0].ln();
        let mut loss = 0.0;
        for ((slope, logit), target) in slope.iter_mut().zip(logits).zip(target) {
            loss += target * (log_sum - logit);
            *slope -= target;
        }
        loss
    }
}

fn highest(logits: &[f32]) -> f32 {
    logits.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// e to the power of `x`, which is not above 0, to a few units in the last place: a polynomial, so that loops over it become
/// vectors, the one of Cephes' `expf`. Below -87 it is that of -87, next to nothing.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Added to a number, it leaves the nearest whole number in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2, in a part that whole numbers multiply exactly and a rest.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const SERIES: [f32; 6] = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];
    // A NaN stays one.
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let rest = (x - n * LN_2[0]) - n * LN_2[1];
    let series = SERIES[1..].iter().fold(SERIES[0], |sum, c| sum * rest + c);
    let power = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    (series * rest * rest + rest + 1.0) * f32::from_bits(power)
}

vectorized! {
    /// Σ e^(z − `highest`) over the logits z, and the same of each times its place.
    fn sums(logits: &[f32], highest: f32) -> [f32; 2] {
        let (mut sum, mut places) = ([0.0f32; LANES], [0.0f32; LANES]);
        let (whole, rest) = logits.as_chunks::<LANES>();
        let mut add = |chunk: usize, lane: usize, logit: f32| {
            let share = exp(logit - highest);
            sum[lane] += share;
            places[lane] += share * (chunk * LANES + lane) as f32;
        };
        for (chunk, logits) in whole.iter().enumerate() {
            logits.iter().enumerate().for_each(|(lane, logit)| add(chunk, lane, *logit));
        }
        rest.iter().enumerate().for_each(|(lane, logit)| add(whole.len(), lane, *logit));
        [sum.iter().sum(), places.iter().sum()]
    }
}

/// Writes the chances that logits stand for.
pub(crate) fn softmax(logits: &[f32], chances: &mut [f32]) {
    let highest = highest(logits);
    let scale = 1.0 / sums(Isa::detect(), logits, highest)[0];
    scaled_exps(Isa::detect(), logits, highest, scale, chances);
}

vectorized! {
    fn scaled_exps(logits: &[f32], highest: f32, scale: f32, to: &mut [f32]) {
        to.iter_mut().zip(logits).for_each(|(to, logit)| *to = exp(logit - highest) * scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::Generator;

    const FIVE: Support = Support { n_atoms: 5, v_min: -2.0, v_max: 2.0 };

    fn logits(chances: &[f32]) -> Vec<f32> {
        chances.iter().map(|p| p.ln()).collect()
    }

    fn projected(support: Support, chances: &[f32], return_: f32, discount: f32) -> Vec<f32> {
        let mut to = vec![9.0; support.n_atoms];
        support.project(&logits(chances), return_, discount, &mut to);
        to
    }

    fn close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} for {expected:?}");
    }

    #[test]
    fn powers_of_e_are_the_librarys() {
        for x in (0..87_000).map(|i| -(i as f32) * 1e-3) {
            assert!((exp(x) / x.exp() - 1.0).abs() < 3e-7, "{x}: {} {}", exp(x), x.exp());
        }
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn projections_worked_out_by_hand() {
        let chances = [0.1, 0.2, 0.4, 0.2, 0.1];
        close(&projected(FIVE, &chances, 0.0, 1.0), &chances);
        // A whole place up: what was next to the end and at it piles up there.
        close(&projected(FIVE, &chances, 1.0, 1.0), &[0.0, 0.1, 0.2, 0.4, 0.3]);
        // A quarter of a place down.
        close(&projected(FIVE, &[0.0, 0.0, 1.0, 0.0, 0.0], -0.25, 1.0), &[0.0, 0.25, 0.75, 0.0, 0.0]);
        // Terminal: all at the return, wherever Z was.
        close(&projected(FIVE, &chances, 1.5, 0.0), &[0.0, 0.0, 0.0, 0.5, 0.5]);
        close(&projected(FIVE, &chances, -1.0, 0.0), &[0.0, 1.0, 0.0, 0.0, 0.0]);
        // Beyond the ends.
        close(&projected(FIVE, &chances, 100.0, 0.9), &[0.0, 0.0, 0.0, 0.0, 1.0]);
        close(&projected(FIVE, &chances, -100.0, 0.9), &[1.0, 0.0, 0.0, 0.0, 0.0]);
        for (return_, discount, beyond) in
            [(0.0, 1.0, 0.0), (1.0, 1.0, 0.1), (1.5, 1.0, 0.3), (-2.0, 0.0, 0.0), (-9.0, 0.9, 1.0)]
        {
            let found = FIVE.project(&logits(&chances), return_, discount, &mut [0.0; 5]);
            assert!((found - beyond).abs() < 1e-6, "{found} for {beyond}");
        }
    }

    /// As the paper's equation 7 has it: each place takes of each return by how near it is.
    #[test]
    fn a_projection_is_the_slow_sum() {
        let mut rng = Generator::new(1);
        let support = Support { n_atoms: 51, v_min: -10.0, v_max: 10.0 };
        for _ in 0..200 {
            let z: Vec<f32> = (0..51).map(|_| rng.uniform(-3.0, 3.0) as f32).collect();
            let (return_, discount) = (rng.uniform(-12.0, 12.0) as f32, rng.uniform(0.0, 1.0) as f32);
            let (mut found, mut chances) = (vec![0.0; 51], vec![0.0; 51]);
            support.project(&z, return_, discount, &mut found);
            softmax(&z, &mut chances);
            for (i, found) in found.iter().enumerate() {
                let of = |j: usize| {
                    let value = (return_ + discount * support.atom(j)).clamp(-10.0, 10.0);
                    chances[j] * (1.0 - (value - support.atom(i)).abs() / 0.4).max(0.0)
                };
                let slow: f32 = (0..51).map(of).sum();
                assert!((found - slow).abs() < 2e-5, "{i}: {found} {slow}");
            }
            assert!((found.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn slopes_agree_with_finite_differences() {
        let (z, target) = ([0.3, -1.0, 0.5, 2.0, 0.1], [0.1, 0.0, 0.5, 0.15, 0.25]);
        let (mut of_loss, mut of_mean) = ([0.0; 5], [0.0; 5]);
        FIVE.cross_entropy(&z, &target, &mut of_loss);
        FIVE.expectation_slope(&z, &mut of_mean);
        for i in 0..5 {
            let at = |by: f32| {
                let mut z = z;
                z[i] += by;
                (FIVE.cross_entropy(&z, &target, &mut [0.0; 5]), FIVE.expectation(&z))
            };
            let (up, down) = (at(1e-2), at(-1e-2));
            assert!((of_loss[i] - (up.0 - down.0) / 2e-2).abs() < 1e-3, "{i}");
            assert!((of_mean[i] - (up.1 - down.1) / 2e-2).abs() < 1e-3, "{i}");
        }
    }
}
