//! The update rule.

use cartwheel_envs::Generator;

use super::ImpalaConfig;
use crate::actor_critic::{ActorCritic, Metrics, Networks, Rule, WholeRollout};
use crate::algorithm::RolloutUse;
use crate::learner::{Progress, RolloutBatch};
use crate::nn::DeviceError;
use crate::vtrace::Thresholds;

/// A policy and a value function that learn by IMPALA.
pub type Impala = ActorCritic<ImpalaConfig>;

impl Rule for ImpalaConfig {
    fn share_features_extractor(&self) -> bool {
        self.share_features_extractor
    }

    fn rollouts(&self) -> RolloutUse {
        RolloutUse { n_steps: self.n_steps, epochs: 1, batch_size: None, gamma: self.gamma as f32 }
    }

    fn learn(
        &self,
        networks: &mut Networks,
        rollout: &RolloutBatch,
        now: Progress,
        _: &mut Generator,
        metrics: &mut Metrics,
    ) -> Result<(), DeviceError> {
        let thresholds = Thresholds { rho: self.clip_rho_threshold as f32, pg_rho: self.clip_pg_rho_threshold as f32 };
        // Advantages have their correction in them.
        let mean_rho = networks.judge_corrected(rollout, self.gamma as f32, thresholds)?;
        let step = WholeRollout {
            use_rms_prop: self.use_rms_prop,
            rms_prop_eps: self.rms_prop_eps,
            learning_rate: self.learning_rate.at(now.remaining()),
            max_grad_norm: self.max_grad_norm,
            ent_coef: self.ent_coef,
            vf_coef: self.vf_coef,
            normalize_advantage: false,
        };
        step.step(networks, rollout, metrics)?;
        metrics.push(("train/mean_rho", mean_rho));
        Ok(())
    }
}
