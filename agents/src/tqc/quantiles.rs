//! Value functions of quantiles.

use crate::critic::Climb;
use crate::critic_ensemble::{Critics, Regression};
use crate::learner::Batch;
use crate::nn::{DeviceError, Net, Optimizer};
use crate::quantiles::quantile_huber;
use crate::sac::{PolicyActions, SoftCritics};

/// Several value functions, each of which has quantiles of the return of a state and an action.
pub struct QuantileCritics {
    /// Of the target quantiles of each transition, those that are left.
    kept: usize,
    targets: Vec<f32>,
    /// The target quantiles of one transition.
    mixture: Vec<f32>,
}

impl QuantileCritics {
    /// `count` networks with so many `quantiles` each, of which the greatest `dropped` for each network, fewer than it has, do
    /// not count in targets.
    pub(super) fn new(count: usize, quantiles: usize, dropped: usize) -> Self {
        let kept = count * (quantiles - dropped);
        Self { kept, targets: Vec::new(), mixture: Vec::new() }
    }

    /// See [`Tqc::targets`](super::Tqc::targets).
    pub(super) fn targets(&self) -> &[f32] {
        &self.targets
    }
}

impl SoftCritics for QuantileCritics {
    const CLIMB: Climb = Climb::Mean;

    fn learn(
        &mut self,
        critics: &mut Critics,
        batch: &Batch,
        taken: &[f32],
        policy: &PolicyActions,
        optimizer: &Optimizer,
    ) -> Result<Regression, DeviceError> {
        let Self { kept, targets, mixture } = self;
        let (kept, n, quantiles) = (*kept, batch.len(), critics.outputs());
        // [network][row * quantiles + quantile]
        let next = critics.all(Net::Target, &batch.next_observations, &policy.next)?;
        targets.clear();
        for (i, bonus) in policy.bonuses.iter().enumerate() {
            mixture.clear();
            next.iter().for_each(|of| mixture.extend_from_slice(&of[i * quantiles..(i + 1) * quantiles]));
            // The least of them, in any order.
            mixture.select_nth_unstable_by(kept - 1, f32::total_cmp);
            targets.extend(mixture[..kept].iter().map(|z| batch.returns[i] + batch.discounts[i] * (z + bonus)));
        }
        let share = 1.0 / (n * critics.networks().len() * quantiles) as f32;
        let now = (batch.observations.as_slice(), taken);
        critics.learn(now, optimizer, &mut |i, z, grad| {
            let goals = &targets[i * kept..(i + 1) * kept];
            let share = batch.weights[i] * share;
            let loss = share * quantile_huber(None, z, goals, grad);
            grad.iter_mut().for_each(|grad| *grad *= share);
            loss
        })
    }
}
