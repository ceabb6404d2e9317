//! Actions drawn from what outputs are of, or from all there are.

use cartwheel_envs::{ActionRows, Generator};
use rand_distr::{Distribution as _, StandardNormal};

use super::{ActionHead, Head, clamp_log_std};
use crate::policy::argmax;

impl ActionHead {
    /// Writes an action drawn from the distribution that `outputs` are of to row `i`; the best where they are of none.
    #[inline]
    pub fn sample(&self, outputs: &[f32], rng: &mut Generator, i: usize, to: &mut ActionRows) {
        match (self.head, to) {
            (Head::QValues | Head::Tanh | Head::Distribution(_) | Head::Quantiles(_), to) => {
                self.greedy(outputs, i, to)
            }
            (_, ActionRows::Discrete(actions)) => actions[i] = draw(&outputs[..self.counts[0]], rng),
            (_, ActionRows::Multi { width, values }) => {
                for (action, (_, logits)) in values[i * *width..].iter_mut().zip(self.parts(outputs)) {
                    *action = draw(logits, rng);
                }
            }
            (_, ActionRows::Continuous { width, values }) => {
                let (means, log_stds) = outputs.split_at(*width);
                for (value, (mean, log_std)) in
                    values[i * *width..].iter_mut().zip(means.iter().zip(log_stds)).take(*width)
                {
                    let noise: f32 = StandardNormal.sample(rng);
                    *value = match self.head {
                        Head::SquashedGaussian => (mean + clamp_log_std(*log_std).exp() * noise).tanh(),
                        _ => mean + log_std.exp() * noise,
                    };
                }
            }
        }
    }

    /// Writes the best action with `noise` added to each number, before it is squashed, to row `i`: of actions that are numbers.
    #[inline]
    pub fn explore(&self, outputs: &[f32], noise: impl Fn(usize) -> f32, i: usize, to: &mut ActionRows) {
        let ActionRows::Continuous { width, values } = to else { return self.greedy(outputs, i, to) };
        for (d, value) in values[i * *width..(i + 1) * *width].iter_mut().enumerate() {
            let sum = outputs[d] + noise(d);
            *value = if self.squashes() { sum.tanh() } else { sum };
        }
    }

    /// Writes any action that is valid, each as likely as the others, to row `i`; any at all by no flags.
    #[inline]
    pub fn random_valid(&self, valid: &[bool], rng: &mut Generator, i: usize, to: &mut ActionRows) {
        let (ActionRows::Discrete(actions), false) = (&mut *to, valid.is_empty()) else {
            return self.random(rng, i, to);
        };
        let choices = || (0..).zip(valid).filter(|(_, valid)| **valid).map(|(choice, _)| choice);
        let drawn = rng.below(choices().count().max(1) as u64) as usize;
        actions[i] = choices().nth(drawn).unwrap_or_default();
    }

    /// Writes any action, each as likely as the others, to row `i`.
    #[inline]
    pub fn random(&self, rng: &mut Generator, i: usize, to: &mut ActionRows) {
        match to {
            ActionRows::Discrete(actions) => actions[i] = rng.below(self.counts[0] as u64) as i32,
            ActionRows::Multi { width, values } => {
                for (action, n) in values[i * *width..].iter_mut().zip(&self.counts) {
                    *action = rng.below(*n as u64) as i32;
                }
            }
            ActionRows::Continuous { width, values } => {
                if self.squashes() {
                    let own = &mut values[i * *width..(i + 1) * *width];
                    own.iter_mut().for_each(|value| *value = rng.uniform(-1.0, 1.0) as f32);
                    return;
                }
                for (value, (low, high)) in values[i * *width..].iter_mut().zip(self.low.iter().zip(&self.high)) {
                    // As Gymnasium's Box draws where it has no bound.
                    *value = match (low.is_finite(), high.is_finite()) {
                        (true, true) => rng.uniform(f64::from(*low), f64::from(*high)) as f32,
                        (false, false) => StandardNormal.sample(rng),
                        (true, false) => low - (1.0 - rng.random()).ln() as f32,
                        (false, true) => high + (1.0 - rng.random()).ln() as f32,
                    };
                }
            }
        }
    }
}

/// A choice by its logits.
#[inline]
fn draw(logits: &[f32], rng: &mut Generator) -> i32 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    let mut left = rng.random() as f32 * sum;
    for (i, logit) in logits.iter().enumerate() {
        left -= (logit - highest).exp();
        if left < 0.0 {
            return i as i32;
        }
    }
    // Rounding can leave a little; what has no chance is not chosen for that.
    argmax(logits) as i32
}
