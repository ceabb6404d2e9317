//! Where an actor leaves its environments for viewers: one hand-over at a time, so that the two sides never want the
//! lock at once. The server asks with a list, the actor fills the frames in place at its next vector step, and the
//! server takes them, leaving those from before to be filled next.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::protocol::EnvFrame;
use super::thread_activity::ThreadActivity;

/// Nobody asks.
const IDLE: u8 = 0;
/// The server asks; the actor's turn.
const ASKED: u8 = 1;
/// There are frames; the server's turn.
const FILLED: u8 = 2;

/// An environment that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its number among the actor's.
    pub(crate) index: usize,
    /// Whether its observation is wanted too.
    pub(crate) inspected: bool,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// The actor's first environment among the run's, and how many it has.
    pub(crate) first_env: u32,
    pub(crate) envs: u32,
    /// What the actor's thread does.
    pub(crate) thread_activity: Arc<ThreadActivity>,
    turn: AtomicU8,
    /// Whether a viewer looks at any of its environments.
    pub(super) watched: AtomicBool,
    exchange: Mutex<Exchange>,
}

#[derive(Debug, Default)]
struct Exchange {
    wanted: Vec<Wanted>,
    frames: Vec<EnvFrame>,
}

impl Slot {
    pub(super) fn new(first_env: u32, envs: u32, thread_activity: Arc<ThreadActivity>) -> Self {
        Self { first_env, envs, thread_activity, ..Self::default() }
    }

    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.turn.load(Ordering::Acquire) == ASKED
    }

    pub(super) fn is_filled(&self) -> bool {
        self.turn.load(Ordering::Acquire) == FILLED
    }

    /// The actor's turn: fills a frame for each environment that is asked for.
    pub(crate) fn fill(&self, mut show: impl FnMut(Wanted, &mut EnvFrame)) {
        let mut exchange = self.exchange();
        let Exchange { wanted, frames } = &mut *exchange;
        frames.resize_with(wanted.len(), EnvFrame::default);
        for (wanted, frame) in wanted.iter().zip(frames) {
            show(*wanted, frame);
        }
        drop(exchange);
        self.turn.store(FILLED, Ordering::Release);
    }

    /// The server asks for these, or for others than before. Frames that wait are not asked for again.
    pub(super) fn ask(&self, wanted: impl Iterator<Item = Wanted>) {
        if self.is_filled() {
            return;
        }
        let mut exchange = self.exchange();
        exchange.wanted.clear();
        exchange.wanted.extend(wanted);
        drop(exchange);
        // The actor may have answered the old list meanwhile: then its frames are taken first.
        let _ = self.turn.compare_exchange(IDLE, ASKED, Ordering::Release, Ordering::Relaxed);
    }

    /// The server takes frames that wait, for others that may be filled; false if there are none.
    pub(super) fn take(&self, frames: &mut Vec<EnvFrame>) -> bool {
        if !self.is_filled() {
            return false;
        }
        std::mem::swap(&mut self.exchange().frames, frames);
        self.turn.store(IDLE, Ordering::Release);
        true
    }

    /// Nobody asks any more.
    pub(super) fn forget(&self) {
        let _ = self.turn.compare_exchange(ASKED, IDLE, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(indices: &[usize]) -> impl Iterator<Item = Wanted> {
        indices.iter().map(|index| Wanted { index: *index, inspected: false })
    }

    fn fill(slot: &Slot) {
        slot.fill(|wanted, frame| frame.env = wanted.index as u32);
    }

    #[test]
    fn what_is_asked_for_is_handed_over_once() {
        let slot = Slot::new(0, 4, Arc::default());
        let mut frames = Vec::new();
        let mut numbers =
            |slot: &Slot| slot.take(&mut frames).then(|| frames.iter().map(|frame| frame.env).collect::<Vec<_>>());
        assert!(!slot.is_asked());
        assert_eq!(numbers(&slot), None);
        slot.ask(wanted(&[1, 3]));
        assert!(slot.is_asked());
        // Another mind before the actor came by.
        slot.ask(wanted(&[2, 0, 1]));
        fill(&slot);
        assert!(!slot.is_asked() && slot.is_filled());
        // What waits is taken first.
        slot.ask(wanted(&[3]));
        assert_eq!(numbers(&slot), Some(vec![2, 0, 1]));
        assert_eq!(numbers(&slot), None);
        slot.ask(wanted(&[3]));
        fill(&slot);
        assert_eq!(numbers(&slot), Some(vec![3]));
        slot.ask(wanted(&[3]));
        slot.forget();
        assert!(!slot.is_asked());
    }
}
