//! How likely actions are by outputs, and the gradients of that.

use cartwheel_envs::Action;

use super::{ActionHead, Chances, HALF_LN_TAU, Head};

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

    /// Works out what is needed of rows of `outputs`, one every `stride` numbers, for [`log_prob_of`](Self::log_prob_of) and
    /// [`add_grads`](Self::add_gradients).
    pub(crate) fn weigh(&self, outputs: &[f32], stride: usize, to: &mut Chances) {
        if self.head == Head::Categorical {
            to.fill(&self.counts, outputs, stride);
        }
    }

    /// [`log_prob`](Self::log_prob) of an action in row number `row` of those that were weighed.
    #[inline]
    pub(crate) fn log_prob_of(&self, chances: &Chances, row: usize, outputs: &[f32], action: Action<'_>) -> f32 {
        match (self.head, action) {
            (Head::Categorical, Action::Discrete(action)) => chances.log_chance(row, action as usize),
            (Head::Categorical, Action::Multi(actions)) => {
                let parts = self.parts(outputs).zip(actions);
                parts.map(|((first, _), action)| chances.log_chance(row, first + *action as usize)).sum()
            }
            _ => self.log_prob(outputs, action),
        }
    }

    /// Adds to `grad` the gradients by the outputs of `by_log_prob` times the logarithm of `action`'s chance and
    /// `by_entropy` times the entropy, which it answers. The outputs are row number `row` of those that were weighed.
    pub(crate) fn add_grads(
        &self,
        (chances, row): (&Chances, usize),
        outputs: &[f32],
        action: Action<'_>,
        [by_log_prob, by_entropy]: [f32; 2],
        grad: &mut [f32],
    ) -> f32 {
        let of_part = |(part, ((first, logits), action)): (usize, ((usize, &[f32]), &i32))| {
            let choice = [part, first, logits.len(), *action as usize];
            chances.add_grads(row, choice, [by_log_prob, by_entropy], grad)
        };
        match (self.head, action) {
            (Head::Categorical, Action::Discrete(action)) => {
                self.parts(outputs).zip(&[action]).enumerate().map(of_part).sum()
            }
            (Head::Categorical, Action::Multi(actions)) => {
                self.parts(outputs).zip(actions).enumerate().map(of_part).sum()
            }
            (Head::Gaussian, Action::Continuous(values)) => {
                let d = values.len();
                let mut entropy = 0.0;
                for (i, value) in values.iter().enumerate() {
                    let (log_std, inverse) = (outputs[d + i], (-outputs[d + i]).exp());
                    let z = (value - outputs[i]) * inverse;
                    grad[i] += by_log_prob * z * inverse;
                    grad[d + i] += by_log_prob * (z * z - 1.0) + by_entropy;
                    entropy += log_std + 0.5 + HALF_LN_TAU;
                }
                entropy
            }
            _ => 0.0,
        }
    }
}

/// The logarithm of the chance of `choice`.
#[inline]
fn log_softmax(logits: &[f32], choice: i32) -> f32 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    logits[choice as usize] - highest - sum.ln()
}
