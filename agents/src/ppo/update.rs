//! The update rule.

use cartwheel_envs::Generator;

use super::PpoConfig;
use crate::actor_critic::{ActorCritic, Choice, Coefficients, Gradient, Metrics, Networks};
use crate::learner::{Progress, RolloutBatch};
use crate::nn::{DeviceError, Method, Optimizer};
use crate::schedule::Schedule;

/// A policy and a value function that learn by PPO.
pub type Ppo = ActorCritic<PpoConfig>;

/// Sums over the gradient steps of an update.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    steps: f32,
    gradient: Gradient,
    kl: f32,
    clipped: f32,
}

impl Sums {
    fn add(&mut self, gradient: &Gradient, kl: f32, clipped: f32) {
        self.steps += 1.0;
        self.gradient.loss += gradient.loss;
        self.gradient.policy_loss += gradient.policy_loss;
        self.gradient.value_loss += gradient.value_loss;
        self.gradient.entropy += gradient.entropy;
        self.gradient.norm += gradient.norm;
        self.kl += kl;
        self.clipped += clipped;
    }
}

/// What the rule is told of settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PpoRule {
    pub(crate) learning_rate: Schedule,
    pub(crate) adam_eps: f64,
    pub(crate) batch_size: usize,
    pub(crate) n_epochs: usize,
    pub(crate) gamma: f32,
    pub(crate) gae_lambda: f32,
    pub(crate) clip_range: Schedule,
    pub(crate) coefficients: Coefficients,
    pub(crate) normalize_advantage: bool,
    /// Infinite for no clipping.
    pub(crate) max_grad_norm: f32,
    pub(crate) target_kl: Option<f32>,
}

impl PpoRule {
    /// A gradient step on the minibatch. False, and none is taken, once the policy has moved too far or the update is to end.
    fn step(
        &self,
        networks: &mut Networks,
        optimizer: &Optimizer,
        clip_range: f32,
        sums: &mut Sums,
    ) -> Result<bool, DeviceError> {
        if networks.brake.ends_here() {
            return Ok(false);
        }
        let (mut kl, mut clipped) = (0.0, 0.0);
        let gradient = networks.gradient(self.coefficients, &mut |choice| {
            let Choice { advantage, share, .. } = choice;
            let log_ratio = choice.log_prob - choice.log_prob_before;
            let ratio = log_ratio.exp();
            let bounded = ratio.clamp(1.0 - clip_range, 1.0 + clip_range);
            // Where the bound holds the chance back, moving it further gains nothing.
            let held = bounded * advantage < ratio * advantage;
            kl += share * (ratio - 1.0 - log_ratio);
            clipped += share * f32::from(u8::from((ratio - 1.0).abs() > clip_range));
            let loss = -share * (ratio * advantage).min(bounded * advantage);
            (loss, if held { 0.0 } else { -share * ratio * advantage })
        })?;
        sums.add(&gradient, kl, clipped);
        let far = self.target_kl.is_some_and(|target| kl > 1.5 * target);
        if far || !gradient.is_finite() {
            return Ok(false);
        }
        networks.descend(&gradient, optimizer)?;
        Ok(true)
    }

    /// All gradient steps on `rollout`; `metrics` become what they were like.
    pub(crate) fn learn(
        &self,
        networks: &mut Networks,
        rollout: &RolloutBatch,
        now: Progress,
        rng: &mut Generator,
        metrics: &mut Metrics,
    ) -> Result<(), DeviceError> {
        let remaining = now.remaining();
        let clip_range = self.clip_range.at(remaining) as f32;
        let optimizer = Optimizer {
            method: Method::Adam,
            learning_rate: self.learning_rate.at(remaining),
            eps: self.adam_eps,
            max_grad_norm: self.max_grad_norm,
        };
        networks.judge(rollout, self.gamma, self.gae_lambda)?;
        let mut sums = Sums::default();
        'passes: for _ in 0..self.n_epochs {
            networks.shuffle(rng);
            for first in (0..rollout.len()).step_by(self.batch_size) {
                networks.select(rollout, first, self.batch_size, self.normalize_advantage);
                if !self.step(networks, &optimizer, clip_range, &mut sums)? {
                    break 'passes;
                }
            }
        }
        let mean = |sum: f32| sum / sums.steps.max(1.0);
        metrics.extend([
            ("train/loss", mean(sums.gradient.loss)),
            ("train/policy_gradient_loss", mean(sums.gradient.policy_loss)),
            ("train/value_loss", mean(sums.gradient.value_loss)),
            ("train/entropy_loss", -mean(sums.gradient.entropy)),
            ("train/approx_kl", mean(sums.kl)),
            ("train/clip_fraction", mean(sums.clipped)),
            ("train/grad_norm", mean(sums.gradient.norm)),
            ("train/explained_variance", networks.explained_variance()),
            ("train/learning_rate", optimizer.learning_rate as f32),
            ("train/clip_range", clip_range),
        ]);
        metrics.extend(networks.std().map(|std| ("train/std", std)));
        Ok(())
    }
}
