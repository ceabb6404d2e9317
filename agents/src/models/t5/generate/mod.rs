//! Writing texts: the most likely token each time, drawn ones, or the best of several beams.
//!
//! Names, defaults and results are those of transformers' `generate()` (5.23).

mod beam;
mod greedy;
mod sample;

use super::error::T5Error;
use super::model::T5;

/// How texts are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The most tokens of a text, its end included; at least 1.
    pub max_new_tokens: usize,
    /// Beams that are followed; 1 takes the most likely token each time.
    pub num_beams: usize,
    /// A beam's log-probability is divided by its length to this power: above 0 prefers long texts, below 0 short ones.
    pub length_penalty: f32,
    /// Draws tokens instead of taking the most likely.
    pub sampling: Option<Sampling>,
}

impl Default for Generation {
    fn default() -> Self {
        Self { max_new_tokens: 256, num_beams: 1, length_penalty: 1.0, sampling: None }
    }
}

/// How tokens are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it: below 1 likely tokens become more likely. Above 0.
    pub temperature: f32,
    /// Only so many of the most likely tokens are drawn from; 0 for all.
    pub top_k: usize,
    /// Only the most likely tokens that together have this probability are drawn from; 1 for all. Above 0.
    pub top_p: f32,
    /// The same seed draws the same tokens for the same text, whatever is translated beside it.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 1.0, top_k: 50, top_p: 1.0, seed: 0 }
    }
}

/// A text that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Its tokens, without what the decoder begins with; the last is its end, unless it was cut off at the most tokens.
    pub tokens: Vec<u32>,
    /// Of the best beam: its log-probability by its length to the power of `length_penalty`.
    pub score: Option<f32>,
}

impl Generation {
    /// Checks that the settings can be used together.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), T5Error> {
        let wrong = |text: String| Err(T5Error::Settings(text));
        if self.max_new_tokens == 0 {
            return wrong("max_new_tokens is 0: a text has at least one token".into());
        }
        if self.num_beams == 0 {
            return wrong("num_beams is 0: at least one is followed".into());
        }
        if !self.length_penalty.is_finite() {
            return wrong(format!("length_penalty is {}: it must be a finite number", self.length_penalty));
        }
        let Some(Sampling { temperature, top_p, .. }) = self.sampling else { return Ok(()) };
        if self.num_beams > 1 {
            return wrong("beams are searched and tokens are drawn: choose one of the two".into());
        }
        if !(temperature > 0.0 && temperature.is_finite()) {
            return wrong(format!("temperature is {temperature}: it must be above 0"));
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return wrong(format!("top_p is {top_p}: it must be above 0 and at most 1"));
        }
        Ok(())
    }
}

impl T5 {
    /// Writes a text for each of `texts`, which end in `</s>`.
    ///
    /// `on_token` is told of each token as it is chosen, with the number of its text; of beams it hears nothing, as what they
    /// chose is known only at the end. Call it in a pool of rayon (`ThreadPool::install`): elsewhere each of a step's
    /// products waits for one to wake up.
    ///
    /// # Errors
    /// If the settings do not go together, or a token is not in the vocabulary.
    pub fn generate(
        &self,
        texts: &[&[u32]],
        settings: &Generation,
        on_token: &mut dyn FnMut(usize, u32),
    ) -> Result<Vec<Generated>, T5Error> {
        settings.check()?;
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let encoded = self.encode(texts)?;
        match settings.num_beams {
            1 => greedy::generate(self, texts, &encoded, settings, on_token),
            beams => beam::search(self, &encoded, settings, beams),
        }
    }
}
