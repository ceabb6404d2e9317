//! What checkpoints keep of a replay.

use cartwheel_envs::{ActionRows, Rows};
use serde::{Deserialize, Serialize};

use super::priorities::{Priorities, PriorityState};
use super::{NO_STEP, Replay, Ring, TERMINATED, TRUNCATED};

/// Everything but a replay's shape. Rings may be shorter than the replay's.
#[derive(Clone, Debug, Deserialize)]
pub struct ReplayState {
    rings: Vec<Ring>,
    observations: Rows,
    actions: ActionRows,
    #[serde(with = "cartwheel_envs::as_bytes")]
    rewards: Vec<f32>,
    #[serde(with = "serde_bytes")]
    flags: Vec<u8>,
    priorities: Option<PriorityState>,
}

/// The same borrowed from a replay, so that writing gigabytes does not copy them first.
#[derive(Debug, Serialize)]
pub struct ReplayView<'a> {
    rings: &'a [Ring],
    observations: &'a Rows,
    actions: &'a ActionRows,
    #[serde(with = "cartwheel_envs::as_bytes")]
    rewards: &'a [f32],
    #[serde(with = "serde_bytes")]
    flags: &'a [u8],
    priorities: Option<PriorityState>,
}

impl Replay {
    /// What a checkpoint keeps.
    pub fn view(&self) -> ReplayView<'_> {
        ReplayView {
            rings: &self.rings,
            observations: &self.observations,
            actions: &self.actions,
            rewards: &self.rewards,
            flags: &self.flags,
            priorities: self.priorities.as_ref().map(Priorities::state),
        }
    }

    /// A copy without the room that was never written to, if that is more than half of all: what there is to keep of a run that
    /// has just begun. A fuller one is kept as it is, which takes no copy.
    pub fn trimmed(&self) -> Option<Self> {
        // With a row to spare, so that a ring that is not full is not taken for one that went round.
        let written = |ring: &Ring| if ring.len == self.capacity { self.capacity } else { ring.head + 2 };
        let capacity = self.rings.iter().map(written).max()?;
        (2 * capacity < self.capacity).then(|| {
            let rows = self.rings.len() * capacity;
            let mut trimmed = Self {
                features: self.features.clone(),
                observations: Rows::new(self.observations.dtype(), self.observations.width(), rows),
                actions: self.actions.zeros(rows),
                rewards: vec![0.0; rows],
                flags: vec![NO_STEP; rows],
                rings: self.rings.clone(),
                bounds: Vec::new(),
                steps: self.steps.clone(),
                capacity,
                transitions: self.transitions,
                ends: self.ends,
                priorities: None,
            };
            trimmed.take_rows(&self.observations, &self.actions, &self.rewards, &self.flags);
            trimmed.priorities =
                self.priorities.as_ref().map(|priorities| priorities.with_rings(self.rings.len(), capacity));
            trimmed
        })
    }

    /// Goes on from `state`; false if it is of another shape.
    #[must_use]
    pub fn restore(&mut self, state: ReplayState) -> bool {
        let (rings, rows) = (self.rings.len(), state.flags.len());
        let capacity = rows / rings.max(1);
        let fits = state.rings.len() == rings
            && rows == rings * capacity
            && (capacity == self.capacity
                || capacity < self.capacity && state.rings.iter().all(|ring| ring.len < capacity))
            && state.actions.len() == rows
            && state.actions.is_like(&self.actions)
            && state.rewards.len() == rows
            && state.observations.len() == rows
            && state.observations.width() == self.observations.width()
            && state.observations.dtype() == self.observations.dtype()
            && state.rings.iter().all(|ring| ring.len <= capacity && ring.head < capacity)
            && match (&mut self.priorities, state.priorities) {
                (Some(priorities), Some(state)) => priorities.restore(state.with_rings(rings, self.capacity)),
                (priorities, state) => priorities.is_none() && state.is_none(),
            };
        if !fits {
            return false;
        }
        self.rings = state.rings;
        self.bounds.clear();
        if capacity == self.capacity {
            (self.observations, self.actions) = (state.observations, state.actions);
            (self.rewards, self.flags) = (state.rewards, state.flags);
        } else {
            self.flags.fill(NO_STEP);
            self.take_rows(&state.observations, &state.actions, &state.rewards, &state.flags);
        }
        self.transitions = self.flags.iter().filter(|flags| *flags & NO_STEP == 0).count();
        self.ends = self.flags.iter().filter(|flags| *flags & (TERMINATED | TRUNCATED) != 0).count();
        true
    }

    /// Writes rows of rings of another length to the beginnings of its own, as far as both reach.
    fn take_rows(&mut self, observations: &Rows, actions: &ActionRows, rewards: &[f32], flags: &[u8]) {
        let (rings, own) = (self.rings.len(), self.capacity);
        let other = flags.len() / rings;
        let both = own.min(other);
        for ring in 0..rings {
            for row in 0..both {
                let (to, from) = (ring * own + row, ring * other + row);
                self.observations.copy_row(to, observations, from);
                self.actions.set(to, actions.get(from));
            }
            let (to, from) = (ring * own..ring * own + both, ring * other..ring * other + both);
            self.rewards[to.clone()].copy_from_slice(&rewards[from.clone()]);
            self.flags[to].copy_from_slice(&flags[from]);
        }
    }
}
