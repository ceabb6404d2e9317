//! What is said between us and a worker: see python/channel.py.

use std::time::Duration;

use serde::Deserialize;

use super::spaces::Description;
use crate::{Info, Step};

/// A message's length and kind.
pub(super) const HEADER: usize = 5;

/// What a worker says of its environments once they are made.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Hello {
    pub(super) observation_space: Description,
    pub(super) action_space: Description,
    pub(super) max_episode_steps: Option<u32>,
    pub(super) reward_threshold: Option<f64>,
    pub(super) entry_point: String,
    /// Whether they can be drawn.
    pub(super) draws: bool,
    /// Whether they have wrappers with running statistics.
    pub(super) learns: bool,
}

/// A failure in Python that the worker has lived to tell.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    /// The environment's place in the batch.
    pub(super) index: usize,
    /// The step of its episode; 0 for its reset.
    pub(super) step: u64,
    /// Whether it was being made.
    pub(super) making: bool,
    pub(super) problem: String,
    pub(super) advice: String,
    /// The last lines of the traceback, each after a line break; empty if there was no exception.
    pub(super) trace: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Python failed; the worker goes on.
    Reported(Report),
    /// The worker is dead, or as good as that.
    Lost(Loss),
}

/// In what way a worker was lost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss {
    Closed,
    Silent(Duration),
}

/// Which running statistics.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum When {
    Now = b'n',
    BeforeEpisode = b'b',
}

/// What steps of `count` environments led to, as the worker writes it.
#[derive(Clone, Copy)]
pub(super) struct Outcomes<'a> {
    rewards: &'a [u8],
    raw_rewards: &'a [u8],
    terminated: &'a [u8],
    truncated: &'a [u8],
    last_infos: &'a [u8],
}

impl<'a> Outcomes<'a> {
    /// Rewards, what the environments paid inside of their wrappers, and the two flags, one sort after the other; then
    /// the infos of those that ended, if they were asked for and any did.
    pub(super) fn of(body: &'a [u8], count: usize) -> Self {
        let (rewards, rest) = body.split_at(8 * count);
        let (raw_rewards, flags) = rest.split_at(8 * count);
        let (terminated, rest) = flags.split_at(count);
        let (truncated, last_infos) = rest.split_at(count);
        Self { rewards, raw_rewards, terminated, truncated, last_infos }
    }

    pub(super) fn step(self, i: usize) -> Step {
        Step { reward: number(self.rewards, i), terminated: self.terminated[i] != 0, truncated: self.truncated[i] != 0 }
    }

    pub(super) fn raw_reward(self, i: usize) -> f64 {
        number(self.raw_rewards, i)
    }

    /// The last infos of the episodes that ended, in the order of their environments.
    pub(super) fn last_infos(self) -> Vec<Info> {
        if self.last_infos.is_empty() {
            Vec::new()
        } else {
            serde_json::from_slice(self.last_infos).unwrap_or_default()
        }
    }
}

/// Float `i`; floats in messages are not aligned.
pub(super) fn number(bytes: &[u8], i: usize) -> f64 {
    f64::from_le_bytes(bytes[8 * i..][..8].try_into().unwrap_or_default())
}

/// A message with this body.
pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + body.len());
    begin_message(&mut message, kind, body.len());
    message.extend_from_slice(body);
    message
}

/// Appends the header of a message.
pub(super) fn begin_message(message: &mut Vec<u8>, kind: u8, length: usize) {
    message.extend_from_slice(&(length as u32).to_le_bytes());
    message.push(kind);
}

/// The body of an answer.
pub(super) fn body(answer: &[u8]) -> &[u8] {
    answer.get(HEADER..).unwrap_or_default()
}
