//! Value functions of quantiles.

use crate::critics::{Climb, Critics, Regression};
use crate::learner::Batch;
use crate::nn::{DeviceError, Net, Optimizer};
use crate::sac::SoftCritics;

/// Several value functions, each of which has quantiles of the return of a state and an action.
pub struct QuantileCritics {
    critics: Critics,
    /// Of the target quantiles of each transition, those that are left.
    kept: usize,
    targets: Vec<f32>,
    /// The target quantiles of one transition.
    mixture: Vec<f32>,
}

impl QuantileCritics {
    /// These, of which the greatest `dropped` for each network do not count in targets; at least one quantile does.
    pub(super) fn new(critics: Critics, dropped: usize) -> Self {
        let (count, quantiles) = (critics.networks().len(), critics.outputs());
        let kept = count * quantiles.saturating_sub(dropped).max(1);
        Self { critics, kept, targets: Vec::new(), mixture: Vec::new() }
    }

    /// See [`Tqc::targets`](super::Tqc::targets).
    pub(super) fn targets(&self) -> &[f32] {
        &self.targets
    }
}

impl SoftCritics for QuantileCritics {
    const LOSS_SCALE: f32 = 1.0;

    fn learn(
        &mut self,
        batch: &Batch,
        taken: &[f32],
        next_actions: &[f32],
        bonuses: &[f32],
        optimizer: &Optimizer,
    ) -> Result<Regression, DeviceError> {
        let Self { critics, kept, targets, mixture } = self;
        let (kept, n, quantiles) = (*kept, batch.len(), critics.outputs());
        // [network][row * quantiles + quantile]
        let next = critics.all(Net::Target, &batch.next_observations, next_actions)?;
        targets.clear();
        for (i, bonus) in bonuses.iter().enumerate() {
            mixture.clear();
            next.iter().for_each(|of| mixture.extend_from_slice(&of[i * quantiles..(i + 1) * quantiles]));
            mixture.sort_unstable_by(f32::total_cmp);
            targets.extend(mixture[..kept].iter().map(|z| batch.returns[i] + batch.discounts[i] * (z + bonus)));
        }
        let share = 1.0 / (n * critics.networks().len() * quantiles * kept) as f32;
        let now = (batch.observations.as_slice(), taken);
        critics.learn(now, optimizer, &mut |i, z, slope| {
            let goals = &targets[i * kept..(i + 1) * kept];
            let error = (z.iter().sum::<f32>() / z.len() as f32 - goals.iter().sum::<f32>() / kept as f32).abs();
            (quantile_huber(z, goals, batch.weights[i] * share, slope), error)
        })
    }

    fn climb(&mut self, observations: &[f32], actions: &[f32]) -> Result<(&[f32], f32), DeviceError> {
        self.critics.by_action(observations, actions, Climb::Mean)
    }

    fn critics(&self) -> &Critics {
        &self.critics
    }

    fn critics_mut(&mut self) -> &mut Critics {
        &mut self.critics
    }
}

/// `share` times the sum over quantiles zⱼ and goals yₖ of |τⱼ − [yₖ < zⱼ]| · huber(yₖ − zⱼ), τⱼ the middle of the jth part
/// of as many as there are quantiles; writes its slope by each quantile.
fn quantile_huber(z: &[f32], goals: &[f32], share: f32, slope: &mut [f32]) -> f32 {
    let parts = z.len() as f32;
    let mut loss = 0.0;
    for (j, (z, slope)) in z.iter().zip(slope).enumerate() {
        let tau = (j as f32 + 0.5) / parts;
        let mut sum = 0.0;
        for goal in goals {
            let error = goal - z;
            let weight = if error < 0.0 { 1.0 - tau } else { tau };
            let clipped = error.clamp(-1.0, 1.0);
            loss += weight * clipped * (error - 0.5 * clipped);
            sum -= weight * clipped;
        }
        *slope = share * sum;
    }
    share * loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::Generator;

    /// The sum written out in f64, as sb3-contrib has it.
    fn slow(z: &[f64], goals: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (j, z) in z.iter().enumerate() {
            for goal in goals {
                let delta = goal - z;
                let huber = if delta.abs() > 1.0 { delta.abs() - 0.5 } else { 0.5 * delta * delta };
                let below = if delta < 0.0 { 1.0 } else { 0.0 };
                sum += ((j as f64 + 0.5) / 5.0 - below).abs() * huber;
            }
        }
        sum
    }

    #[test]
    fn the_loss_and_its_slope_are_those_of_the_sum_written_out() {
        let mut rng = Generator::new(2);
        for _ in 0..100 {
            let mut draw = |n: usize| (0..n).map(|_| rng.uniform(-3.0, 3.0)).collect::<Vec<f64>>();
            let (z, goals) = (draw(5), draw(7));
            let narrow = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<_>>();
            let mut slope = [9.0; 5];
            let found = quantile_huber(&narrow(&z), &narrow(&goals), 0.1, &mut slope);
            assert!((f64::from(found) - 0.1 * slow(&z, &goals)).abs() < 1e-4);
            for (j, slope) in slope.iter().enumerate() {
                let at = |by: f64| {
                    let mut z = z.clone();
                    z[j] += by;
                    0.1 * slow(&z, &goals)
                };
                let expected = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!((f64::from(*slope) - expected).abs() < 1e-4, "{j}: {slope} {expected}");
            }
        }
    }
}
