//! SAC's hyperparameters, by the names of Stable-Baselines3.

use std::fmt;
use std::str::FromStr;

use cartwheel_envs::{Generator, Space};

use super::Sac;
use crate::algorithm::{Acting, Algorithm, AnyLearner, Data, ReplayUse, Returns};
use crate::config::checks::layers;
use crate::config::{Value, plain, toml_edit};
use crate::exploration::{Exploration, Style};
use crate::extractor::FeaturesExtractor;
use crate::head::{ActionHead, Head};
use crate::nn::{Activation, Device, Inputs, Mlp, NnError};
use crate::schedule::{Schedule, positive_schedule};

/// What entropy is worth: a number, `"auto"` for one that is learnt from 1 on, or `"auto_0.1"` from 0.1 on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EntCoef {
    /// Learnt, from this on.
    Auto(f64),
    /// This.
    Fixed(f64),
}

impl FromStr for EntCoef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|x: &f64| x.is_finite() && *x > 0.0);
        let read = match text.strip_prefix("auto") {
            Some("") => Some(Self::Auto(1.0)),
            Some(rest) => rest.strip_prefix('_').and_then(number).map(Self::Auto),
            None => number(text).map(Self::Fixed),
        };
        read.ok_or_else(|| "\"auto\", \"auto_0.1\" or a number above 0".into())
    }
}

impl fmt::Display for EntCoef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto(initial) if *initial == 1.0 => f.write_str("auto"),
            Self::Auto(initial) => write!(f, "auto_{initial:?}"),
            Self::Fixed(alpha) => write!(f, "{alpha:?}"),
        }
    }
}

impl Value for EntCoef {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        plain(value).parse()
    }
    fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::Fixed(alpha) => (*alpha).into(),
            Self::Auto(_) => self.to_string().into(),
        }
    }
}

crate::config! {
    /// Soft actor-critic (Haarnoja et al. 2018; docs/algorithms/sac.md). Defaults are those of Stable-Baselines3's SAC. A
    /// schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    pub struct SacConfig in "sac" {
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
        /// The entropy that an automatic ent_coef keeps; "none" for minus the numbers of an action.
        target_entropy: Option<f64> = None;
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

impl Algorithm for SacConfig {
    fn head(&self, action_space: &Space) -> Option<Head> {
        matches!(action_space, Space::Box { .. }).then_some(Head::SquashedGaussian)
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
        Ok(AnyLearner::OffPolicy(Box::new(Sac::new(self.clone(), acting, device, rng)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_read_as_stable_baselines_writes_them() {
        for (text, expected) in
            [("\"auto\"", EntCoef::Auto(1.0)), ("\"auto_0.1\"", EntCoef::Auto(0.1)), ("0.2", EntCoef::Fixed(0.2))]
        {
            let read = EntCoef::from_toml(&text.parse().expect("TOML"));
            assert_eq!(read, Ok(expected));
            assert_eq!(EntCoef::from_toml(&expected.to_toml()), Ok(expected));
        }
        for wrong in ["\"auto_\"", "\"auto0.1\"", "0", "-1", "\"none\""] {
            assert!(EntCoef::from_toml(&wrong.parse().expect("TOML")).is_err(), "{wrong}");
        }
    }
}
