//! What makes an algorithm: a network that acts, how it explores, the data it learns from, and what learns.

use cartwheel_envs::{Generator, Space};

use crate::config::Section;
use crate::exploration::{Exploration, Style};
use crate::extractor::FeaturesExtractor;
use crate::features::Features;
use crate::head::{ActionHead, Head};
use crate::learner::{Learner, OffPolicy, OnPolicy};
use crate::nn::{Device, Inputs, Mlp, NnError};
use crate::policy::PolicyError;

/// An algorithm with its hyperparameters. Implemented by the `config!` section that holds them, such as
/// [`DqnConfig`](crate::dqn::DqnConfig).
pub trait Algorithm: Section {
    /// Refuses settings that are each fine but do not go together.
    ///
    /// # Errors
    /// What does not fit and what to change, after the section's name.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// What its network's outputs mean for actions of this space; nothing if it has no such actions.
    fn head(&self, action_space: &Space) -> Option<Head>;

    /// What sees observations before hidden layers do.
    fn features_extractor(&self) -> &FeaturesExtractor {
        &FeaturesExtractor::Auto
    }

    /// The network that acts. [`Acting`] has its deviations depend on the state where exploration does.
    fn network(&self, inputs: Inputs, actions: &ActionHead) -> Mlp;

    /// The value functions that are learnt beside that network: how many there are, and their shape; nothing where there are none.
    fn critics(&self, _: &Acting) -> Option<(usize, Mlp)> {
        None
    }

    /// How its actors explore in a run of so many environment steps.
    fn exploration(&self, total_timesteps: u64) -> Exploration;

    /// What it learns from.
    fn data(&self) -> Data;

    /// What learns, begun anew.
    ///
    /// # Errors
    /// If the device is not there.
    fn learner(&self, acting: &Acting, device: Device, rng: &mut Generator) -> Result<AnyLearner, NnError>;
}

/// A network that acts between two spaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Acting {
    /// What it sees of observations.
    pub features: Features,
    /// What its outputs mean.
    pub actions: ActionHead,
    /// Its shape.
    pub mlp: Mlp,
}

impl Acting {
    /// The network with which `algorithm` acts between these spaces.
    ///
    /// # Errors
    /// The space that does not fit, why its features extractor does not see the observations, or that exploration is of other
    /// actions.
    pub fn new(algorithm: &dyn Algorithm, observation: &Space, action: &Space) -> Result<Self, PolicyError> {
        let features = Features::new(observation).map_err(PolicyError::Space)?;
        let refuse = || PolicyError::Space(action.to_string());
        let head = algorithm.head(action).ok_or_else(refuse)?;
        let actions = ActionHead::new(head, action).map_err(PolicyError::Space)?;
        // Flags are of actions that are counted, each of one.
        let flags = features.masked();
        if flags > 0 && !matches!(action, Space::Discrete { n, .. } if *n as usize == flags) {
            return Err(PolicyError::Space(format!("{action} and an action_mask of {flags}")));
        }
        let inputs = algorithm.features_extractor().inputs(&features);
        let inputs = inputs.map_err(|reason| PolicyError::Extractor(format!("{}.{reason}", algorithm.name())))?;
        let mlp = algorithm.network(inputs, &actions);
        let mlp = match (algorithm.exploration(0).style, action) {
            (Style::StateDependent { .. }, Space::Box { .. }) => mlp.state_dependent(head == Head::SquashedGaussian),
            (Style::StateDependent { .. }, _) => {
                return Err(PolicyError::Exploration(format!(
                    "{}.use_sde = true adds noise to actions that are numbers, and {action} has none: set it to false",
                    algorithm.name()
                )));
            }
            _ => mlp,
        };
        Ok(Self { features, actions, mlp })
    }
}

/// What learns, by the data it takes.
pub enum AnyLearner {
    /// From replay.
    OffPolicy(Box<dyn OffPolicy>),
    /// From rollouts of its own policy.
    OnPolicy(Box<dyn OnPolicy>),
}

impl AnyLearner {
    /// It, whatever data it takes.
    pub fn learner(&self) -> &dyn Learner {
        match self {
            Self::OffPolicy(learner) => &**learner,
            Self::OnPolicy(learner) => &**learner,
        }
    }

    /// See [`learner`](Self::learner).
    pub fn learner_mut(&mut self) -> &mut dyn Learner {
        match self {
            Self::OffPolicy(learner) => &mut **learner,
            Self::OnPolicy(learner) => &mut **learner,
        }
    }
}

/// The data that an algorithm learns from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data {
    /// Transitions of any policy, drawn from replay.
    Replay(ReplayUse),
    /// Rollouts of its own policy.
    Rollouts(RolloutUse),
    /// Transitions of a dataset that was recorded before; no environment is stepped for more.
    Dataset(DatasetUse),
}

/// How an algorithm uses a dataset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatasetUse {
    /// Transitions in a gradient step.
    pub batch_size: usize,
    /// How returns are summed.
    pub returns: Returns,
}

/// How an algorithm uses replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplayUse {
    /// Capacity of replay in transitions, over all environments.
    pub buffer_size: usize,
    /// Environment steps before the first update.
    pub learning_starts: u64,
    /// Transitions in an update.
    pub batch_size: usize,
    /// Environment steps, over all environments, between updates.
    pub train_freq: u64,
    /// Gradient steps at each update; -1 for as many as there were environment steps.
    pub gradient_steps: i64,
    /// How returns are summed.
    pub returns: Returns,
    /// How it prioritizes, if it does.
    pub prioritization: Option<Prioritization>,
}

/// How returns are summed when a transition is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Returns {
    /// Rewards summed before bootstrapping.
    pub n_steps: usize,
    /// Discount a step.
    pub gamma: f32,
    /// What rewards are multiplied by.
    pub reward_scale: f32,
}

/// How priorities are made of TD errors, and what is made up for in the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prioritization {
    /// How much they count: 0 draws uniformly, 1 in full proportion.
    pub alpha: f64,
    /// Added to |TD error|; more than 0.
    pub eps: f64,
    /// How much of the bias weights take back, at the beginning: 1 is all.
    pub beta0: f64,
    /// Environment steps over which that rises to 1; none for all of the run's.
    pub beta_iters: Option<u64>,
    /// Whether actors say what a transition begins with, by the network that they act with; otherwise each begins with the
    /// highest there ever was.
    pub by_actors: bool,
}

impl Prioritization {
    /// β once `steps` of `total_timesteps` environment steps are done.
    pub fn beta(&self, steps: u64, total_timesteps: u64) -> f64 {
        let done = (steps as f64 / self.beta_iters.unwrap_or(total_timesteps).max(1) as f64).min(1.0);
        self.beta0 + done * (1.0 - self.beta0)
    }
}

/// How an algorithm uses rollouts of its own policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RolloutUse {
    /// Steps of each environment in a rollout.
    pub n_steps: usize,
    /// Gradient steps on each transition.
    pub epochs: usize,
    /// Transitions in a gradient step; none for all of a rollout.
    pub batch_size: Option<usize>,
    /// Discount a step.
    pub gamma: f32,
}

impl Data {
    /// Steps that every one of `n_envs` environments makes between two updates.
    pub fn rollout_steps(&self, n_envs: usize) -> usize {
        match self {
            Self::Replay(replay) => (replay.train_freq as usize).div_ceil(n_envs),
            Self::Rollouts(rollouts) => rollouts.n_steps,
            // The steps of such a run are gradient steps.
            Self::Dataset(_) => 1,
        }
    }

    /// Transitions in a gradient step with `n_envs` environments.
    pub fn batch_size(&self, n_envs: usize) -> usize {
        match self {
            Self::Replay(replay) => replay.batch_size,
            Self::Rollouts(rollouts) => rollouts.batch_size.unwrap_or(rollouts.n_steps * n_envs),
            Self::Dataset(dataset) => dataset.batch_size,
        }
    }

    /// How returns are summed when a transition is looked at.
    pub fn returns(&self) -> Returns {
        match self {
            Self::Replay(replay) => replay.returns,
            Self::Rollouts(rollouts) => Returns { n_steps: 1, gamma: rollouts.gamma, reward_scale: 1.0 },
            Self::Dataset(dataset) => dataset.returns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_rises_in_a_line_and_stays_at_one() {
        let prioritization = Prioritization { alpha: 0.6, eps: 1e-6, beta0: 0.4, beta_iters: None, by_actors: false };
        for (steps, beta) in [(0, 0.4), (500, 0.7), (1000, 1.0), (2000, 1.0)] {
            assert!((prioritization.beta(steps, 1000) - beta).abs() < 1e-12, "{steps}");
        }
        let sooner = Prioritization { beta_iters: Some(100), ..prioritization };
        assert!((sooner.beta(50, 1000) - 0.7).abs() < 1e-12);
        assert!((sooner.beta(100, 1000) - 1.0).abs() < 1e-12);
    }
}
