//! CQL's hyperparameters, by the names of d3rlpy.

use cartwheel_envs::{Generator, Space};

use super::ContinuousCql;
use crate::algorithm::{Acting, Algorithm, AnyLearner, Data, DatasetUse, Returns};
use crate::critic_ensemble::critic;
use crate::dqn::{Dqn, Rule};
use crate::exploration::{EpsilonSchedule, Exploration};
use crate::extractor::FeaturesExtractor;
use crate::head::{ActionHead, Head};
use crate::net_arch::QNetArch;
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
        /// Polyak coefficient of target updates, at each gradient step.
        tau: f64 = 0.005, within(0.0, 1.0);
        /// Discount factor.
        gamma: f64 = 0.99, within(0.0, 1.0);
        /// Steps of n-step returns, which are shorter at the end of an episode.
        n_steps: usize = 1, at_least(1);
        /// Weight of the penalty on the values of actions that are not in the data (the paper's α); "none" for 5 with continuous
        /// actions and 1 with discrete ones.
        conservative_weight: Option<f64> = None, if_some(non_negative);
        /// Bound on conservative_weight times that penalty for each value function: with one, the weight is learnt (the
        /// Lagrangian variant). "none" for a fixed weight. For continuous actions.
        alpha_threshold: Option<f64> = None, if_some(non_negative);
        /// Adam's step size for that weight.
        alpha_learning_rate: f64 = 1e-4, positive;
        /// Actions sampled in each state from the policy there, from the policy in the next state, and uniformly: this many of
        /// each. For continuous actions.
        n_action_samples: usize = 10, within(1, 1000);
        /// Whether targets include the policy's entropy, as SAC's do.
        soft_q_backup: bool = false;
        /// Entropy coefficient (temperature) of the policy: "auto" to learn it, "auto_0.1" to learn it starting at 0.1, or a
        /// number.
        ent_coef: EntCoef = EntCoef::Auto(1.0);
        /// Target entropy of an automatic ent_coef; "none" for the negative number of action dimensions.
        target_entropy: Option<f64> = None;
        /// Number of value functions, of which the minimum is taken, for continuous actions.
        n_critics: usize = 2, within(1, 100);
        /// The feature extractor in front of the hidden layers: "auto", "flatten", "nature_cnn", "minatar_cnn", or your own
        /// convolutions, as `{ conv_filters = [[32, 3, 1]], features_dim = 128 }`.
        features_extractor: FeaturesExtractor = FeaturesExtractor::Auto;
        /// Units of the hidden layers of policy and value functions, or separately: `{ pi = [64], qf = [64, 64] }`. With discrete
        /// actions there is no policy beside the values.
        net_arch: QNetArch = vec![256, 256].into(), QNetArch::check;
        /// Activation of hidden layers.
        activation_fn: Activation = Activation::Relu;
    }
}

impl CqlConfig {
    /// Beside a policy of continuous actions.
    pub(super) fn value_functions(&self, acting: &Acting) -> (usize, Mlp) {
        (self.n_critics, critic(acting, &self.net_arch.qf, 1, self.activation_fn))
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
        let QNetArch { pi, qf } = &self.net_arch;
        let hidden = if actions.head() == Head::QValues { qf } else { pi };
        Mlp::new(inputs, hidden, actions.outputs(), self.activation_fn)
    }

    fn critics(&self, acting: &Acting) -> Option<(usize, Mlp)> {
        (acting.actions.head() != Head::QValues).then(|| self.value_functions(acting))
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
            (&self.net_arch.qf, self.activation_fn),
        );
        let (inputs, actions) = (acting.mlp.reads(), acting.actions.choices());
        Ok(AnyLearner::OffPolicy(Box::new(Dqn::new(rule, inputs, actions, device, rng)?)))
    }
}
