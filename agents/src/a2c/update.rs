//! The update rule.

use cartwheel_envs::Generator;

use super::A2cConfig;
use crate::actor_critic::{ActorCritic, Metrics, Networks, Rule, WholeRollout};
use crate::algorithm::RolloutUse;
use crate::exploration::Style;
use crate::learner::{Progress, RolloutBatch};
use crate::nn::DeviceError;

/// A policy and a value function that learn by A2C.
pub type A2c = ActorCritic<A2cConfig>;

impl Rule for A2cConfig {
    fn share_features_extractor(&self) -> bool {
        self.share_features_extractor
    }

    fn rollouts(&self) -> RolloutUse {
        RolloutUse { n_steps: self.n_steps, epochs: 1, batch_size: None, gamma: self.gamma as f32 }
    }

    fn style(&self) -> Style {
        Style::drawn(self.use_sde, self.sde_sample_freq)
    }

    fn learn(
        &self,
        networks: &mut Networks,
        rollout: &RolloutBatch,
        now: Progress,
        _: &mut Generator,
        metrics: &mut Metrics,
    ) -> Result<(), DeviceError> {
        networks.judge(rollout, self.gamma as f32, self.gae_lambda as f32)?;
        let step = WholeRollout {
            use_rms_prop: self.use_rms_prop,
            rms_prop_eps: self.rms_prop_eps,
            learning_rate: self.learning_rate.at(now.remaining()),
            max_grad_norm: self.max_grad_norm,
            ent_coef: self.ent_coef,
            vf_coef: self.vf_coef,
            normalize_advantage: self.normalize_advantage,
        };
        step.step(networks, rollout, metrics)?;
        metrics.push(("train/explained_variance", networks.explained_variance()));
        Ok(())
    }
}
