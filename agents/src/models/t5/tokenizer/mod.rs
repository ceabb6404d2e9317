//! Texts to tokens and back, as Hugging Face's T5 tokenizer does it.
//!
//! A Unigram model over SentencePiece's pieces (Kudo 2018, "Subword Regularization"): normalization by a table that comes with
//! the model, words split at white space and begun with "▁", and the most likely pieces of each word.

mod hugging_face;
mod learn;
mod sentence_piece;

pub use learn::learn_tokenizer;

use std::collections::BTreeMap;
use std::path::Path;

use super::error::T5Error;

/// What becomes of a special token's name, such as `</s>` or `<extra_id_0>`, in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialTokens {
    /// It is text like any other: no text can end itself or pretend to be what it is not.
    AsText,
    /// It is the special token, as in transformers.
    Parsed,
}

/// The tokenizer of a model.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Special tokens, which belong to no text.
    special: BTreeMap<u32, String>,
    /// What ends a text.
    eos: u32,
}

/// What a file says of a tokenizer.
struct Parts {
    inner: tokenizers::Tokenizer,
    special: BTreeMap<u32, String>,
}

/// The files of which one has to be there; the first that is there is read.
pub(super) const FILES: [&str; 2] = ["tokenizer.json", "spiece.model"];

/// What a special token's name is made into where names are text. No word has white space in it, so it is never found.
fn unreachable(name: &str) -> String {
    format!("{name} ")
}

impl Tokenizer {
    /// Reads `tokenizer.json` or `spiece.model` in `folder`.
    ///
    /// # Errors
    /// If there is neither, or it is no Unigram tokenizer with an end of texts, `</s>`.
    pub fn load(folder: &Path, names: SpecialTokens) -> Result<Self, T5Error> {
        let files = FILES.map(|name| folder.join(name));
        let Some(file) = files.into_iter().find(|file| file.exists()) else {
            let missing = vec![FILES.join(" or ")];
            return Err(T5Error::MissingFiles { folder: folder.into(), missing, hint: "" });
        };
        let bytes = std::fs::read(&file).map_err(|source| T5Error::Read { file: file.clone(), source })?;
        let json = file.extension().is_some_and(|extension| extension == "json");
        let parts = if json { hugging_face::read(&bytes, names) } else { sentence_piece::read(&bytes, folder, names) };
        parts.and_then(Self::of).map_err(|reason| T5Error::Malformed { file, reason })
    }

    /// The tokenizer in the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_json(bytes: &[u8], names: SpecialTokens) -> Result<Self, String> {
        hugging_face::read(bytes, names).and_then(Self::of)
    }

    fn of(Parts { inner, special }: Parts) -> Result<Self, String> {
        let eos = special.iter().find(|(_, name)| *name == "</s>").map(|(id, _)| *id);
        let eos = eos.ok_or("it has no end of texts, </s>")?;
        Ok(Self { inner, special, eos })
    }

    /// How many tokens there are.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The tokens of `text` and `</s>`.
    ///
    /// # Errors
    /// If the tokenizer fails, which a Unigram model with an unknown token does not.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, T5Error> {
        let encoded = self.inner.encode_fast(text, false).map_err(failed)?;
        let mut tokens = encoded.get_ids().to_vec();
        tokens.push(self.eos);
        Ok(tokens)
    }

    /// The text of `tokens`, without special ones.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, T5Error> {
        let tokens: Vec<u32> = tokens.iter().copied().filter(|token| !self.special.contains_key(token)).collect();
        self.inner.decode(&tokens, false).map_err(failed)
    }
}

fn failed(error: tokenizers::Error) -> T5Error {
    T5Error::Tokenizer(error.to_string())
}

/// A text that is read while it is written.
pub struct TextStream<'t> {
    tokenizer: &'t Tokenizer,
    tokens: Vec<u32>,
    /// Bytes of its text that were told.
    told: usize,
}

impl<'t> TextStream<'t> {
    /// An empty text.
    pub fn new(tokenizer: &'t Tokenizer) -> Self {
        Self { tokenizer, tokens: Vec::new(), told: 0 }
    }

    /// What the text grew by with `token`.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn push(&mut self, token: u32) -> Result<String, T5Error> {
        self.tokens.push(token);
        let text = self.tokenizer.decode(&self.tokens)?;
        let grown = text.get(self.told..).unwrap_or_default().to_string();
        self.told = text.len();
        Ok(grown)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use serde_json::Value;

    fn folder(kind: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/t5").join(kind)
    }

    /// The same tokenizer from `spiece.model` and from `tokenizer.json`.
    fn both(names: SpecialTokens) -> [Tokenizer; 2] {
        ["relu", "gated"].map(|kind| Tokenizer::load(&folder(kind), names).expect("a tokenizer"))
    }

    fn recorded() -> Value {
        serde_json::from_str(include_str!("../../../../../tests/data/t5/tokens.json")).expect("a recording")
    }

    fn ids(value: &Value) -> Vec<u32> {
        serde_json::from_value(value.clone()).expect("tokens")
    }

    #[test]
    fn tokens_are_those_of_transformers() {
        let recorded = recorded();
        let strings = recorded["strings"].as_array().expect("strings");
        assert!(strings.len() >= 200);
        for tokenizer in both(SpecialTokens::AsText).iter().chain(&both(SpecialTokens::Parsed)) {
            assert_eq!(tokenizer.vocab_size() as u64, recorded["vocab"].as_u64().expect("a number"));
            for string in strings {
                let text = string["text"].as_str().expect("a text");
                let tokens = tokenizer.encode(text).expect("tokens");
                assert_eq!(tokens, ids(&string["ids"]), "{text:?}");
                assert_eq!(tokenizer.decode(&tokens).expect("a text"), string["decoded"], "{text:?}");
            }
            for case in recorded["decoded"].as_array().expect("cases") {
                assert_eq!(tokenizer.decode(&ids(&case["ids"])).expect("a text"), case["text"], "{case}");
            }
        }
    }

    #[test]
    fn names_of_special_tokens_are_text_unless_asked_for() {
        let recorded = recorded();
        let (as_text, parsed) = (both(SpecialTokens::AsText), both(SpecialTokens::Parsed));
        for case in recorded["special"].as_array().expect("cases") {
            let text = case["text"].as_str().expect("a text");
            for (as_text, parsed) in as_text.iter().zip(&parsed) {
                assert_eq!(as_text.encode(text).expect("tokens"), ids(&case["ids"]), "{text:?}");
                assert_eq!(parsed.encode(text).expect("tokens"), ids(&case["parsed"]), "{text:?}");
            }
        }
    }

    #[test]
    fn a_stream_tells_the_text_piece_by_piece() {
        let tokenizer = &both(SpecialTokens::AsText)[0];
        let text = "The house is wonderful. 今天 é";
        let mut stream = TextStream::new(tokenizer);
        let tokens = tokenizer.encode(text).expect("tokens");
        let pieces: Vec<String> = tokens.iter().map(|token| stream.push(*token).expect("a text")).collect();
        assert_eq!(pieces.concat(), tokenizer.decode(&tokens).expect("a text"));
        assert!(pieces.iter().filter(|piece| !piece.is_empty()).count() > 5, "{pieces:?}");
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        let there = tempfile::tempdir().expect("a folder");
        let refused = |words: &[&str]| {
            let error = Tokenizer::load(there.path(), SpecialTokens::AsText).err().expect("refused").to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        };
        refused(&["tokenizer.json or spiece.model"]);
        let model = std::fs::read(folder("relu").join("spiece.model")).expect("a model");
        let write = |name: &str, bytes: &[u8]| std::fs::write(there.path().join(name), bytes).expect("a file");
        write("spiece.model", &model[..model.len() / 2]);
        refused(&["spiece.model", "SentencePiece"]);
        write("spiece.model", b"");
        refused(&["spiece.model", "no pieces"]);
        for (json, word) in [
            ("{", "EOF"),
            ("{}", "Unigram"),
            (r#"{"model":{"type":"BPE","vocab":{},"merges":[]}}"#, "BPE"),
            (r#"{"model":{"type":"Unigram","unk_id":0,"vocab":[["a",-1.0]]}}"#, "</s>"),
            (r#"{"model":{"type":"Unigram","unk_id":0,"vocab":"a"}}"#, "vocab"),
        ] {
            write("tokenizer.json", json.as_bytes());
            refused(&["tokenizer.json", word]);
        }
    }
}
