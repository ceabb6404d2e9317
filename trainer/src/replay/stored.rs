//! Looking at what replay holds, row by row.

use cartwheel_envs::{Action, Row};

use super::{NO_STEP, Replay, TERMINATED, TRUNCATED};

/// A transition as it is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stored<'a> {
    /// Its row among those of all environments.
    pub row: usize,
    /// Its environment.
    pub env: usize,
    /// Steps that its environment has made since.
    pub age: u64,
    /// Steps that its environment had made before, of the whole run.
    pub step: u64,
    /// Where it began.
    pub observation: Row<'a>,
}

/// The rest of a transition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome<'a> {
    /// What was done, as the policy counts it.
    pub action: Action<'a>,
    /// What it gave.
    pub reward: f32,
    /// What it led to.
    pub next_observation: Row<'a>,
    /// Whether the episode ended there for good.
    pub terminated: bool,
    /// Whether it ended there for a reason outside the task.
    pub truncated: bool,
}

impl Replay {
    /// Environments.
    pub fn envs(&self) -> usize {
        self.rings.len()
    }

    /// Transitions that can be drawn.
    pub fn transitions(&self) -> usize {
        self.transitions
    }

    /// Numbers of an observation.
    pub fn observation_width(&self) -> usize {
        self.observations.width()
    }

    /// The transitions, environment by environment, the newest first.
    pub fn stored(&self) -> impl Iterator<Item = Stored<'_>> {
        (0..self.envs()).flat_map(|env| self.stored_of(env))
    }

    /// The transitions of an environment, the newest first.
    pub fn stored_of(&self, env: usize) -> impl Iterator<Item = Stored<'_>> {
        let (ring, first) = (self.rings[env], env * self.capacity);
        let row = move |back: usize| first + (ring.head + self.capacity - back) % self.capacity;
        let rows = (0..ring.len).map(row).filter(|row| self.flags[*row] & NO_STEP == 0);
        let steps = self.steps[env];
        rows.zip(0..).map(move |(row, age)| {
            let step = steps.saturating_sub(age + 1);
            Stored { row, env, age, step, observation: self.observations.row(row) }
        })
    }

    /// What the transition in `row` led to.
    pub fn outcome(&self, row: usize) -> Outcome<'_> {
        let ring = row - row % self.capacity;
        let next = if row + 1 == ring + self.capacity { ring } else { row + 1 };
        Outcome {
            action: self.actions.get(row),
            reward: self.rewards[row],
            next_observation: self.observations.row(next),
            terminated: self.flags[row] & TERMINATED != 0,
            truncated: self.flags[row] & TRUNCATED != 0,
        }
    }
}
