//! CQL's hyperparameters, by the names of d3rlpy.

use cartwheel_envs::{Generator, Space};

use super::ContinuousCql;
use crate::algorithm::{Acting, Algorithm, AnyLearner, Data, DatasetUse, Returns};
use crate::config::checks::layers;
use crate::dqn::{Dqn, Rule};
use crate::exploration::{EpsilonSchedule, Exploration};
use crate::extractor::FeaturesExtractor;
use crate::head::{ActionHead, Head};
use crate::nn::{Activation, Device, Inputs, Mlp, NnError};
use crate::sac::EntCoef;
use crate::schedule::{Schedule, positive_schedule};

crate::config! {
    /// Conservative Q-learning from a dataset (Kumar et al. 2020; docs/algorithms/cql.md): over SAC where actions are continuous,
    /// over double DQN where they are discrete. Defaults are those of d3rlpy's CQL and DiscreteCQL, but for what
    /// docs/algorithms/cql.md names. A schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    pub struct CqlConfig in "cql" {
        /// Adam's step size for the value functions.
        learning_rate: Schedule = Schedule::Constant(3e-4), positive_schedule;
        /// The same for the policy and the temperature, where actions are continuous.
        actor_learning_rate: Schedule = Schedule::Constant(1e-4), positive_schedule;
        /// Transitions in a gradient step.
        batch_size: usize = 256, within(1, 1_000_000);
        /// Share of the way that targets move at each gradient step.
        tau: f64 = 0.005, within(0.0, 1.0);
        /// Discount of future rewards.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// Rewards summed before bootstrapping. Returns stop early at the end of an episode.
        n_steps: usize = 1, at_least(1);
        /// What thinking well of actions that were not taken costs; "none" for 5 where actions are continuous and 1 where they
        /// are discrete.
        conservative_weight: Option<f64> = None, if_some(non_negative);
        /// How much conservative_weight times that may come to, for each value function, before it costs more than this weight:
        /// then its weight is learnt. "none" for a weight that stays. Where actions are numbers.
        alpha_threshold: Option<f64> = None, if_some(non_negative);
        /// Adam's step size for that weight.
        alpha_learning_rate: f64 = 1e-4, positive;
        /// Actions that are drawn in each state from the policy there, from the policy in the next state, and uniformly: as many
        /// of each. Where actions are numbers.
        n_action_samples: usize = 10, within(1, 1000);
        /// Whether targets count the entropy of the policy, as SAC's do.
        soft_q_backup: bool = false;
        /// What entropy is worth to the policy: "auto" to learn it, "auto_0.1" to learn it from 0.1 on, or a number.
        ent_coef: EntCoef = EntCoef::Auto(1.0);
        /// The entropy that an automatic ent_coef keeps; "none" for minus the numbers of an action.
        target_entropy: Option<f64> = None;
        /// Value functions, the least of which counts, where actions are continuous.
        n_critics: usize = 2, within(1, 100);
        /// What sees an observation before hidden layers do: "auto", "flatten", "nature_cnn", "minatar_cnn", or convolutions
        /// of one's own, as `{ conv_filters = [[32, 3, 1]], features_dim = 128 }`.
        features_extractor: FeaturesExtractor = FeaturesExtractor::Auto;
        /// Units of each hidden layer, of the policy and of the value functions.
        net_arch: Vec<usize> = vec![256, 256], layers;
        /// What follows each hidden layer.
        activation_fn: Activation = Activation::Relu;
    }
}

impl Algorithm for CqlConfig {
    fn head(&self, action_space: &Space) -> Option<Head> {
        match action_space {
            Space::Discrete { .. } => Some(Head::QValues),
            Space::Box { .. } => Some(Head::SquashedGaussian),
            _ => None,
        }
    }

    fn features_extractor(&self) -> &FeaturesExtractor {
        &self.features_extractor
    }

    fn network(&self, inputs: Inputs, actions: &ActionHead) -> Mlp {
        Mlp::new(inputs, &self.net_arch, actions.outputs(), self.activation_fn)
    }

    fn exploration(&self, _: u64) -> Exploration {
        EpsilonSchedule::NEVER.into()
    }

    fn data(&self) -> Data {
        let returns = Returns { n_steps: self.n_steps, gamma: self.gamma as f32, reward_scale: 1.0 };
        Data::Dataset(DatasetUse { batch_size: self.batch_size, returns })
    }

    fn learner(&self, acting: &Acting, device: Device, rng: &mut Generator) -> Result<AnyLearner, NnError> {
        if acting.actions.head() != Head::QValues {
            return Ok(AnyLearner::OffPolicy(Box::new(ContinuousCql::new(self, acting, device, rng)?)));
        }
        let rule = Rule::conservative(
            self.conservative_weight.unwrap_or(1.0) as f32,
            (self.learning_rate, self.tau as f32),
            (&self.net_arch, self.activation_fn),
        );
        let (inputs, actions) = (acting.mlp.reads(), acting.actions.choices());
        Ok(AnyLearner::OffPolicy(Box::new(Dqn::new(rule, inputs, actions, device, rng)?)))
    }
}
