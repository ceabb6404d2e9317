//! How likely actions are by outputs, and the slopes of that.

use cartwheel_envs::Action;

use super::{ActionHead, HALF_LN_TAU, Head};

impl ActionHead {
    /// The logarithm of the chance (or its density) of `action` by the distribution that `outputs` are of; 0 where they
    /// are of none, or of one that is squashed.
    #[inline]
    pub fn log_prob(&self, outputs: &[f32], action: Action<'_>) -> f32 {
        match (self.head, action) {
            (Head::QValues | Head::SquashedGaussian | Head::Tanh | Head::Distribution(_) | Head::Quantiles(_), _) => {
                0.0
            }
            (_, Action::Discrete(action)) => log_softmax(&outputs[..self.counts[0]], action),
            (_, Action::Multi(actions)) => {
                self.parts(outputs).zip(actions).map(|((_, logits), action)| log_softmax(logits, *action)).sum()
            }
            (_, Action::Continuous(values)) => {
                let (means, log_stds) = outputs.split_at(values.len());
                let of = |((value, mean), log_std): ((&f32, &f32), &f32)| {
                    let z = (value - mean) / log_std.exp();
                    -0.5 * z * z - log_std - HALF_LN_TAU
                };
                values.iter().zip(means).zip(log_stds).map(of).sum()
            }
        }
    }

    /// Adds to `slope` the slopes by the outputs of `by_log_prob` times the logarithm of `action`'s chance and
    /// `by_entropy` times the entropy, which it answers.
    pub(crate) fn add_slopes(
        &self,
        outputs: &[f32],
        action: Action<'_>,
        by_log_prob: f32,
        by_entropy: f32,
        slope: &mut [f32],
    ) -> f32 {
        match (self.head, action) {
            (Head::QValues | Head::SquashedGaussian | Head::Tanh | Head::Distribution(_) | Head::Quantiles(_), _) => {
                0.0
            }
            (_, Action::Continuous(values)) => {
                let d = values.len();
                let mut entropy = 0.0;
                for (i, value) in values.iter().enumerate() {
                    let (log_std, inverse) = (outputs[d + i], (-outputs[d + i]).exp());
                    let z = (value - outputs[i]) * inverse;
                    slope[i] += by_log_prob * z * inverse;
                    slope[d + i] += by_log_prob * (z * z - 1.0) + by_entropy;
                    entropy += log_std + 0.5 + HALF_LN_TAU;
                }
                entropy
            }
            (_, Action::Discrete(action)) => {
                self.add_slopes_of_parts(outputs, &[action], by_log_prob, by_entropy, slope)
            }
            (_, Action::Multi(actions)) => self.add_slopes_of_parts(outputs, actions, by_log_prob, by_entropy, slope),
        }
    }

    fn add_slopes_of_parts(
        &self,
        outputs: &[f32],
        actions: &[i32],
        by_log_prob: f32,
        by_entropy: f32,
        slope: &mut [f32],
    ) -> f32 {
        let mut entropy = 0.0;
        for ((first, logits), action) in self.parts(outputs).zip(actions) {
            let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let log_sum = highest + logits.iter().map(|logit| (logit - highest).exp()).sum::<f32>().ln();
            let of_part: f32 = logits.iter().map(|logit| (logit - log_sum).exp() * (log_sum - logit)).sum();
            let slope = &mut slope[first..first + logits.len()];
            for (slope, logit) in slope.iter_mut().zip(logits) {
                let log_p = logit - log_sum;
                let p = log_p.exp();
                *slope -= by_log_prob * p + by_entropy * p * (log_p + of_part);
            }
            slope[*action as usize] += by_log_prob;
            entropy += of_part;
        }
        entropy
    }
}

/// The logarithm of the chance of `choice`.
#[inline]
fn log_softmax(logits: &[f32], choice: i32) -> f32 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    logits[choice as usize] - highest - sum.ln()
}
