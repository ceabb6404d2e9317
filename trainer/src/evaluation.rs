//! Evaluation: greedy episodes on environments and seeds of their own.

use cartwheel_agents::GreedyPolicy;
use cartwheel_envs::{Actions, EnvError, Kwargs, Rows, VectorEnv, VectorStep, make_vec};
use serde::{Deserialize, Serialize};

use crate::statistics::mean_std;

/// Returns of greedy episodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Return of each episode, in the order of their seeds.
    pub returns: Vec<f64>,
    /// Steps of each.
    pub lengths: Vec<u64>,
}

impl Evaluation {
    /// Mean return.
    pub fn mean(&self) -> f64 {
        mean_std(&self.returns).0
    }

    /// Standard deviation of the returns.
    pub fn std(&self) -> f64 {
        mean_std(&self.returns).1
    }

    /// Mean steps of an episode.
    pub fn mean_length(&self) -> f64 {
        self.lengths.iter().sum::<u64>() as f64 / self.lengths.len().max(1) as f64
    }
}

/// Plays one greedy episode on each of a batch of environments: every seed counts once, so that short
/// episodes are not counted more often than long ones.
pub struct Evaluator {
    envs: Box<dyn VectorEnv>,
    observations: Rows,
    step: VectorStep,
    max_episode_steps: u64,
    actions: Vec<i32>,
    /// Environments whose episode still runs, and their actions.
    running: Vec<usize>,
    chosen: Vec<i32>,
}

impl Evaluator {
    /// An evaluator that plays `episodes` at a time.
    ///
    /// # Errors
    /// If the environment cannot be made.
    pub fn new(env_id: &str, args: &Kwargs, episodes: usize, max_episode_steps: u64) -> Result<Self, EnvError> {
        let envs = make_vec(env_id, episodes, args)?;
        let space = envs.single_observation_space().clone();
        Ok(Self {
            observations: Rows::for_space(&space, episodes),
            step: VectorStep::new(&space, episodes),
            actions: vec![0; episodes],
            running: Vec::with_capacity(episodes),
            chosen: vec![0; episodes],
            max_episode_steps,
            envs,
        })
    }

    /// Plays an episode from each of the seeds `seed`, `seed + 1`, ... `stop` is asked between steps; if it
    /// says so there is no result.
    ///
    /// # Errors
    /// If an environment fails.
    pub fn evaluate(
        &mut self,
        policy: &mut GreedyPolicy,
        seed: u64,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Evaluation>, EnvError> {
        let n = self.envs.num_envs();
        let mut result = Evaluation { returns: vec![0.0; n], lengths: vec![0; n] };
        self.envs.reset(Some(seed), &mut self.observations)?;
        self.running.clear();
        self.running.extend(0..n);
        self.actions.fill(policy.first_action());
        let mut steps = 0;
        while !self.running.is_empty() && steps < self.max_episode_steps {
            if stop() {
                return Ok(None);
            }
            let chosen = &mut self.chosen[..self.running.len()];
            policy.act_batch(self.running.iter().map(|&e| self.observations.row(e)), chosen);
            for (&e, action) in self.running.iter().zip(&*chosen) {
                self.actions[e] = *action;
            }
            self.envs.step(Actions::Discrete(&self.actions), &mut self.step)?;
            std::mem::swap(&mut self.observations, &mut self.step.observations);
            let step = &self.step;
            self.running.retain(|&e| {
                result.returns[e] += f64::from(step.rewards[e]);
                result.lengths[e] += 1;
                !(step.terminated[e] || step.truncated[e])
            });
            steps += 1;
        }
        Ok(Some(result))
    }
}
