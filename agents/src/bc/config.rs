//! Behaviour cloning's hyperparameters, by the names of `imitation`.

use cartwheel_envs::{Generator, Space};

use super::Bc;
use crate::actor_critic;
use crate::algorithm::{Acting, Algorithm, AnyLearner, Data, DatasetUse, Returns};
use crate::config::checks::layers;
use crate::exploration::{EpsilonSchedule, Exploration};
use crate::extractor::FeaturesExtractor;
use crate::head::{ActionHead, Head};
use crate::nn::{Activation, Device, Inputs, Mlp, NnError};
use crate::schedule::{Schedule, positive_schedule};

crate::config! {
    /// Behaviour cloning from a dataset (Pomerleau 1991; docs/algorithms/bc.md). Defaults are those of imitation's BC. A
    /// schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    pub struct BcConfig in "bc" {
        /// Adam's step size: a schedule.
        learning_rate: Schedule = Schedule::Constant(1e-3), positive_schedule;
        /// Transitions in a gradient step.
        batch_size: usize = 32, within(1, 1_000_000);
        /// Entropy coefficient of the loss.
        ent_weight: f64 = 1e-3, non_negative;
        /// Coefficient of half the squared norm of all parameters in the loss.
        l2_weight: f64 = 0.0, non_negative;
        /// The feature extractor in front of the hidden layers: "auto", "flatten", "nature_cnn", "minatar_cnn", or your own
        /// convolutions, as `{ conv_filters = [[32, 3, 1]], features_dim = 128 }`.
        features_extractor: FeaturesExtractor = FeaturesExtractor::Auto;
        /// Units of each hidden layer.
        net_arch: Vec<usize> = vec![32, 32], layers;
        /// Activation of hidden layers.
        activation_fn: Activation = Activation::Tanh;
    }
}

impl Algorithm for BcConfig {
    fn head(&self, action_space: &Space) -> Option<Head> {
        actor_critic::head(action_space)
    }

    fn features_extractor(&self) -> &FeaturesExtractor {
        &self.features_extractor
    }

    fn network(&self, inputs: Inputs, actions: &ActionHead) -> Mlp {
        actor_critic::network(inputs, actions, &self.net_arch, self.activation_fn)
    }

    fn exploration(&self, _: u64) -> Exploration {
        EpsilonSchedule::NEVER.into()
    }

    fn data(&self) -> Data {
        // Nothing is made of rewards.
        let returns = Returns { n_steps: 1, gamma: 1.0, reward_scale: 1.0 };
        Data::Dataset(DatasetUse { batch_size: self.batch_size, returns })
    }

    fn learner(&self, acting: &Acting, device: Device, rng: &mut Generator) -> Result<AnyLearner, NnError> {
        Ok(AnyLearner::OffPolicy(Box::new(Bc::new(self, acting, device, rng)?)))
    }
}
