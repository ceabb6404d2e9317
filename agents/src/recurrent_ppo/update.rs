//! The update rule: PPO's, of sequences.

use cartwheel_envs::Generator;

use super::RecurrentPpoConfig;
use crate::actor_critic::{ActorCritic, Beginning, Metrics, Networks, Rule};
use crate::algorithm::RolloutUse;
use crate::exploration::Style;
use crate::learner::{Progress, RolloutBatch};
use crate::nn::DeviceError;

/// A policy that remembers and a value function that learn by PPO.
pub type RecurrentPpo = ActorCritic<RecurrentPpoConfig>;

impl Rule for RecurrentPpoConfig {
    fn beginning(&self) -> Beginning<'_> {
        Beginning {
            features_extractor: self.features_extractor,
            net_arch: &self.net_arch,
            activation_fn: self.activation_fn,
            lstm: Some((self.lstm_hidden_size, self.n_lstm_layers)),
            ortho_init: self.ortho_init,
            log_std_init: self.log_std_init as f32,
            critic_reads: self.critic_reads(),
        }
    }

    fn rollouts(&self) -> RolloutUse {
        let (n_steps, gamma) = (self.n_steps, self.gamma as f32);
        RolloutUse { n_steps, epochs: self.n_epochs, batch_size: Some(self.batch_size), gamma }
    }

    fn style(&self) -> Style {
        Style::drawn(self.use_sde, self.sde_sample_freq)
    }

    fn check(&self) -> Result<(), String> {
        if self.shared_lstm && self.enable_critic_lstm {
            return Err("shared_lstm = true does not go with enable_critic_lstm = true, as the value function has one memory: set enable_critic_lstm = false".into());
        }
        Ok(())
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
