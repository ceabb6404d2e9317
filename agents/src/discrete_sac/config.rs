//! Discrete SAC's hyperparameters, by the names of Stable-Baselines3's SAC, and CleanRL's.

use cartwheel_envs::{Generator, Space};

use super::DiscreteSac;
use crate::algorithm::{Acting, Algorithm, AnyLearner, Data, ReplayUse, Returns};
use crate::config::checks::layers;
use crate::exploration::{Exploration, Style};
use crate::extractor::FeaturesExtractor;
use crate::head::{ActionHead, Head};
use crate::nn::{Activation, Device, Inputs, Mlp, NnError};
use crate::sac::EntCoef;
use crate::schedule::{Schedule, positive_schedule};

crate::config! {
    /// Soft actor-critic for actions that are counted (Christodoulou 2019; docs/algorithms/discrete-sac.md). Defaults are
    /// those of Stable-Baselines3's SAC, and CleanRL's for the entropy. A schedule is a number, or "lin_" and a number for
    /// one that falls to 0 over the run.
    pub struct DiscreteSacConfig in "discrete-sac" {
        /// Adam's step size, for the policy, the value functions and the temperature: a schedule.
        learning_rate: Schedule = Schedule::Constant(3e-4), positive_schedule;
        /// Transitions that replay holds, over all environments.
        buffer_size: usize = 1_000_000, at_least(1);
        /// Environment steps with random actions before the first update.
        learning_starts: u64 = 100;
        /// Transitions in an update.
        batch_size: usize = 256, within(1, 1_000_000);
        /// Share of the way that targets move at each update.
        tau: f64 = 0.005, within(0.0, 1.0);
        /// Discount of future rewards.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// Environment steps, over all environments, between updates. Rounded up to a whole step of all environments.
        train_freq: u64 = 1, within(1, 1_000_000);
        /// Gradient steps at each update; -1 for as many as there were environment steps.
        gradient_steps: i64 = 1, within(-1, 1_000_000);
        /// Gradient steps between target updates.
        target_update_interval: u64 = 1, at_least(1);
        /// Rewards summed before bootstrapping. Returns stop early at the end of an episode.
        n_steps: usize = 1, at_least(1);
        /// What entropy is worth: "auto" to learn it, "auto_0.1" to learn it from 0.1 on, or a number.
        ent_coef: EntCoef = EntCoef::Auto(1.0);
        /// The entropy that an automatic ent_coef keeps, as a share of that of a policy for which all actions are alike.
        target_entropy_scale: f64 = 0.89, within(0.0, 1.0);
        /// Value functions, the least of which counts.
        n_critics: usize = 2, within(1, 100);
        /// What sees an observation before hidden layers do: "auto", "flatten", "nature_cnn" or "minatar_cnn".
        features_extractor: FeaturesExtractor = FeaturesExtractor::Auto;
        /// Units of each hidden layer, of the policy and of the value functions.
        net_arch: Vec<usize> = vec![256, 256], layers;
        /// What follows each hidden layer: "relu" or "tanh".
        activation_fn: Activation = Activation::Relu;
    }
}

impl Algorithm for DiscreteSacConfig {
    fn head(&self, action_space: &Space) -> Option<Head> {
        matches!(action_space, Space::Discrete { .. }).then_some(Head::Categorical)
    }

    fn features_extractor(&self) -> FeaturesExtractor {
        self.features_extractor
    }

    fn network(&self, inputs: Inputs, actions: &ActionHead) -> Mlp {
        Mlp::new(inputs, &self.net_arch, actions.outputs(), self.activation_fn)
    }

    fn exploration(&self, _: u64) -> Exploration {
        Exploration::after_random(self.learning_starts, Style::Sampled)
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
        Ok(AnyLearner::OffPolicy(Box::new(DiscreteSac::new(self.clone(), acting, device, rng)?)))
    }
}
