//! How far the learner is, in numbers that it stores after each phase and the server reads whenever it likes.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::events::Progress;

/// See the module's documentation.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Numbers {
    updates: AtomicU64,
    episodes: AtomicU64,
    /// As bits; not a number before there is one.
    mean_return: AtomicU64,
    replay: AtomicU64,
    policy_lag: AtomicU64,
    /// Rollouts that wait, and how many may: the upper and the lower half.
    queue: AtomicU64,
}

/// What of a run's progress changes within a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Phase {
    /// Transitions in replay.
    pub(crate) replay: usize,
    /// Publications between the last rollout's weights and the present ones.
    pub(crate) policy_lag: u64,
    /// Rollouts that wait for the learner, and how many may.
    pub(crate) queue: (usize, usize),
}

impl Numbers {
    /// The learner's side.
    #[inline]
    pub(crate) fn store(&self, progress: &Progress, phase: Phase) {
        let store = |to: &AtomicU64, value: u64| to.store(value, Ordering::Relaxed);
        store(&self.updates, progress.updates);
        store(&self.episodes, progress.episodes);
        store(&self.mean_return, progress.mean_return.unwrap_or(f64::NAN).to_bits());
        store(&self.replay, phase.replay as u64);
        store(&self.policy_lag, phase.policy_lag);
        store(&self.queue, (phase.queue.0 as u64) << 32 | phase.queue.1 as u64);
    }

    pub(super) fn updates(&self) -> u64 {
        self.updates.load(Ordering::Relaxed)
    }

    pub(super) fn episodes(&self) -> u64 {
        self.episodes.load(Ordering::Relaxed)
    }

    pub(super) fn mean_return(&self) -> Option<f64> {
        Some(f64::from_bits(self.mean_return.load(Ordering::Relaxed))).filter(|mean| !mean.is_nan())
    }

    pub(super) fn phase(&self) -> Phase {
        let queue = self.queue.load(Ordering::Relaxed);
        Phase {
            replay: self.replay.load(Ordering::Relaxed) as usize,
            policy_lag: self.policy_lag.load(Ordering::Relaxed),
            queue: ((queue >> 32) as usize, (queue & u64::from(u32::MAX)) as usize),
        }
    }
}
