//! Evaluation: episodes on environments and seeds of their own, greedy if not asked otherwise.

use std::collections::BTreeMap;

use cartwheel_agents::Policy;
use cartwheel_envs::{ActionRows, EnvBuilder, EnvError, Generator, Info, Rows, Statistics, VectorEnv, VectorStep};
use serde::{Deserialize, Serialize};

use crate::episode_info::{self, EpisodeInfo, IS_SUCCESS, means, success_rate};
use crate::statistics::mean_std;

/// Returns of greedy episodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Return of each episode, in the order of their seeds.
    pub returns: Vec<f64>,
    /// Steps of each.
    pub lengths: Vec<u64>,
    /// What the last info of each told.
    pub infos: Vec<EpisodeInfo>,
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

    /// The share of episodes in which the task was achieved, where the environment tells (`is_success`).
    pub fn success_rate(&self) -> Option<f64> {
        success_rate(self.infos.iter())
    }

    /// Means of what infos told: `success_rate`, and `info/<key>` of what was asked for.
    pub fn info_means(&self) -> BTreeMap<String, f64> {
        means(self.infos.iter())
    }

    /// Mean steps of an episode.
    pub fn mean_length(&self) -> f64 {
        self.lengths.iter().sum::<u64>() as f64 / self.lengths.len().max(1) as f64
    }
}

/// Plays one greedy episode from each of so many seeds, on a batch of environments: every seed counts once, so that
/// short episodes are not counted more often than long ones. Returns are in the environment's own rewards, and
/// statistics of wrappers are those that are given, not updated.
pub struct Evaluator {
    envs: Box<dyn VectorEnv>,
    episodes: usize,
    observations: Rows,
    step: VectorStep,
    /// What is kept of each episode's last info beside `is_success`.
    info_keywords: Vec<String>,
    max_episode_steps: u64,
    actions: ActionRows,
    /// Environments whose episode still runs, and their actions.
    running: Vec<usize>,
    chosen: ActionRows,
    /// Whether actions are drawn, and what draws those of each.
    stochastic: bool,
    rngs: Vec<Generator>,
    /// Whether it was told that episodes were cut off.
    has_warned: bool,
}

impl Evaluator {
    /// An evaluator that plays `episodes`, `n_envs` of them at a time.
    ///
    /// # Errors
    /// If the environment cannot be made.
    pub fn new(env: &EnvBuilder, episodes: usize, n_envs: usize, max_episode_steps: u64) -> Result<Self, EnvError> {
        let n_envs = n_envs.min(episodes);
        let mut envs = env.make_vec(n_envs)?;
        for e in 0..n_envs {
            envs.statistics_mut(e, &mut |own| own.update_running_mean = false);
        }
        let space = envs.single_observation_space().clone();
        let step = VectorStep::new(&space, n_envs);
        Ok(Self {
            observations: Rows::for_space(&space, n_envs),
            step: if envs.has_info_of(IS_SUCCESS) { step.with_final_infos() } else { step },
            info_keywords: Vec::new(),
            actions: ActionRows::default(),
            running: Vec::with_capacity(n_envs),
            chosen: ActionRows::default(),
            stochastic: false,
            rngs: Vec::new(),
            has_warned: false,
            episodes,
            max_episode_steps,
            envs,
        })
    }

    /// Has actions drawn from the policy's distribution, where it has one, in the place of the best. What is drawn in an episode
    /// follows from its seed, whatever the others.
    #[must_use]
    pub fn stochastic(mut self, stochastic: bool) -> Self {
        self.stochastic = stochastic;
        self
    }

    /// Keeps the numbers with these keys in the last info of each episode, which must be there.
    #[must_use]
    pub fn info_keywords(mut self, keywords: &[String]) -> Self {
        if !keywords.is_empty() {
            self.step = self.step.with_final_infos();
        }
        self.info_keywords = keywords.to_vec();
        self
    }

    /// Takes the policy's statistics for those of the wrappers, as they are.
    fn set_statistics(&mut self, statistics: &[Statistics]) {
        for e in 0..self.envs.num_envs() {
            self.envs.statistics_mut(e, &mut |own| own.update_running_mean = false);
            self.envs.statistics_mut(e, &mut Statistics::put(statistics));
        }
    }

    /// Plays an episode from each of the seeds `seed`, `seed + 1`, ... `stop` is asked between steps; if it
    /// says so there is no result.
    ///
    /// # Errors
    /// If an environment fails.
    pub fn evaluate(
        &mut self,
        policy: &mut Policy,
        seed: u64,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Evaluation>, EnvError> {
        self.set_statistics(policy.statistics());
        let n = self.episodes;
        let mut result = Evaluation { returns: vec![0.0; n], lengths: vec![0; n], infos: vec![EpisodeInfo::new(); n] };
        for first in (0..n).step_by(self.envs.num_envs()) {
            if !self.play(policy, seed, first, stop, &mut result)? {
                return Ok(None);
            }
        }
        Ok(Some(result))
    }

    /// Plays the episodes from number `first` on, one on each environment. False if asked to stop.
    fn play(
        &mut self,
        policy: &mut Policy,
        seed: u64,
        first: usize,
        stop: &dyn Fn() -> bool,
        result: &mut Evaluation,
    ) -> Result<bool, EnvError> {
        self.envs.reset(Some(seed.wrapping_add(first as u64)), &mut self.observations)?;
        self.running.clear();
        self.running.extend(0..self.envs.num_envs().min(self.episodes - first));
        // Environments whose episode is over are stepped with what they did last.
        self.actions = policy.actions(self.envs.num_envs());
        self.chosen = policy.actions(0);
        policy.reset();
        // A stream that is not that of the environment.
        let stream = |e: &usize| Generator::from_entropy(&[seed.wrapping_add((first + e) as u64), 1]);
        self.rngs.clear();
        self.rngs.extend(self.running.iter().filter(|_| self.stochastic).map(stream));
        let mut steps = 0;
        while !self.running.is_empty() && steps < self.max_episode_steps {
            if stop() {
                return Ok(false);
            }
            self.chosen.resize(self.running.len());
            let observations = self.running.iter().map(|&e| self.observations.row(e));
            if self.stochastic {
                policy.sample_batch(observations, &mut self.rngs, &mut self.chosen);
            } else {
                policy.act_batch(observations, &mut self.chosen);
            }
            for (i, &e) in self.running.iter().enumerate() {
                self.actions.set(e, self.chosen.get(i));
            }
            self.envs.step(self.actions.as_actions(), &mut self.step)?;
            std::mem::swap(&mut self.observations, &mut self.step.observations);
            let step = &self.step;
            let goes_on = |e: usize| !(step.terminated[e] || step.truncated[e]);
            if let Some(infos) = &step.final_infos {
                for &e in self.running.iter().filter(|&&e| !goes_on(e)) {
                    result.infos[first + e] = self.told(&infos[e])?;
                }
            }
            policy.retain(|i| goes_on(self.running[i]));
            let mut place = self.running.iter();
            self.rngs.retain(|_| place.next().is_some_and(|&e| goes_on(e)));
            self.running.retain(|&e| {
                result.returns[first + e] += f64::from(step.raw_rewards()[e]);
                result.lengths[first + e] += 1;
                goes_on(e)
            });
            steps += 1;
        }
        if self.step.final_infos.is_some() {
            for &e in &self.running {
                result.infos[first + e] = self.told(&self.envs.info(e))?;
            }
        }
        if !self.running.is_empty() && !std::mem::replace(&mut self.has_warned, true) {
            let limit = self.max_episode_steps;
            tracing::warn!(
                "an evaluation cut an episode off after {limit} steps (eval.max_episode_steps): give the environment a time limit, \
                 by EnvSpec::max_episode_steps or --wrapper 'TimeLimit(1000)'"
            );
        }
        Ok(true)
    }

    /// What is kept of an episode's last info.
    fn told(&self, info: &Info) -> Result<EpisodeInfo, EnvError> {
        // Of an episode whose worker died nobody knows what it would have told.
        if info.is_empty() && self.envs.worker_restarts() > 0 {
            return Ok(EpisodeInfo::new());
        }
        episode_info::read(info, &self.info_keywords).map_err(EnvError::failed)
    }
}
