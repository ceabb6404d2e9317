//! Hyperparameters of TD3 and DDPG, by the names of Stable-Baselines3.

use cartwheel_envs::{Generator, Space};

use super::{Rule, Td3};
use crate::algorithm::{Acting, Algorithm, AnyLearner, Data, ReplayUse, Returns};
use crate::config::checks::layers;
use crate::exploration::{ActionNoise, Exploration, NoiseType, Style};
use crate::extractor::FeaturesExtractor;
use crate::head::{ActionHead, Head};
use crate::nn::{Activation, Device, Inputs, Mlp, NnError};
use crate::schedule::{Schedule, positive_schedule};

crate::config! {
    /// Twin delayed deep deterministic policy gradient (Fujimoto et al. 2018; docs/algorithms/td3.md). Defaults are those
    /// of Stable-Baselines3's TD3, with the noise of the paper. A schedule is a number, or "lin_" and a number for one that
    /// falls to 0 over the run.
    pub struct Td3Config in "td3" {
        /// Adam's step size, for the policy and the value functions: a schedule.
        learning_rate: Schedule = Schedule::Constant(1e-3), positive_schedule;
        /// Transitions that replay holds, over all environments.
        buffer_size: usize = 1_000_000, at_least(1);
        /// Environment steps with random actions before the first update.
        learning_starts: u64 = 100;
        /// Transitions in an update.
        batch_size: usize = 256, within(1, 1_000_000);
        /// Share of the way that targets move each time.
        tau: f64 = 0.005, within(0.0, 1.0);
        /// Discount of future rewards.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// Environment steps, over all environments, between updates. Rounded up to a whole step of all environments.
        train_freq: u64 = 1, within(1, 1_000_000);
        /// Gradient steps at each update; -1 for as many as there were environment steps.
        gradient_steps: i64 = 1, within(-1, 1_000_000);
        /// Rewards summed before bootstrapping. Returns stop early at the end of an episode.
        n_steps: usize = 1, at_least(1);
        /// Gradient steps of the value functions for each of the policy and the targets.
        policy_delay: u64 = 2, at_least(1);
        /// Standard deviation of the noise on the target policy's actions, in shares of half their range.
        target_policy_noise: f64 = 0.2, non_negative;
        /// Where that noise is clipped.
        target_noise_clip: f64 = 0.5, non_negative;
        /// The kind of noise on the actors' actions: "normal" or "ornstein-uhlenbeck".
        noise_type: NoiseType = NoiseType::Normal;
        /// Its standard deviation, in shares of half the range.
        noise_std: f64 = 0.1, non_negative;
        /// Value functions, the least of which counts.
        n_critics: usize = 2, within(1, 100);
        /// What sees an observation before hidden layers do: "auto", "flatten", "nature_cnn" or "minatar_cnn".
        features_extractor: FeaturesExtractor = FeaturesExtractor::Auto;
        /// Units of each hidden layer, of the policy and of the value functions.
        net_arch: Vec<usize> = vec![400, 300], layers;
        /// What follows each hidden layer: "relu" or "tanh".
        activation_fn: Activation = Activation::Relu;
    }
}

crate::config! {
    /// Deep deterministic policy gradient (Lillicrap et al. 2016; docs/algorithms/td3.md). Defaults are those of
    /// Stable-Baselines3's DDPG, with normal noise. A schedule is a number, or "lin_" and a number for one that falls to 0
    /// over the run.
    pub struct DdpgConfig in "ddpg" {
        /// Adam's step size, for the policy and the value function: a schedule.
        learning_rate: Schedule = Schedule::Constant(1e-3), positive_schedule;
        /// Transitions that replay holds, over all environments.
        buffer_size: usize = 1_000_000, at_least(1);
        /// Environment steps with random actions before the first update.
        learning_starts: u64 = 100;
        /// Transitions in an update.
        batch_size: usize = 256, within(1, 1_000_000);
        /// Share of the way that targets move each time.
        tau: f64 = 0.005, within(0.0, 1.0);
        /// Discount of future rewards.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// Environment steps, over all environments, between updates. Rounded up to a whole step of all environments.
        train_freq: u64 = 1, within(1, 1_000_000);
        /// Gradient steps at each update; -1 for as many as there were environment steps.
        gradient_steps: i64 = 1, within(-1, 1_000_000);
        /// Rewards summed before bootstrapping. Returns stop early at the end of an episode.
        n_steps: usize = 1, at_least(1);
        /// The kind of noise on the actors' actions: "normal" or "ornstein-uhlenbeck".
        noise_type: NoiseType = NoiseType::Normal;
        /// Its standard deviation, in shares of half the range.
        noise_std: f64 = 0.1, non_negative;
        /// What sees an observation before hidden layers do: "auto", "flatten", "nature_cnn" or "minatar_cnn".
        features_extractor: FeaturesExtractor = FeaturesExtractor::Auto;
        /// Units of each hidden layer, of the policy and of the value function.
        net_arch: Vec<usize> = vec![400, 300], layers;
        /// What follows each hidden layer: "relu" or "tanh".
        activation_fn: Activation = Activation::Relu;
    }
}

/// What both say of how they act and what they learn from: the keys have the same names.
macro_rules! deterministic {
    ($config:ty, $rule:expr) => {
        impl Algorithm for $config {
            fn head(&self, action_space: &Space) -> Option<Head> {
                matches!(action_space, Space::Box { .. }).then_some(Head::Tanh)
            }

            fn features_extractor(&self) -> FeaturesExtractor {
                self.features_extractor
            }

            fn network(&self, inputs: Inputs, actions: &ActionHead) -> Mlp {
                Mlp::new(inputs, &self.net_arch, actions.outputs(), self.activation_fn)
            }

            fn exploration(&self, _: u64) -> Exploration {
                let noise = ActionNoise { kind: self.noise_type, sigma: self.noise_std };
                Exploration::after_random(self.learning_starts, Style::Noisy(noise))
            }

            fn data(&self) -> Data {
                let (n_steps, gamma) = (self.n_steps, self.gamma as f32);
                Data::Replay(ReplayUse {
                    buffer_size: self.buffer_size,
                    learning_starts: self.learning_starts,
                    batch_size: self.batch_size,
                    train_freq: self.train_freq,
                    gradient_steps: self.gradient_steps,
                    returns: Returns { n_steps, gamma, reward_scale: 1.0 },
                    prioritization: None,
                })
            }

            fn learner(&self, acting: &Acting, device: Device, rng: &mut Generator) -> Result<AnyLearner, NnError> {
                let rule: fn(&Self) -> Rule = $rule;
                Ok(AnyLearner::OffPolicy(Box::new(Td3::new(rule(self), acting, device, rng)?)))
            }
        }
    };
}

deterministic!(Td3Config, |config| Rule {
    learning_rate: config.learning_rate,
    tau: config.tau as f32,
    policy_delay: config.policy_delay,
    target_policy_noise: config.target_policy_noise as f32,
    target_noise_clip: config.target_noise_clip as f32,
    n_critics: config.n_critics,
    net_arch: config.net_arch.clone(),
    activation_fn: config.activation_fn,
});

deterministic!(DdpgConfig, |config| Rule {
    learning_rate: config.learning_rate,
    tau: config.tau as f32,
    policy_delay: 1,
    target_policy_noise: 0.0,
    target_noise_clip: 0.0,
    n_critics: 1,
    net_arch: config.net_arch.clone(),
    activation_fn: config.activation_fn,
});
