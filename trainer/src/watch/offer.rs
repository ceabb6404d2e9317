//! The weights that actors act with, copied for the server when it asks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::actor::Weights;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Offer {
    asked: AtomicBool,
    latest: Mutex<Option<Arc<Weights>>>,
}

impl Offer {
    /// The actor's side: copies `weights` if they are asked for and news.
    pub(super) fn offer(&self, weights: &Weights) {
        if !self.asked.load(Ordering::Relaxed) {
            return;
        }
        self.asked.store(false, Ordering::Relaxed);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_none_or(|latest| latest.version != weights.version) {
            *latest = Some(Arc::new(weights.clone()));
        }
    }

    /// The server's side: asks for newer ones, and answers those that were given last.
    pub(super) fn latest(&self) -> Option<Arc<Weights>> {
        self.asked.store(true, Ordering::Relaxed);
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
