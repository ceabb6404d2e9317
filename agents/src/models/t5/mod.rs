//! T5, the text-to-text transformer, v1.0 and v1.1: in Hugging Face's files, used without a tape and trained with one.
//!
//! | file | holds |
//! |---|---|
//! | `config`, `names` | `config.json`; what the tensors are called, and how many numbers there are |
//! | `cost` | layers, numbers and operations, before anything runs |
//! | `weights` | safetensors, one file or several, checked against the configuration |
//! | `position`, `layers`, `matrix` | buckets of distances; norms, activations and attention on slices; products with f32 or int8 |
//! | `model` | texts through the encoder, tokens through the decoder |
//! | `network`, `noise` | the same on a tape, all tokens at once: what is trained; and what of it is dropped |
//! | `on_device` | the same from dfdx's own operations, on any device |
//! | `generate` | greedy, drawn, and by beam search |
//! | `tokenizer` | texts to tokens and back: `tokenizer.json` and `spiece.model` |
//!
//! Reference: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", and
//! `modeling_t5.py` of transformers 5.23, whose recorded outputs the tests compare with.

mod config;
mod cost;
mod error;
mod generate;
mod layers;
mod matrix;
mod model;
mod names;
mod network;
mod noise;
mod on_device;
mod position;
mod tokenizer;
mod translator;
mod weights;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod training_tests;

pub use config::{EosTokenId, FeedForward, T5_NAMES, T5Config};
pub use error::T5Error;
pub use generate::{Generated, Generation, Sampling};
pub use matrix::Precision;
pub use model::{Decoding, Encoded, T5};
pub use network::{Judged, Learnt, Lesson, T5Network, TokenPair};
pub use tokenizer::{SpecialTokens, TextStream, Tokenizer, learn_tokenizer};
pub use translator::{Translation, Translator};
