//! What can be wrong with a model's folder and with what is asked of it.

use std::path::PathBuf;

use crate::nn::{TensorsDiffer, WeightsError};

/// Why a T5 could not be loaded or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum T5Error {
    /// Files are not there.
    #[error("{} is no folder of a T5 model: it lacks {}; transformers' save_pretrained writes them{hint}", folder.display(), missing.join(", "))]
    MissingFiles {
        /// The folder.
        folder: PathBuf,
        /// What is missing: a file, or one of several.
        missing: Vec<String>,
        /// What to do with what is there instead.
        hint: &'static str,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{}: {reason}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The tensors are not those of the configuration.
    #[error("the weights in {} do not fit its config.json ({tensors})", folder.display())]
    Tensors {
        /// The folder.
        folder: PathBuf,
        /// Which, and how.
        tensors: TensorsDiffer,
    },
    /// A file of weights could not be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The tokenizer has a token that the model has no row for.
    #[error("token {token} is not in the model's vocabulary of {vocab_size}: the tokenizer is of another model")]
    Token {
        /// The token.
        token: u32,
        /// Rows of the embedding.
        vocab_size: usize,
    },
    /// A text that is longer than the model takes.
    #[error(
        "the text has {tokens} tokens, and the model takes {limit}: split it, or raise the limit (--max-input-tokens)"
    )]
    TooLong {
        /// Its tokens, the end included.
        tokens: usize,
        /// The most that are taken.
        limit: usize,
    },
    /// The tokenizer failed.
    #[error("the tokenizer failed: {0}")]
    Tokenizer(String),
    /// Threads could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// How many.
        threads: usize,
        /// Why.
        reason: String,
    },
    /// Settings that do not go together.
    #[error("{0}")]
    Settings(String),
}

impl T5Error {
    /// Whether what was asked is wrong, rather than that something failed.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::MissingFiles { .. } | Self::TooLong { .. } | Self::Settings(_))
    }
}
