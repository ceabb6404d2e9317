//! A model with its tokenizer: texts in, texts out.

use std::path::Path;

use super::error::T5Error;
use super::generate::{Generated, Generation};
use super::matrix::Precision;
use super::model::T5;
use super::tokenizer::{FILES, SpecialTokens, TextStream, Tokenizer};
use super::weights::{INDEX, WHOLE};

/// The tokens of a text that models were trained on, where `config.json` says nothing.
const MAX_INPUT_TOKENS: usize = 512;

/// A T5 and the tokenizer it was trained with.
pub struct Translator {
    model: T5,
    tokenizer: Tokenizer,
    max_input_tokens: usize,
    pool: rayon::ThreadPool,
}

/// A text that was translated.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// What was written.
    pub text: String,
    /// Its tokens and, of beams, its score.
    pub generated: Generated,
    /// The tokens of the source, its end included.
    pub input: Vec<u32>,
}

impl Translator {
    /// Loads a folder as transformers' `save_pretrained` writes it: `config.json`, `model.safetensors` or several with
    /// `model.safetensors.index.json`, and `tokenizer.json` or `spiece.model`.
    ///
    /// It translates with matrices of this precision and with `threads` threads, 0 for one a core.
    ///
    /// # Errors
    /// If files are missing (all of them are named), broken, or do not fit each other, or threads cannot be started.
    pub fn load(folder: &Path, names: SpecialTokens, precision: Precision, threads: usize) -> Result<Self, T5Error> {
        let there = |name: &&str| folder.join(name).exists();
        let mut missing = Vec::new();
        for any in [&["config.json"][..], &[WHOLE, INDEX], &FILES] {
            if !any.iter().any(there) {
                missing.push(any.join(" or "));
            }
        }
        if !missing.is_empty() {
            let hint = match there(&"pytorch_model.bin") {
                true => " (pytorch_model.bin is a pickle, which is not read: load and save it with transformers)",
                false => "",
            };
            return Err(T5Error::MissingFiles { folder: folder.into(), missing, hint });
        }
        let model = T5::load(folder, precision)?;
        let tokenizer = Tokenizer::load(folder, names)?;
        let (tokens, vocab_size) = (tokenizer.vocab_size(), model.config().vocab_size);
        if tokens > vocab_size {
            return Err(T5Error::Token { token: tokens as u32 - 1, vocab_size });
        }
        let max_input_tokens = model.config().n_positions.unwrap_or(MAX_INPUT_TOKENS);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| T5Error::Threads { threads, reason: error.to_string() })?;
        Ok(Self { model, tokenizer, max_input_tokens, pool })
    }

    /// The model.
    pub fn model(&self) -> &T5 {
        &self.model
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The most tokens of a text: what the model was trained on. T5 knows distances and no positions, so it takes longer ones
    /// too, and gets worse.
    pub fn max_input_tokens(&self) -> usize {
        self.max_input_tokens
    }

    /// How many threads it translates with.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Takes longer texts, or refuses shorter ones.
    pub fn set_max_input_tokens(&mut self, tokens: usize) {
        self.max_input_tokens = tokens;
    }

    /// The tokens of a text.
    ///
    /// # Errors
    /// If there are more than [`max_input_tokens`](Self::max_input_tokens).
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, T5Error> {
        let tokens = self.tokenizer.encode(text)?;
        match tokens.len() > self.max_input_tokens {
            true => Err(T5Error::TooLong { tokens: tokens.len(), limit: self.max_input_tokens }),
            false => Ok(tokens),
        }
    }

    /// Translates a batch of [`tokens`](Self::tokens). `on_text` is told what each text grew by as it is written, with the
    /// number of the text; of beams it hears nothing.
    ///
    /// # Errors
    /// If the settings do not go together.
    pub fn translate(
        &self,
        texts: &[Vec<u32>],
        settings: &Generation,
        on_text: &mut (dyn FnMut(usize, &str) + Send),
    ) -> Result<Vec<Translation>, T5Error> {
        let sources: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let mut streams: Vec<_> = texts.iter().map(|_| TextStream::new(&self.tokenizer)).collect();
        let mut on_token = |text: usize, token| {
            if let Ok(grown) = streams[text].push(token) {
                on_text(text, &grown);
            }
        };
        let written = self.pool.install(|| self.model.generate(&sources, settings, &mut on_token))?;
        let translation = |(generated, source): (Generated, &Vec<u32>)| {
            let text = self.tokenizer.decode(&generated.tokens)?;
            Ok(Translation { text, generated, input: source.clone() })
        };
        written.into_iter().zip(texts).map(translation).collect()
    }
}
