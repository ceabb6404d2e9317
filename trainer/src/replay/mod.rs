//! Replay: the transitions that a learner draws from.
//!
//! Each environment has a ring of its own, so that the order of transitions does not depend on which thread
//! stepped it. An observation is stored once, in the environment's dtype: the next observation of a row is
//! the row after it. An episode's end takes a row of its own for the final observation, marked as no
//! transition, so that a reset observation can never be mistaken for a next one. N-step returns are summed
//! when a row is drawn. Prioritized replay has weights over the same rows.

mod hindsight;
mod priorities;
mod sum_tree;

use cartwheel_agents::{Batch, Features, Prioritization, Returns};
use cartwheel_envs::{Action, ActionRows, Generator, Row, Rows, Space};
use serde::{Deserialize, Serialize};

use crate::rollout::Rollout;
use priorities::Priorities;

/// The row's step ended its episode for good.
const TERMINATED: u8 = 1;
/// The row's step ended its episode for a reason outside the task.
const TRUNCATED: u8 = 2;
/// The row is an observation without a step: a final one, or the newest of its ring.
const NO_STEP: u8 = 4;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Replay {
    features: Features,
    observations: Rows,
    actions: ActionRows,
    rewards: Vec<f32>,
    flags: Vec<u8>,
    rings: Vec<Ring>,
    /// Rows filled in each ring and those before it, as of the last batch that was drawn uniformly.
    bounds: Vec<usize>,
    /// Steps that each environment has made, of the whole run.
    steps: Vec<u64>,
    /// Rows in each ring.
    capacity: usize,
    /// Rows that can be drawn.
    transitions: usize,
    /// Those of them that ended an episode.
    ends: usize,
    /// Without them, all are drawn alike.
    priorities: Option<Priorities>,
}

/// Where a ring stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Ring {
    /// Position of the newest row.
    head: usize,
    /// Rows filled.
    len: usize,
}

impl Replay {
    /// Room for about `buffer_size` transitions of `envs` environments with observations of `space` and actions in the
    /// form of `actions`: each final observation takes the room of one. With `prioritization` it is drawn from by priority.
    ///
    /// # Errors
    /// The space in words, if networks cannot see it.
    pub fn new(
        space: &Space,
        actions: &ActionRows,
        envs: usize,
        buffer_size: usize,
        prioritization: Option<Prioritization>,
    ) -> Result<Self, String> {
        let capacity = Self::ring_capacity(envs, buffer_size);
        let rows = envs * capacity;
        Ok(Self {
            features: Features::new(space)?,
            observations: Rows::for_space(space, rows),
            actions: actions.zeros(rows),
            rewards: vec![0.0; rows],
            flags: vec![NO_STEP; rows],
            rings: vec![Ring::default(); envs],
            bounds: Vec::with_capacity(envs),
            steps: vec![0; envs],
            capacity,
            transitions: 0,
            ends: 0,
            priorities: prioritization.map(|prioritization| Priorities::new(prioritization, rows)),
        })
    }

    /// At least three rows, so that a transition with its next observation always fits beside the newest.
    fn ring_capacity(envs: usize, buffer_size: usize) -> usize {
        buffer_size.div_ceil(envs).max(2).saturating_add(1)
    }

    /// Bytes that such a replay takes, known before it is built; in more bits than any machine's memory needs,
    /// so that a slip of the pen does not overflow.
    pub fn bytes_needed(
        space: &Space,
        actions: &ActionRows,
        envs: usize,
        buffer_size: usize,
        prioritized: bool,
    ) -> u128 {
        let row = space.width() * space.dtype().size() + 4 * actions.width() + size_of::<f32>() + size_of::<u8>();
        let rows = envs as u128 * Self::ring_capacity(envs, buffer_size) as u128;
        row as u128 * rows + if prioritized { Priorities::bytes(rows) } else { 0 }
    }

    /// Starts an episode of environment `env` with `observation`.
    #[inline]
    pub fn begin(&mut self, env: usize, observation: Row<'_>) {
        let row = self.advance(env);
        self.observations.set(row, observation);
        // The oldest row of a full ring goes.
        if self.flags[row] & NO_STEP == 0 {
            self.transitions -= 1;
            self.ends -= usize::from(self.flags[row] != 0);
            if let Some(priorities) = &mut self.priorities {
                priorities.remove(row);
            }
        }
        self.flags[row] = NO_STEP;
    }

    /// Adds the step that environment `env` made from its newest observation. `next_observation` is what the
    /// step led to, also where it ended the episode; then [`begin`](Self::begin) follows.
    #[inline]
    pub fn push(
        &mut self,
        env: usize,
        action: Action<'_>,
        reward: f32,
        terminated: bool,
        truncated: bool,
        next_observation: Row<'_>,
    ) {
        let row = env * self.capacity + self.rings[env].head;
        self.actions.set(row, action);
        self.rewards[row] = reward;
        self.flags[row] = (u8::from(terminated) * TERMINATED) | (u8::from(truncated) * TRUNCATED);
        self.transitions += 1;
        self.steps[env] += 1;
        self.ends += usize::from(terminated || truncated);
        if let Some(priorities) = &mut self.priorities {
            priorities.insert(row);
        }
        self.begin(env, next_observation);
    }

    /// Each environment has made so many steps up to here: for who goes on with a run.
    pub(crate) fn count_from(&mut self, steps: u64) {
        self.steps.fill(steps);
    }

    /// Moves a ring's head on and returns the row there.
    #[inline]
    fn advance(&mut self, env: usize) -> usize {
        let ring = &mut self.rings[env];
        if ring.len > 0 {
            ring.head = if ring.head + 1 == self.capacity { 0 } else { ring.head + 1 };
        }
        ring.len = (ring.len + 1).min(self.capacity);
        env * self.capacity + ring.head
    }

    /// Adds the steps of `rollout`.
    pub fn extend(&mut self, rollout: &Rollout) {
        let mut finals = 0;
        for t in 0..rollout.steps {
            for e in 0..rollout.envs {
                let (env, at) = (rollout.first_env + e, t * rollout.envs + e);
                if self.rings[env].len == 0 {
                    self.begin(env, rollout.observations.row(at));
                }
                let (terminated, truncated) = (rollout.terminated[at], rollout.truncated[at]);
                let after = rollout.observations.row(at + rollout.envs);
                let (action, reward) = (rollout.actions.get(at), rollout.rewards[at]);
                let row = env * self.capacity + self.rings[env].head;
                if terminated || truncated {
                    let last = rollout.final_observations.row(finals);
                    finals += 1;
                    self.push(env, action, reward, terminated, truncated, last);
                    self.begin(env, after);
                } else {
                    self.push(env, action, reward, false, false, after);
                }
                if let Some(error) = rollout.td_errors.get(at) {
                    self.update_priorities(&[row], std::slice::from_ref(error));
                }
            }
        }
    }

    /// An empty batch for what is drawn.
    pub fn batch(&self) -> Batch {
        Batch::like(&self.actions)
    }

    /// What a network sees of the observations.
    pub(crate) fn features(&self) -> &Features {
        &self.features
    }

    /// Rows filled, final observations included.
    pub fn len(&self) -> usize {
        self.rings.iter().map(|r| r.len).sum()
    }

    /// Rows there is room for.
    pub fn capacity(&self) -> usize {
        self.flags.len()
    }

    /// Transitions there is room for: the newest row of each environment waits for its step. The final observation of an
    /// episode takes the room of one more.
    pub fn transition_capacity(&self) -> usize {
        self.capacity() - self.envs()
    }

    /// Whether no row is filled.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the rows take.
    pub fn bytes(&self) -> u64 {
        let priorities = self.priorities.as_ref().map_or(0, |_| Priorities::bytes(self.flags.len() as u128) as u64);
        self.observations.bytes() as u64 + self.flags.len() as u64 * (5 + 4 * self.actions.width() as u64) + priorities
    }

    /// Whether there is a transition to draw.
    pub fn has_transitions(&self) -> bool {
        self.transitions > 0
    }

    /// Fills `batch` with `n` transitions, which may repeat: drawn uniformly, or by priority and weighted for it in
    /// the share `beta`, from 0 to 1.
    ///
    /// # Panics
    /// If there is no transition yet.
    pub fn sample(&mut self, n: usize, returns: Returns, beta: f64, rng: &mut Generator, batch: &mut Batch) {
        assert!(self.has_transitions(), "sampled from a replay without transitions");
        batch.resize_masked(n, self.features.width(), self.features.masked());
        if let Some(priorities) = &mut self.priorities {
            priorities.draw(beta, rng, batch);
        } else {
            self.bound_rings();
            batch.rows.fill_with(|| self.uniform_row(rng));
        }
        for slot in 0..n {
            self.gather(batch.rows[slot], returns, batch, slot);
        }
    }

    /// Notes the |TD errors| of the transitions that were drawn from `rows`, which a prioritized replay draws by.
    pub fn update_priorities(&mut self, rows: &[usize], td_errors: &[f32]) {
        if let Some(priorities) = &mut self.priorities {
            priorities.update(rows, td_errors);
        }
    }

    /// The share of the last batch that had the highest priority, of a prioritized replay that was drawn from.
    pub fn share_at_highest_priority(&self) -> Option<f64> {
        self.priorities.as_ref().and_then(Priorities::share_at_highest)
    }

    /// Finds out where each ring's rows are among all that are filled, for [`uniform_row`](Self::uniform_row).
    fn bound_rings(&mut self) {
        if self.bounds.last() == Some(&self.capacity()) {
            // Full rings stay so.
            return;
        }
        let mut rows = 0;
        self.bounds.clear();
        self.bounds.extend(self.rings.iter().map(|ring| {
            rows += ring.len;
            rows
        }));
    }

    /// Any row with a transition.
    #[inline]
    fn uniform_row(&self, rng: &mut Generator) -> usize {
        let filled = self.bounds.last().copied().unwrap_or_default() as u64;
        loop {
            let row = self.nth_row(rng.below(filled) as usize);
            if self.flags[row] & NO_STEP == 0 {
                return row;
            }
        }
    }

    /// The `n`th filled row, ring by ring.
    #[inline]
    fn nth_row(&self, n: usize) -> usize {
        let ring = self.bounds.partition_point(|end| *end <= n);
        let before = if ring == 0 { 0 } else { self.bounds[ring - 1] };
        ring * self.capacity + n - before
    }

    /// Writes the n-step transition that starts at `row` to `slot` of `batch`.
    #[inline]
    pub(crate) fn gather(&self, row: usize, returns: Returns, batch: &mut Batch, slot: usize) {
        let ring = row - row % self.capacity;
        let after = |row: usize| if row + 1 == ring + self.capacity { ring } else { row + 1 };
        let (mut sum, mut discount, mut at, mut next) = (0.0, 1.0, row, after(row));
        for step in 1..=returns.n_steps {
            sum += discount * self.rewards[at];
            discount *= returns.gamma;
            if self.flags[at] & TERMINATED != 0 {
                discount = 0.0;
            }
            // An episode's end ends the sum, and so does the newest observation, whose step is not known yet.
            if step == returns.n_steps || self.flags[at] != 0 || self.flags[next] & NO_STEP != 0 {
                break;
            }
            (at, next) = (next, after(next));
        }
        let width = self.features.width();
        let columns = slot * width..(slot + 1) * width;
        self.features.encode(self.observations.row(row), &mut batch.observations[columns.clone()]);
        self.features.encode(self.observations.row(next), &mut batch.next_observations[columns]);
        let flags = self.features.masked();
        if flags > 0 {
            let columns = slot * flags..(slot + 1) * flags;
            self.features.write_mask(self.observations.row(row), &mut batch.masks[columns.clone()]);
            self.features.write_mask(self.observations.row(next), &mut batch.next_masks[columns]);
        }
        batch.actions.set(slot, self.actions.get(row));
        batch.returns[slot] = sum * returns.reward_scale;
        batch.discounts[slot] = discount;
    }
}

mod saved;
mod stored;

pub use hindsight::Hindsight;
pub use saved::{ReplayState, ReplayView};
pub use stored::{Outcome, Stored};

#[cfg(test)]
mod tests;
