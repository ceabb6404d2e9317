//! One gradient step on all of a rollout, down the plain policy gradient: what A2C takes, and IMPALA.

use super::{Coefficients, Metrics, Networks};
use crate::learner::RolloutBatch;
use crate::nn::{DeviceError, Method, Optimizer, clip};

/// What the step depends on, by the names of Stable-Baselines3's A2C.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WholeRollout {
    pub(crate) use_rms_prop: bool,
    pub(crate) rms_prop_eps: f64,
    pub(crate) learning_rate: f64,
    pub(crate) max_grad_norm: f64,
    pub(crate) ent_coef: f64,
    pub(crate) vf_coef: f64,
    pub(crate) normalize_advantage: bool,
}

impl WholeRollout {
    /// Takes the step by the advantages that `networks` judged last; one that is not finite is told and not taken.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn step(
        &self,
        networks: &mut Networks,
        rollout: &RolloutBatch,
        metrics: &mut Metrics,
    ) -> Result<(), DeviceError> {
        let optimizer = Optimizer {
            method: if self.use_rms_prop { Method::RmsProp { alpha: 0.99 } } else { Method::Adam },
            learning_rate: self.learning_rate,
            // Adam's is that of Stable-Baselines3's ActorCriticPolicy, and not PyTorch's.
            eps: if self.use_rms_prop { self.rms_prop_eps } else { 1e-5 },
            max_grad_norm: clip(self.max_grad_norm),
        };
        let coefficients =
            Coefficients { ent_coef: self.ent_coef as f32, vf_coef: self.vf_coef as f32, clip_range_vf: None };
        networks.select(rollout, 0, rollout.len(), self.normalize_advantage);
        // −A log π(a|s), and its gradient by log π(a|s).
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
            ("train/learning_rate", optimizer.learning_rate as f32),
        ]);
        metrics.extend(networks.std().map(|std| ("train/std", std)));
        Ok(())
    }
}
