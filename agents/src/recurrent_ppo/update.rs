//! The update rule: PPO's, of sequences.

use cartwheel_envs::Generator;

use super::RecurrentPpoConfig;
use crate::actor_critic::{ActorCritic, Beginning, Metrics, Networks, Rule};
use crate::learner::{Progress, RolloutBatch};
use crate::nn::DeviceError;

/// A policy that remembers and a value function that learn by PPO.
pub type RecurrentPpo = ActorCritic<RecurrentPpoConfig>;

impl Rule for RecurrentPpoConfig {
    fn beginning(&self) -> Beginning<'_> {
        Beginning {
            net_arch: &self.net_arch,
            activation_fn: self.activation_fn,
            ortho_init: self.ortho_init,
            log_std_init: self.log_std_init as f32,
            critic_reads: self.critic_reads(),
        }
    }

    fn learn(
        &self,
        networks: &mut Networks,
        rollout: &RolloutBatch,
        now: Progress,
        rng: &mut Generator,
        metrics: &mut Metrics,
    ) -> Result<(), DeviceError> {
        self.rule().learn(networks, rollout, now, rng, metrics)
    }
}
