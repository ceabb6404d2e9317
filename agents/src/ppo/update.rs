//! The update rule.

use cartwheel_envs::Generator;

use super::PpoConfig;
use crate::actor_critic::{
    ActorCritic, Beginning, Choice, Coefficients, CriticReads, Gradient, Metrics, Networks, Rule,
};
use crate::algorithm::RolloutUse;
use crate::exploration::Style;
use crate::learner::{Progress, RolloutBatch};
use crate::nn::{DeviceError, Method, Optimizer};

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

impl PpoConfig {
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
        let coefficients = Coefficients {
            ent_coef: self.ent_coef as f32,
            vf_coef: self.vf_coef as f32,
            clip_range_vf: self.clip_range_vf.map(|clip| clip as f32),
        };
        let (mut kl, mut clipped) = (0.0, 0.0);
        let gradient = networks.gradient(coefficients, &mut |choice| {
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
        let far = self.target_kl.is_some_and(|target| kl > 1.5 * target as f32);
        if far || !gradient.is_finite() {
            return Ok(false);
        }
        networks.descend(&gradient, optimizer)?;
        Ok(true)
    }
}

impl Rule for PpoConfig {
    fn beginning(&self) -> Beginning<'_> {
        Beginning {
            features_extractor: self.features_extractor,
            net_arch: &self.net_arch,
            activation_fn: self.activation_fn,
            lstm: None,
            ortho_init: self.ortho_init,
            log_std_init: self.log_std_init as f32,
            critic_reads: CriticReads::Observations,
        }
    }

    fn rollouts(&self) -> RolloutUse {
        let (n_steps, gamma) = (self.n_steps, self.gamma as f32);
        RolloutUse { n_steps, epochs: self.n_epochs, batch_size: Some(self.batch_size), gamma }
    }

    fn style(&self) -> Style {
        Style::drawn(self.use_sde, self.sde_sample_freq)
    }

    fn learn(
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
            max_grad_norm: self.clip(),
        };
        networks.judge(rollout, self.gamma as f32, self.gae_lambda as f32)?;
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
