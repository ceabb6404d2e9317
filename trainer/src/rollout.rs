//! What an actor hands over: consecutive steps of its environments, time-major.

use cartwheel_envs::{ActionRows, Rows, Space, Statistics};

use crate::run::EpisodeRecord;

/// Up to a fixed number of consecutive steps of a few environments. Row `t * envs + e` is environment `e` at
/// step `t`. Rollouts travel between actors and the learner and are filled again: nothing is allocated.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// The run's number of the first environment.
    pub first_env: usize,
    /// Environments.
    pub envs: usize,
    /// Steps filled in.
    pub steps: usize,
    /// The version of the weights that chose the actions.
    pub version: u64,
    /// The observation before each step, and after the last.
    pub observations: Rows,
    /// Whether each step is its episode's first.
    pub episode_starts: Vec<bool>,
    /// What the policy remembered before each step; empty of one that remembers nothing.
    pub memories: Vec<f32>,
    /// Actions, as the policy counts them.
    pub actions: ActionRows,
    /// The logarithm of the chance of each, where they are drawn from a distribution.
    pub log_probs: Vec<f32>,
    /// |TD error| of each step by the network that chose it, where actors say what priorities begin with; otherwise empty.
    pub td_errors: Vec<f32>,
    /// Rewards as the environment gave them.
    pub rewards: Vec<f32>,
    /// Whether the step ended its episode for good: nothing can be earned after it.
    pub terminated: Vec<bool>,
    /// Whether the step ended its episode for a reason outside the task, such as a time limit.
    pub truncated: Vec<bool>,
    /// The last observations of episodes that ended, in the order of their steps.
    pub final_observations: Rows,
    /// How many final observations there are.
    pub finals: usize,
    /// Episodes that ended, in the order of their last steps.
    pub episodes: Vec<FinishedEpisode>,
    /// The running statistics of each environment's wrappers after the last step; empty where none keeps any.
    pub statistics: Vec<Vec<Statistics>>,
}

/// An episode that ended within a rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedEpisode {
    /// Its last step within the rollout.
    pub step: usize,
    /// What the run keeps of it. Its actions are empty where episodes are not recorded.
    pub record: EpisodeRecord,
    /// Steps it took.
    pub length: u64,
}

impl Rollout {
    /// Room for `capacity` steps of `envs` environments from the run's number `first_env` on, with observations of
    /// `space` and actions in the form of `actions`.
    pub fn new(space: &Space, actions: &ActionRows, first_env: usize, envs: usize, capacity: usize) -> Self {
        let n = envs * capacity;
        Self {
            first_env,
            envs,
            steps: 0,
            version: 0,
            observations: Rows::for_space(space, n + envs),
            episode_starts: vec![false; n],
            memories: Vec::new(),
            actions: actions.zeros(n),
            log_probs: vec![0.0; n],
            td_errors: Vec::new(),
            rewards: vec![0.0; n],
            terminated: vec![false; n],
            truncated: vec![false; n],
            final_observations: Rows::for_space(space, n),
            finals: 0,
            episodes: Vec::new(),
            statistics: Vec::new(),
        }
    }

    /// Steps it has room for.
    pub fn capacity(&self) -> usize {
        self.rewards.len() / self.envs
    }

    /// Whether it was left unfinished.
    pub fn is_cut(&self) -> bool {
        self.steps < self.capacity()
    }

    /// Environment steps in it.
    pub fn transitions(&self) -> usize {
        self.steps * self.envs
    }
}
