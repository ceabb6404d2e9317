//! The update rule.

use cartwheel_envs::Generator;

use super::ImpalaConfig;
use crate::actor_critic::{ActorCritic, Beginning, Coefficients, Metrics, Networks, Rule, clip};
use crate::learner::{Progress, RolloutBatch};
use crate::nn::{DeviceError, Method, Optimizer};
use crate::vtrace::Thresholds;

/// A policy and a value function that learn by IMPALA.
pub type Impala = ActorCritic<ImpalaConfig>;

impl Rule for ImpalaConfig {
    fn beginning(&self) -> Beginning<'_> {
        Beginning {
            net_arch: &self.net_arch,
            activation_fn: self.activation_fn,
            ortho_init: self.ortho_init,
            log_std_init: self.log_std_init as f32,
        }
    }

    fn learn(
        &self,
        networks: &mut Networks,
        rollout: &RolloutBatch,
        now: Progress,
        _: &mut Generator,
        metrics: &mut Metrics,
    ) -> Result<(), DeviceError> {
        let optimizer = Optimizer {
            method: if self.use_rms_prop { Method::RmsProp { alpha: 0.99 } } else { Method::Adam },
            learning_rate: self.learning_rate.at(now.remaining()),
            eps: if self.use_rms_prop { self.rms_prop_eps } else { 1e-8 },
            max_grad_norm: clip(self.max_grad_norm),
        };
        let coefficients =
            Coefficients { ent_coef: self.ent_coef as f32, vf_coef: self.vf_coef as f32, clip_range_vf: None };
        let thresholds = Thresholds { rho: self.clip_rho_threshold as f32, pg_rho: self.clip_pg_rho_threshold as f32 };
        let mean_rho = networks.judge_corrected(rollout, self.gamma as f32, thresholds)?;
        networks.select(rollout, 0, rollout.len(), false);
        // −A log π(a|s), and its slope by log π(a|s): A has its correction.
        let gradient = networks.gradient(coefficients, &mut |choice| {
            let by_log_prob = -choice.share * choice.advantage;
            (by_log_prob * choice.log_prob, by_log_prob)
        })?;
        if gradient.is_finite() {
            networks.descend(&gradient, &optimizer)?;
        }
        metrics.extend([
            ("train/loss", gradient.loss),
            ("train/policy_loss", gradient.policy_loss),
            ("train/value_loss", gradient.value_loss),
            ("train/entropy_loss", -gradient.entropy),
            ("train/grad_norm", gradient.norm),
            ("train/mean_rho", mean_rho),
            ("train/learning_rate", optimizer.learning_rate as f32),
        ]);
        metrics.extend(networks.std().map(|std| ("train/std", std)));
        Ok(())
    }
}
