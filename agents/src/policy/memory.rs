//! What a policy remembers of the episodes that it acts in.

use super::Policy;
use crate::critic::CriticMemory;

impl Policy {
    /// Numbers that it remembers of what it has seen of an episode; 0 if it remembers nothing.
    pub fn memory_len(&self) -> usize {
        self.acting.mlp.memory_len()
    }

    /// Forgets all that it has seen: an episode begins.
    pub fn reset(&mut self) {
        self.memories.clear();
        self.seen.clear();
        self.step = 0;
    }

    /// Takes note of the observation that it was asked about last, by [`judge`](Self::judge) or others that leave what it
    /// remembers as it was: a step is taken from there. [`act`](Self::act) does so itself.
    pub fn remember(&mut self) {
        self.step += 1;
        if !self.seen.is_empty() {
            std::mem::swap(&mut self.memories, &mut self.seen);
            self.seen.clear();
        }
    }

    /// What it remembers of each row of the last [`act_batch`](Self::act_batch), [`memory_len`](Self::memory_len) numbers
    /// each; empty where an episode begins.
    pub fn memories(&self) -> &[f32] {
        &self.memories
    }

    /// Has it remember this of each row of the next batch.
    pub fn set_memories(&mut self, memories: &[f32]) {
        self.reset();
        self.memories.extend_from_slice(memories);
        // What a critic remembers of the steps before is not known.
        self.step = u64::from(!memories.is_empty());
        self.critic_memory = CriticMemory::default();
    }

    /// Forgets the rows of the last [`act_batch`](Self::act_batch) that `keep` is false of: the next batch is without them.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let len = self.memory_len();
        if len > 0 {
            let mut place = 0..self.memories.len();
            self.memories.retain(|_| place.next().is_some_and(|at| keep(at / len)));
        }
    }

    /// Notes what will be remembered of `n` rows.
    pub(super) fn look(&mut self, n: usize) {
        let mlp = &self.acting.mlp;
        self.seen.clear();
        self.seen.extend_from_slice(&mlp.memories(&self.scratch)[..n * mlp.memory_len()]);
    }
}

/// Writes behind `n` input rows what is remembered of each: nothing beyond `memories`.
pub(crate) fn append(memories: &[f32], len: usize, n: usize, input: &mut Vec<f32>) {
    if len == 0 {
        return;
    }
    for row in 0..n {
        input.push(1.0);
        let end = input.len() + len;
        input.extend_from_slice(memories.get(row * len..(row + 1) * len).unwrap_or_default());
        input.resize(end, 0.0);
    }
}
