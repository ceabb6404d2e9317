//! Dropout on its way through the layers.

use std::sync::Arc;

use super::network::Lesson;
use crate::nn::ops::{self, AttentionDropout, Dropout};

/// What is dropped: each place of the network has a number, and each pair a key.
pub(super) struct Noise {
    pub(super) dropout: Dropout,
    /// A key for each pair.
    keys: Vec<u64>,
    site: u64,
}

impl Noise {
    /// That of `lesson`, if it drops anything.
    pub(super) fn of(lesson: &Lesson) -> Option<Self> {
        let (rate, keys) = lesson.dropout.as_ref().filter(|(rate, _)| *rate > 0.0)?;
        Some(Self { dropout: Dropout::new(*rate), keys: keys.clone(), site: 0 })
    }

    /// What the next place, an attention, drops.
    pub(super) fn of_attention(&mut self) -> AttentionDropout {
        self.site += 1;
        let keys = self.keys.iter().map(|key| ops::key(&[*key, self.site])).collect();
        AttentionDropout { dropout: self.dropout, keys: Arc::new(keys) }
    }

    /// A key for each row of texts of these lengths, at the next place.
    pub(super) fn of_rows(&mut self, lengths: &[usize]) -> Vec<u64> {
        self.site += 1;
        let of_text = |(key, length): (&u64, &usize)| {
            let key = ops::key(&[*key, self.site]);
            (0..*length as u64).map(move |token| ops::key(&[key, token]))
        };
        self.keys.iter().zip(lengths).flat_map(of_text).collect()
    }
}
