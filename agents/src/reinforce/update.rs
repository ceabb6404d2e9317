//! The update rule.

use cartwheel_envs::Generator;

use super::ReinforceConfig;
use crate::actor_critic::{ActorCritic, Metrics, Networks, Rule};
use crate::algorithm::RolloutUse;
use crate::learner::{Progress, RolloutBatch};
use crate::nn::{DeviceError, Optimizer, clip};

/// A policy and its baseline that learn by REINFORCE.
pub type Reinforce = ActorCritic<ReinforceConfig>;

impl Rule for ReinforceConfig {
    fn rollouts(&self) -> RolloutUse {
        RolloutUse { n_steps: self.n_steps, epochs: 1, batch_size: None, gamma: self.gamma as f32 }
    }

    fn learns_values(&self) -> bool {
        self.use_baseline
    }

    fn learn(
        &self,
        networks: &mut Networks,
        rollout: &RolloutBatch,
        now: Progress,
        _: &mut Generator,
        metrics: &mut Metrics,
    ) -> Result<(), DeviceError> {
        let optimizer =
            |learning_rate| Optimizer { max_grad_norm: clip(self.max_grad_norm), ..Optimizer::adam(learning_rate) };
        let learning_rate = self.learning_rate.at(now.remaining());
        if self.use_baseline {
            networks.judge(rollout, self.gamma as f32, 1.0)?;
        } else {
            networks.judge_whole_episodes(rollout, self.gamma as f32);
        }
        if !networks.select(rollout, 0, rollout.len(), self.normalize_advantage) {
            // No episode ended: without a baseline nothing is known of any return.
            return Ok(());
        }
        // −A log π(a|s), and its gradient by log π(a|s).
        let gradient = networks.policy_gradient(self.ent_coef as f32, &mut |choice| {
            let by_log_prob = -choice.share * choice.advantage;
            (by_log_prob * choice.log_prob, by_log_prob)
        })?;
        if gradient.is_finite() {
            networks.descend_policy(&gradient, &optimizer(learning_rate))?;
        }
        metrics.extend([
            ("train/policy_loss", gradient.policy_loss),
            ("train/entropy_loss", -gradient.entropy),
            ("train/grad_norm", gradient.norm),
            ("train/learning_rate", learning_rate as f32),
        ]);
        if self.use_baseline {
            let optimizer = optimizer(self.baseline_learning_rate.at(now.remaining()));
            let mut first = None;
            for _ in 0..self.baseline_steps {
                if networks.brake.ends_here() {
                    break;
                }
                let loss = networks.fit_values(&optimizer)?;
                first.get_or_insert(loss);
            }
            metrics.push(("train/value_loss", first.unwrap_or(0.0)));
            metrics.push(("train/explained_variance", networks.explained_variance()));
        }
        metrics.extend(networks.std().map(|std| ("train/std", std)));
        Ok(())
    }
}
