//! What is copied for the server when it asks: the weights that actors act with, and the norms of the learner's gradient.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::actor::Weights;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct PublishedWeights {
    asked: AtomicBool,
    latest: Mutex<Option<Arc<Weights>>>,
}

impl PublishedWeights {
    /// The actor's side: copies `weights` if they are asked for and news.
    pub(super) fn publish(&self, weights: &Weights) {
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

/// The norms of a gradient, layer by layer.
#[derive(Debug, Default)]
pub(crate) struct GradientNorms {
    asked: AtomicBool,
    latest: Mutex<Vec<f32>>,
}

impl GradientNorms {
    /// The learner's side: whether they are asked for.
    #[inline]
    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The learner's side: publishes them.
    pub(crate) fn publish(&self, norms: &[f32]) {
        self.asked.store(false, Ordering::Relaxed);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.clear();
        latest.extend_from_slice(norms);
    }

    /// The server's side: asks for none any more.
    pub(super) fn forget(&self) {
        self.asked.store(false, Ordering::Relaxed);
    }

    /// The server's side: asks for newer ones, and answers those that were published last.
    pub(super) fn latest(&self) -> Vec<f32> {
        self.asked.store(true, Ordering::Relaxed);
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
