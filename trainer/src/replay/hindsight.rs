//! Hindsight experience replay: transitions are drawn as if what their episode came to had been asked for
//! (Andrychowicz et al. 2017).
//!
//! As in Stable-Baselines3's `HerReplayBuffer`, goals are exchanged when transitions are drawn, so that replay holds what
//! happened and nothing else; only episodes that have ended are drawn from; and whether a transition ended its episode for
//! good stays as it was, whatever the goal is now.

use std::ops::Range;

use cartwheel_agents::{Batch, Returns};
use cartwheel_envs::{EnvError, Environment, Generator, Row, Rows, Space, same_reward};

use super::{NO_STEP, Replay, TERMINATED, TRUNCATED};
use crate::config::{GoalSelectionStrategy, HerConfig};

/// Steps of an episode in which rewards are compared with what goals say of them.
const PROBED_STEPS: usize = 200;

/// How goals are exchanged, and what transitions are then worth.
pub struct Hindsight {
    strategy: GoalSelectionStrategy,
    /// The share of a batch that is given other goals.
    her_ratio: f64,
    /// Says what a step would have paid.
    env: Environment,
    /// Where goals are in an observation.
    achieved: Range<usize>,
    desired: Range<usize>,
    /// An observation that is given another goal.
    row: Rows,
    /// What transitions that are given other goals achieved, and those goals; and what that pays.
    goals: [Rows; 2],
    rewards: Vec<f64>,
}

impl Hindsight {
    /// Hindsight in `env`, which is played for an episode to see that its rewards follow from its goals.
    ///
    /// # Errors
    /// Why it cannot be had there, and what to do.
    pub fn new(config: &HerConfig, env: Environment) -> Result<Self, String> {
        let id = env.spec().id.clone();
        let space = env.observation_space();
        let [achieved, desired] = Self::goals(&id, space)?;
        let mut own = Self {
            goals: [0, 1].map(|_| Rows::new(space.dtype(), achieved.len(), PROBED_STEPS)),
            rewards: Vec::new(),
            strategy: config.goal_selection_strategy,
            her_ratio: 1.0 - 1.0 / (config.n_sampled_goal as f64 + 1.0),
            row: Rows::for_space(space, 1),
            env,
            achieved,
            desired,
        };
        own.probe(&id)?;
        own.row.clear();
        Ok(own)
    }

    /// Where goals are in observations of the environment `id`: what was achieved, and what was asked for.
    ///
    /// # Errors
    /// That it has none, and which environments do.
    pub fn goals(id: &str, space: &Space) -> Result<[Range<usize>; 2], String> {
        let part = |name: &str| {
            space.part(name).ok_or_else(|| {
                format!(
                    "hindsight experience replay needs observations with achieved_goal and desired_goal, and {id} shows {space}: choose an environment with goals, such as BitFlip-v0 or Reacher2D-v0, without wrappers that take its Dict apart"
                )
            })
        };
        let ((achieved, of_achieved), (desired, of_desired)) = (part("achieved_goal")?, part("desired_goal")?);
        if of_achieved != of_desired {
            return Err(format!(
                "the achieved_goal of {id} is {of_achieved} and its desired_goal {of_desired}: they must be of the same space"
            ));
        }
        Ok([achieved, desired])
    }

    /// Plays an episode at random and compares its rewards with those that follow from its goals.
    fn probe(&mut self, id: &str) -> Result<(), String> {
        let mut rng = Generator::new(0);
        let space: Space = self.env.action_space().clone();
        let mut action = Rows::for_space(&space, 1);
        self.env.reset(Some(0)).map_err(|error| error.to_string())?;
        let mut paid = Vec::new();
        while paid.len() < PROBED_STEPS {
            space.sample(&mut rng, action.row_mut(0));
            let Some(chosen) = space.action(action.row(0)) else { return Ok(()) };
            let taken = self.env.step(chosen).map_err(|error| error.to_string())?;
            let row = self.env.observation();
            for (goals, range) in self.goals.iter_mut().zip([&self.achieved, &self.desired]) {
                goals.set(paid.len(), row.part(range.clone()));
            }
            paid.push(taken.reward);
            if taken.terminated || taken.truncated {
                break;
            }
        }
        self.rewards.resize(paid.len(), 0.0);
        if !self.pay().map_err(|error| error.to_string())? {
            return Err(format!(
                "{id} does not say what a step to another goal would have paid: implement Env::compute_reward (docs/add-an-environment.md), in Python compute_reward"
            ));
        }
        let mut pairs = self.rewards.iter().zip(&paid);
        match pairs.position(|(computed, paid)| !same_reward(*computed, *paid)) {
            Some(at) => Err(format!(
                "step {} of {id} paid {} and its compute_reward says {}: take away the wrappers that change rewards or goals",
                at + 1,
                paid[at],
                self.rewards[at]
            )),
            None => Ok(()),
        }
    }

    /// Works out as many rewards as there is room for. False if the environment does not say them.
    fn pay(&mut self) -> Result<bool, EnvError> {
        let [achieved, desired] = &self.goals;
        self.env.compute_rewards(achieved, desired, &mut self.rewards)
    }

    /// Makes room for the goals of `count` transitions.
    fn make_room(&mut self, count: usize) {
        self.rewards.resize(count, 0.0);
        for goals in self.goals.iter_mut().filter(|goals| goals.len() < count) {
            *goals = Rows::new(goals.dtype(), goals.width(), count);
        }
    }

    /// How many of `n` transitions are given other goals.
    fn relabelled(&self, n: usize) -> usize {
        (self.her_ratio * n as f64) as usize
    }

    /// The observation that begins with `from` but for its goal.
    fn with_goal(&mut self, from: Row<'_>, goal: Row<'_>) -> Row<'_> {
        self.row.set(0, from);
        self.row.row_mut(0).part(self.desired.clone()).copy_from(goal);
        self.row.row(0)
    }
}

impl Replay {
    /// Whether an episode has ended whose last transition is still there.
    pub fn has_ended_episode(&self) -> bool {
        self.ends > 0
    }

    /// Fills `batch` with `n` transitions of episodes that have ended, the first of them with other goals.
    ///
    /// # Errors
    /// The environment's, as of Python, that is asked what these pay.
    ///
    /// # Panics
    /// If no episode has ended yet.
    pub fn sample_hindsight(
        &mut self,
        n: usize,
        returns: Returns,
        hindsight: &mut Hindsight,
        rng: &mut Generator,
        batch: &mut Batch,
    ) -> Result<(), EnvError> {
        assert!(self.has_ended_episode(), "hindsight before an episode has ended");
        batch.resize_masked(n, self.features.width(), self.features.masked());
        self.bound_rings();
        let relabelled = hindsight.relabelled(n);
        hindsight.make_room(relabelled);
        for slot in 0..n {
            let (row, last) = self.row_of_ended_episode(rng);
            batch.rows[slot] = row;
            self.gather(row, returns, batch, slot);
            if slot < relabelled {
                let goal = self.observations.row(self.after(self.goal_of(row, last, hindsight.strategy, rng)));
                self.relabel(row, goal.part(hindsight.achieved.clone()), hindsight, batch, slot);
            }
        }
        // All at once, as the environment may be in another process. That it says them was seen when hindsight began.
        if relabelled > 0 {
            hindsight.pay()?;
        }
        for (paid, reward) in batch.returns.iter_mut().zip(&hindsight.rewards) {
            *paid = *reward as f32 * returns.reward_scale;
        }
        Ok(())
    }

    /// Gives the transition of `row`, which is in `slot` of `batch`, the goal `goal`; what that pays is worked out later.
    fn relabel(&self, row: usize, goal: Row<'_>, hindsight: &mut Hindsight, batch: &mut Batch, slot: usize) {
        let (before, after) = (self.observations.row(row), self.observations.row(self.after(row)));
        let width = self.features.width();
        let columns = slot * width..(slot + 1) * width;
        self.features.encode(hindsight.with_goal(before, goal), &mut batch.observations[columns.clone()]);
        self.features.encode(hindsight.with_goal(after, goal), &mut batch.next_observations[columns]);
        let achieved = after.part(hindsight.achieved.clone());
        hindsight.goals.iter_mut().zip([achieved, goal]).for_each(|(goals, goal)| goals.set(slot, goal));
    }

    /// Any transition of an episode that has ended, with the episode's last.
    fn row_of_ended_episode(&self, rng: &mut Generator) -> (usize, usize) {
        loop {
            let row = self.uniform_row(rng);
            if let Some(last) = self.last_of_episode(row) {
                return (row, last);
            }
        }
    }

    /// The transition of the episode of `row`, which ends with `last`, whose outcome becomes the goal of `row`.
    fn goal_of(&self, row: usize, last: usize, strategy: GoalSelectionStrategy, rng: &mut Generator) -> usize {
        let first = match strategy {
            GoalSelectionStrategy::Final => last,
            GoalSelectionStrategy::Future => row,
            GoalSelectionStrategy::Episode => self.first_of_episode(row),
        };
        let ring = row - row % self.capacity;
        let length = (last + self.capacity - first) % self.capacity + 1;
        ring + (first - ring + rng.below(length as u64) as usize) % self.capacity
    }

    /// The last transition of the episode of `row`; none if it has not ended.
    fn last_of_episode(&self, row: usize) -> Option<usize> {
        let mut at = row;
        while self.flags[at] & (TERMINATED | TRUNCATED) == 0 {
            at = self.after(at);
            // The newest observation, or one after which a run was cut off and resumed.
            if self.flags[at] & NO_STEP != 0 {
                return None;
            }
        }
        Some(at)
    }

    /// The oldest transition that is left of the episode of `row`.
    fn first_of_episode(&self, row: usize) -> usize {
        let ring = row - row % self.capacity;
        let mut at = row;
        loop {
            let before = if at == ring { ring + self.capacity - 1 } else { at - 1 };
            // Another episode's last observation, the newest of the ring, or none yet.
            if self.flags[before] & NO_STEP != 0 {
                return at;
            }
            at = before;
        }
    }

    /// The row after `row` in its ring.
    #[inline]
    fn after(&self, row: usize) -> usize {
        if (row + 1).is_multiple_of(self.capacity) { row + 1 - self.capacity } else { row + 1 }
    }
}

#[cfg(test)]
#[path = "hindsight_tests.rs"]
mod tests;
