//! Hyperparameters of TD3 and DDPG, by the names of Stable-Baselines3.

use super::{Rule, Td3};
use crate::exploration::{ActionNoise, NoiseType, Style};
use crate::replay_algorithm::replay_algorithm;

replay_algorithm! {
    /// Twin delayed deep deterministic policy gradient (Fujimoto et al. 2018; docs/algorithms/td3.md). Defaults are those
    /// of Stable-Baselines3's TD3, with the noise of the paper. A schedule is a number, or "lin_" and a number for one that
    /// falls to 0 over the run.
    Td3Config in "td3",
    learning_rate: 1e-3, " Adam's step size, for the policy and the value functions: a schedule.",
    tau: " Polyak coefficient of target updates.",
    targets: {},
    own: {
        /// Gradient steps of the value functions per step of the policy and the targets.
        policy_delay: u64 = 2, at_least(1);
        /// Standard deviation of the noise on the target policy's actions (target policy smoothing), as a fraction of half their
        /// range.
        target_policy_noise: f64 = 0.2, non_negative;
        /// Where that noise is clipped.
        target_noise_clip: f64 = 0.5, non_negative;
        /// The noise on the actors' actions.
        noise_type: NoiseType = NoiseType::Normal;
        /// Standard deviation of that noise, as a fraction of half the action range.
        noise_std: f64 = 0.1, non_negative;
        /// Number of value functions, of which the minimum is taken.
        n_critics: usize = 2, within(1, 100);
    },
    net_arch: vec![400, 300], " Units of the hidden layers of policy and value functions, or separately: `{ pi = [64], qf = [64, 64] }`.",
    acts: Box by Tanh, |config| Style::Noisy(ActionNoise { kind: config.noise_type, sigma: config.noise_std }),
    critics: |config, acting| Rule::from(config).critics(acting),
    learner: |config: &Self, acting, device, rng| Td3::new(Rule::from(config), acting, device, rng),
}

replay_algorithm! {
    /// Deep deterministic policy gradient (Lillicrap et al. 2016; docs/algorithms/td3.md). Defaults are those of
    /// Stable-Baselines3's DDPG, with normal noise. A schedule is a number, or "lin_" and a number for one that falls to 0
    /// over the run.
    DdpgConfig in "ddpg",
    learning_rate: 1e-3, " Adam's step size, for the policy and the value function: a schedule.",
    tau: " Polyak coefficient of target updates.",
    targets: {},
    own: {
        /// The noise on the actors' actions.
        noise_type: NoiseType = NoiseType::Normal;
        /// Standard deviation of that noise, as a fraction of half the action range.
        noise_std: f64 = 0.1, non_negative;
    },
    net_arch: vec![400, 300], " Units of the hidden layers of policy and value function, or separately: `{ pi = [64], qf = [64, 64] }`.",
    acts: Box by Tanh, |config| Style::Noisy(ActionNoise { kind: config.noise_type, sigma: config.noise_std }),
    critics: |config, acting| Rule::from(config).critics(acting),
    learner: |config: &Self, acting, device, rng| Td3::new(Rule::from(config), acting, device, rng),
}

impl From<&Td3Config> for Rule {
    fn from(config: &Td3Config) -> Self {
        Self {
            learning_rate: config.learning_rate,
            tau: config.tau as f32,
            policy_delay: config.policy_delay,
            target_policy_noise: config.target_policy_noise as f32,
            target_noise_clip: config.target_noise_clip as f32,
            n_critics: config.n_critics,
            net_arch: config.net_arch.qf.clone(),
            activation_fn: config.activation_fn,
        }
    }
}

impl From<&DdpgConfig> for Rule {
    fn from(config: &DdpgConfig) -> Self {
        Self {
            learning_rate: config.learning_rate,
            tau: config.tau as f32,
            policy_delay: 1,
            target_policy_noise: 0.0,
            target_noise_clip: 0.0,
            n_critics: 1,
            net_arch: config.net_arch.qf.clone(),
            activation_fn: config.activation_fn,
        }
    }
}
