//! Distributions of returns over equally spaced values (Bellemare et al. 2017, *A distributional perspective on
//! reinforcement learning*): C51's, as logits.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::nn::{Isa, vectorized};

/// Logits that are worked on at once: a vector of them.
const LANES: usize = 16;

/// The numbers of the lanes.
const PLACES: [f32; LANES] = {
    let (mut places, mut i) = ([0.0; LANES], 0);
    while i < LANES {
        places[i] = i as f32;
        i += 1;
    }
    places
};

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
        self.v_min + mean_place(Isa::detect(), logits) * self.spacing() as f32
    }

    /// Writes the gradient of [`expectation`](Self::expectation) by each logit.
    pub(crate) fn expectation_grad(&self, logits: &[f32], grad: &mut [f32]) {
        let mean = self.expectation(logits);
        softmax(logits, grad);
        grad.iter_mut().enumerate().for_each(|(i, p)| *p *= self.atom(i) - mean);
    }

    /// Writes to `to` the distribution of `return_` + `discount` · Z, where Z has these logits: each chance goes to the two
    /// nearest places in proportion, and to the first or last from beyond them. Answers the chance of what was beyond.
    pub(crate) fn project(&self, logits: &[f32], return_: f32, discount: f32, to: &mut [f32]) -> f32 {
        project(Isa::detect(), logits, *self, [return_, discount], to)
    }

    /// The cross-entropy of `target` and the distribution with these logits; writes its gradient by each logit.
    pub(crate) fn cross_entropy(&self, logits: &[f32], target: &[f32], grad: &mut [f32]) -> f32 {
        let log_sum = chances(Isa::detect(), logits, grad);
        let mut loss = 0.0;
        for ((grad, logit), target) in grad.iter_mut().zip(logits).zip(target) {
            loss += target * (log_sum - logit);
            *grad -= target;
        }
        loss
    }
}

/// Writes the chances that logits stand for.
pub(crate) fn softmax(logits: &[f32], to: &mut [f32]) {
    chances(Isa::detect(), logits, to);
}

/// Neighbouring logits, as many as fit a vector.
struct Vector {
    logits: [f32; LANES],
    /// The place of the first, which may be one that the vector before has as well.
    first: usize,
    /// Those that no other vector has.
    own: Range<usize>,
}

/// All of them; the last vector begins within the one before it where that is no whole number of vectors.
#[inline(always)]
fn vectors(logits: &[f32]) -> impl Iterator<Item = Vector> {
    (0..logits.len()).step_by(LANES).map(move |start| {
        let Some(last) = logits.len().checked_sub(LANES) else {
            let mut few = [f32::NEG_INFINITY; LANES];
            few.iter_mut().zip(logits).for_each(|(to, logit)| *to = *logit);
            return Vector { logits: few, first: 0, own: 0..logits.len() };
        };
        let first = start.min(last);
        Vector { logits: logits[first..].as_chunks().0[0], first, own: start - first..LANES }
    })
}

impl Vector {
    /// e^(z − `highest`) of the logits z that are its own, and 0 in place of others.
    #[inline(always)]
    fn exps(&self, highest: f32) -> [f32; LANES] {
        /// A run of ones with zeros around it: somewhere in it are those of every vector. Comparing places would cost more.
        const ONES: [f32; 3 * LANES] = {
            let (mut ones, mut i) = ([0.0; 3 * LANES], LANES);
            while i < 2 * LANES {
                ones[i] = 1.0;
                i += 1;
            }
            ones
        };
        let own = &ONES[2 * LANES - self.own.start - self.own.end..][..LANES];
        let mut exps = self.logits;
        exps.iter_mut().zip(own).for_each(|(z, own)| *z = exp(*z - highest) * own);
        exps
    }
}

/// Folds the upper half of the lanes onto the lower one, and so on, down to a single number.
macro_rules! fold_halves {
    ($lanes:ident, $of:expr, $($half:literal)*) => {{
        $(for i in 0..$half {
            $lanes[i] = $of($lanes[i], $lanes[i + $half]);
        })*
        $lanes[0]
    }};
}

/// The sum of the lanes. Not inlined: the compiler would take the loop before it apart, lane by lane, to add two such sums at once.
#[inline(never)]
fn total(mut lanes: [f32; LANES]) -> f32 {
    fold_halves!(lanes, |a, b| a + b, 8 4 2 1)
}

/// The greatest of the logits.
#[inline(always)]
fn highest(logits: &[f32]) -> f32 {
    // Not `f32::max`: what becomes of a NaN does not matter, for all that is made of it is one.
    let greater = |a, b| if a > b { a } else { b };
    let mut most = [f32::NEG_INFINITY; LANES];
    for vector in vectors(logits) {
        most.iter_mut().zip(vector.logits).for_each(|(most, logit)| *most = greater(*most, logit));
    }
    fold_halves!(most, greater, 8 4 2 1)
}

/// e to the power of `x`, which is not above 0, to a few units in the last place: a polynomial, so that loops over it become
/// vectors, the one of Cephes' `expf`. Below -87 it is that of -87, next to nothing.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
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
    /// The mean of the places by the chances that the logits stand for.
    fn mean_place(logits: &[f32]) -> f32 {
        let highest = highest(logits);
        let (mut sum, mut places) = ([0.0f32; LANES], [0.0f32; LANES]);
        for vector in vectors(logits) {
            let (exps, first) = (vector.exps(highest), vector.first as f32);
            sum.iter_mut().zip(&exps).for_each(|(sum, exp)| *sum += exp);
            let terms = exps.iter().zip(&PLACES);
            places.iter_mut().zip(terms).for_each(|(sum, (exp, place))| *sum += exp * (first + place));
        }
        total(places) / total(sum)
    }
}

vectorized! {
    /// Writes the chances that the logits z stand for; answers log Σ e^z.
    fn chances(logits: &[f32], to: &mut [f32]) -> f32 {
        let highest = highest(logits);
        let mut sum = [0.0f32; LANES];
        for vector in vectors(logits) {
            let exps = vector.exps(highest);
            sum.iter_mut().zip(&exps).for_each(|(sum, exp)| *sum += exp);
            to[vector.first + vector.own.start..].iter_mut().zip(&exps[vector.own]).for_each(|(to, exp)| *to = *exp);
        }
        let sum = total(sum);
        let scale = 1.0 / sum;
        to[..logits.len()].iter_mut().for_each(|chance| *chance *= scale);
        highest + sum.ln()
    }
}

vectorized! {
    /// See [`Support::project`]. What goes to each place is divided by the sum of all at the end.
    fn project(logits: &[f32], support: Support, moved: [f32; 2], to: &mut [f32]) -> f32 {
        /// Added to a number, it leaves the nearest whole number in the lowest bits. A cast, which has an answer for numbers
        /// that are none, takes the loop apart.
        const WHOLE: f64 = 4_503_599_627_370_496.0;
        let ([return_, discount], last) = (moved.map(f64::from), support.n_atoms - 1);
        let (v_min, spacing) = (f64::from(support.v_min), support.spacing());
        let highest = highest(logits);
        let (mut sum, mut beyond) = ([0.0f32; LANES], [0.0f32; LANES]);
        to.fill(0.0);
        for vector in vectors(logits) {
            let (exps, first) = (vector.exps(highest), vector.first as f64);
            let (mut places, mut shares) = ([0u32; LANES], [0.0f32; LANES]);
            for i in 0..LANES {
                // Where a return lies on a place, f64 keeps it there to the last bit of an f32.
                let value = return_ + discount * (v_min + (first + i as f64) * spacing);
                // A NaN goes to the first place; the loss, made of the same network, ends the run.
                let exact = (value - v_min) / spacing;
                let place = exact.max(0.0).min(last as f64);
                let nearest = place + WHOLE - WHOLE;
                let below = if nearest > place { nearest - 1.0 } else { nearest };
                places[i] = (below + WHOLE).to_bits() as u32;
                shares[i] = (place - below) as f32;
                sum[i] += exps[i];
                // More than rounding.
                beyond[i] += if (exact - place).abs() > 1e-3 { exps[i] } else { 0.0 };
            }
            for i in vector.own.clone() {
                let below = places[i] as usize;
                to[below] += exps[i] * (1.0 - shares[i]);
                to[(below + 1).min(last)] += exps[i] * shares[i];
            }
        }
        let scale = 1.0 / total(sum);
        to.iter_mut().for_each(|chance| *chance *= scale);
        total(beyond) * scale
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
    fn grads_agree_with_finite_differences() {
        let (z, target) = ([0.3, -1.0, 0.5, 2.0, 0.1], [0.1, 0.0, 0.5, 0.15, 0.25]);
        let (mut of_loss, mut of_mean) = ([0.0; 5], [0.0; 5]);
        FIVE.cross_entropy(&z, &target, &mut of_loss);
        FIVE.expectation_grad(&z, &mut of_mean);
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
