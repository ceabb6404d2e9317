//! Value functions of actions that are numbers, which are kept down where there is no data.

use cartwheel_envs::Generator;
use rand_distr::{Distribution as _, StandardNormal};

use super::CqlConfig;
use crate::algorithm::Acting;
use crate::critic_ensemble::{Critics, Regression};
use crate::learner::Batch;
use crate::nn::{Device, DeviceError, Net, Network, NnError, Optimizer, ScalarAdam};
use crate::sac::{Drawn, PolicyActions, Soft, SoftCritics, SoftRule};

/// A squashed Gaussian policy and its value functions, which learn by CQL.
pub type ContinuousCql = Soft<ConservativeCritics>;

/// Value functions of which the least counts, and which think no better of other actions than of those in the data.
pub struct ConservativeCritics {
    weight: f32,
    /// The logarithm of what `weight` is multiplied by, where a threshold is to be kept.
    multiplier: Option<Multiplier>,
    n_action_samples: usize,
    soft_q_backup: bool,
    targets: Vec<f32>,
    sampled: Sampled,
    /// States with the actions that were taken there, and then with those that were sampled there.
    observations: Vec<f32>,
    actions: Vec<f32>,
    metrics: Vec<(&'static str, f32)>,
}

/// Several actions for each state of a batch.
#[derive(Default)]
struct Sampled {
    /// Drawn from the policy in the state, from the policy in the state that followed, and uniformly: as many of each, state
    /// after state, `[n, 3 · samples, dimensions]`.
    actions: Vec<f32>,
    /// Logarithms of their densities, `[n, 3 · samples]`.
    log_probs: Vec<f32>,
}

/// What makes the conservative loss cost so much that it stays at a threshold.
struct Multiplier {
    log_alpha: ScalarAdam,
    threshold: f32,
    learning_rate: f64,
}

impl ContinuousCql {
    /// Fresh networks, initialized from `rng`.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(config: &CqlConfig, acting: &Acting, device: Device, rng: &mut Generator) -> Result<Self, NnError> {
        let rule = SoftRule {
            learning_rate: config.learning_rate,
            actor_learning_rate: config.actor_learning_rate,
            tau: config.tau as f32,
            target_update_interval: 1,
            ent_coef: config.ent_coef,
            target_entropy: config.target_entropy,
            log_std_init: 0.0,
        };
        let multiplier = |threshold: f64| Multiplier {
            log_alpha: ScalarAdam::new(0.0),
            threshold: threshold as f32,
            learning_rate: config.alpha_learning_rate,
        };
        let learning = ConservativeCritics {
            weight: config.conservative_weight.unwrap_or(5.0) as f32,
            multiplier: config.alpha_threshold.map(multiplier),
            n_action_samples: config.n_action_samples,
            soft_q_backup: config.soft_q_backup,
            targets: Vec::new(),
            sampled: Sampled::default(),
            observations: Vec::new(),
            actions: Vec::new(),
            metrics: Vec::new(),
        };
        Self::with(rule, acting, device, rng, config.value_functions(acting), learning)
    }

    /// y of each transition of the last batch.
    pub fn targets(&self) -> &[f32] {
        &self.learning().targets
    }
}

impl Multiplier {
    /// The most that it becomes, as in d3rlpy.
    const MOST: f64 = 1e6;

    fn alpha(&self) -> f32 {
        self.log_alpha.value().exp().min(Self::MOST) as f32
    }

    /// A step of Adam up α · Σ (weighted loss − threshold) over the value functions, whose sum is `over`.
    fn update(&mut self, over: f32) {
        let alpha = self.log_alpha.value().exp();
        let by_log = if alpha < Self::MOST { alpha } else { 0.0 };
        self.log_alpha.step(-by_log * f64::from(over), self.learning_rate);
    }
}

impl ConservativeCritics {
    /// Puts the states of `batch` with the actions taken there before the same states with the actions sampled there.
    fn gather(&mut self, batch: &Batch, taken: &[f32]) {
        let n = batch.len();
        let (width, each) = (batch.observations.len() / n, 3 * self.n_action_samples);
        self.observations.clone_from(&batch.observations);
        for state in batch.observations.chunks_exact(width) {
            (0..each).for_each(|_| self.observations.extend_from_slice(state));
        }
        self.actions.clear();
        self.actions.extend_from_slice(taken);
        self.actions.extend_from_slice(&self.sampled.actions);
    }
}

impl SoftCritics for ConservativeCritics {
    fn look(
        &mut self,
        actor: &mut dyn Network,
        drawn: &mut Drawn,
        batch: &Batch,
        rng: &mut Generator,
    ) -> Result<(), DeviceError> {
        let (n, samples, stride) = (batch.len(), self.n_action_samples, actor.mlp().output_stride());
        let dimensions = actor.mlp().outputs() / 2;
        let Sampled { actions, log_probs } = &mut self.sampled;
        actions.resize(3 * samples * n * dimensions, 0.0);
        log_probs.resize(3 * samples * n, 0.0);
        let mut noise = vec![0.0; dimensions];
        for (kind, states) in [&batch.observations, &batch.next_observations].into_iter().enumerate() {
            let outputs = actor.forward(Net::Online, states, n)?;
            for (i, outputs) in outputs.chunks_exact(stride).take(n).enumerate() {
                for sample in 0..samples {
                    noise.fill_with(|| StandardNormal.sample(rng));
                    drawn.draw(outputs, stride, &noise, dimensions);
                    let at = (3 * i + kind) * samples + sample;
                    actions[at * dimensions..(at + 1) * dimensions].copy_from_slice(&drawn.actions);
                    log_probs[at] = drawn.log_probs[0];
                }
            }
        }
        for at in (0..n).flat_map(|i| (3 * i + 2) * samples..3 * (i + 1) * samples) {
            let own = &mut actions[at * dimensions..(at + 1) * dimensions];
            own.iter_mut().for_each(|number| *number = rng.uniform(-1.0, 1.0) as f32);
            log_probs[at] = -(dimensions as f32) * std::f32::consts::LN_2;
        }
        Ok(())
    }

    fn learn(
        &mut self,
        critics: &mut Critics,
        batch: &Batch,
        taken: &[f32],
        policy: &PolicyActions,
        optimizer: &Optimizer,
    ) -> Result<Regression, DeviceError> {
        // y = return + discount · min Q'(s', a'), with the entropy of a' where that is asked for.
        let next = critics.least(Net::Target, &batch.next_observations, &policy.next)?;
        self.targets.clear();
        for (i, next) in next.iter().enumerate() {
            let bonus = if self.soft_q_backup { policy.bonuses[i] } else { 0.0 };
            self.targets.push(batch.returns[i] + batch.discounts[i] * (next + bonus));
        }
        self.gather(batch, taken);
        let (n, each, weight) = (batch.len(), 3 * self.n_action_samples, self.weight);
        let alpha = self.multiplier.as_ref().map_or(1.0, Multiplier::alpha);
        let (count, share) = (critics.networks().len() as f32, 1.0 / n as f32);
        let (targets, log_probs) = (&self.targets, &self.sampled.log_probs);
        let (mut result, mut conservative) = (Regression::default(), 0.0);
        let mut loss = |q: &[f32], stride: usize, grad: &mut [f32]| {
            let (mut error_loss, mut gap) = (0.0, 0.0);
            for i in 0..n {
                let (value, error) = (q[i * stride], q[i * stride] - targets[i]);
                error_loss += share * batch.weights[i] * error * error;
                result.mean_q += share / count * value;
                // log Σⱼ exp(Q(s, aⱼ) − log density of aⱼ) − Q(s, a).
                let row = |j: usize| (n + i * each + j) * stride;
                let weighted = |j: usize| q[row(j)] - log_probs[i * each + j];
                let highest = (0..each).map(weighted).fold(f32::NEG_INFINITY, f32::max);
                let log_sum = highest + (0..each).map(|j| (weighted(j) - highest).exp()).sum::<f32>().ln();
                gap += share * (log_sum - value);
                let push = alpha * weight * share;
                grad[i * stride] = 2.0 * share * batch.weights[i] * error - push;
                (0..each).for_each(|j| grad[row(j)] = push * (weighted(j) - log_sum).exp());
            }
            result.loss += error_loss;
            conservative += gap;
            error_loss + alpha * weight * gap
        };
        let now = (self.observations.as_slice(), self.actions.as_slice());
        critics.descend(now, optimizer, &mut loss)?;
        self.metrics.clear();
        self.metrics.push(("train/conservative_loss", conservative / count));
        if let Some(multiplier) = &mut self.multiplier {
            self.metrics.push(("train/alpha", alpha));
            multiplier.update(weight * conservative - count * multiplier.threshold);
        }
        Ok(result)
    }

    fn metrics(&self) -> &[(&'static str, f32)] {
        &self.metrics
    }

    fn numbers(&self) -> Vec<f64> {
        self.multiplier.iter().flat_map(|multiplier| multiplier.log_alpha.numbers()).collect()
    }

    fn restore(&mut self, numbers: &[f64]) {
        if let Some(multiplier) = &mut self.multiplier {
            multiplier.log_alpha.restore(numbers);
        }
    }
}
