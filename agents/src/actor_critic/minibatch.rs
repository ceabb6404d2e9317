//! Rows of a rollout that one gradient step is about.

use cartwheel_envs::{ActionRows, Generator};

use super::Coefficients;
use crate::learner::RolloutBatch;
use crate::mask::select;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Minibatch {
    pub(super) x: Vec<f32>,
    pub(super) actions: ActionRows,
    pub(super) log_probs: Vec<f32>,
    pub(super) advantages: Vec<f32>,
    pub(super) returns: Vec<f32>,
    pub(super) values: Vec<f32>,
    /// Which actions are valid; empty where all always are.
    pub(super) masks: Vec<bool>,
}

impl Minibatch {
    /// Becomes these rows, with what is known of each row of the rollout: its advantage, return and value.
    pub(super) fn fill(
        &mut self,
        rows: &[usize],
        width: usize,
        rollout: &RolloutBatch,
        (advantages, returns, values): (&[f32], &[f32], &[f32]),
    ) {
        self.x.clear();
        self.actions.resize(rows.len());
        for numbers in [&mut self.log_probs, &mut self.advantages, &mut self.returns, &mut self.values] {
            numbers.clear();
        }
        select(&rollout.masks, rollout.len(), rows, &mut self.masks);
        for (slot, &row) in rows.iter().enumerate() {
            self.x.extend_from_slice(&rollout.observations[row * width..(row + 1) * width]);
            self.actions.set(slot, rollout.actions.get(row));
            self.log_probs.push(rollout.log_probs[row]);
            self.advantages.push(advantages[row]);
            self.returns.push(returns[row]);
            self.values.push(values[row]);
        }
    }

    /// Brings the advantages to mean 0 and standard deviation 1, if there is more than one.
    pub(super) fn normalize(&mut self) {
        let n = self.advantages.len() as f32;
        if n > 1.0 {
            let mean = self.advantages.iter().sum::<f32>() / n;
            let variance = self.advantages.iter().map(|a| (a - mean) * (a - mean)).sum::<f32>() / (n - 1.0);
            let scale = 1.0 / (variance.sqrt() + 1e-8);
            self.advantages.iter_mut().for_each(|a| *a = (*a - mean) * scale);
        }
    }

    /// The mean square of how far values are from returns, and `vf_coef` times its gradient by them: of rows that are `stride` apart,
    /// the first number of each.
    pub(super) fn value_loss(
        &self,
        coefficients: Coefficients,
        stride: usize,
        outputs: &[f32],
        grad: &mut [f32],
    ) -> f32 {
        let (share, mut loss) = (1.0 / self.returns.len() as f32, 0.0);
        for (i, goal) in self.returns.iter().enumerate() {
            let (value, before) = (outputs[i * stride], self.values[i]);
            let moved = value - before;
            let (value, free) = match coefficients.clip_range_vf {
                Some(clip) => (before + moved.clamp(-clip, clip), moved.abs() <= clip),
                None => (value, true),
            };
            loss += share * (value - goal) * (value - goal);
            grad[i * stride] = if free { coefficients.vf_coef * 2.0 * share * (value - goal) } else { 0.0 };
        }
        loss
    }
}

/// Fisher and Yates' shuffle.
pub(crate) fn shuffle(order: &mut [usize], rng: &mut Generator) {
    for i in (1..order.len()).rev() {
        order.swap(i, rng.below(i as u64 + 1) as usize);
    }
}
