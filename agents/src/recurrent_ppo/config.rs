//! Recurrent PPO's hyperparameters, by the names of Stable-Baselines3's contrib.

use crate::actor_critic::CriticReads;
use crate::ppo::ppo;

ppo! {
    /// PPO with a policy that remembers what it has seen (docs/algorithms/recurrent-ppo.md). Defaults are those of sb3-contrib's
    /// RecurrentPPO. A schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    RecurrentPpoConfig in "recurrent-ppo",
    n_steps: 128,
    batch_size: 128,
    own: {
        /// Hidden units of each LSTM layer.
        lstm_hidden_size: usize = 256, within(1, 4096);
        /// Stacked LSTM layers.
        n_lstm_layers: usize = 1, within(1, 16);
        /// Whether the value function reads the policy's LSTM, without training it.
        shared_lstm: bool = false;
        /// Whether the value function has an LSTM of its own; with neither it reads the observation alone.
        enable_critic_lstm: bool = true;
    },
    memory: |config| (Some((config.lstm_hidden_size, config.n_lstm_layers)), config.critic_reads()),
    check: Self::check_memory,
}

impl RecurrentPpoConfig {
    /// What the value function reads.
    fn critic_reads(&self) -> CriticReads {
        match (self.shared_lstm, self.enable_critic_lstm) {
            (true, _) => CriticReads::PolicysMemory,
            (false, true) => CriticReads::OwnMemory,
            (false, false) => CriticReads::Observations,
        }
    }

    fn check_memory(&self) -> Result<(), String> {
        if self.shared_lstm && self.enable_critic_lstm {
            return Err("shared_lstm = true does not go with enable_critic_lstm = true, as the value function has one memory: set enable_critic_lstm = false".into());
        }
        Ok(())
    }
}
