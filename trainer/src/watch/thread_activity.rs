//! What a thread does, for others to look at.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::protocol::Activity;

/// Written by one thread with plain stores to a cache line of its own, and looked at by others whenever they like.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct ThreadActivity {
    activity: AtomicU8,
    /// Vector steps that an actor has done on this thread.
    steps: AtomicU64,
}

impl ThreadActivity {
    #[inline]
    pub(crate) fn doing(&self, activity: Activity) {
        self.activity.store(activity as u8, Ordering::Relaxed);
    }

    /// An [`Activity`]'s number.
    pub(super) fn activity(&self) -> u8 {
        self.activity.load(Ordering::Relaxed)
    }

    /// So many vector steps are done.
    #[inline]
    pub(super) fn stepped(&self, steps: u64) {
        self.steps.store(steps, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }
}
