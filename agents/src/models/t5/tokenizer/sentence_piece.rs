//! `spiece.model`, SentencePiece's own file.

use std::collections::BTreeMap;
use std::path::Path;

use prost::Message as _;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::Precompiled;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::{AddedToken, Tokenizer};

use super::{Parts, SpecialTokens, unreachable};

/// The part of SentencePiece's `ModelProto` that is used (sentencepiece_model.proto).
#[derive(Clone, PartialEq, prost::Message)]
struct Model {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    trainer: Option<Trainer>,
    #[prost(message, optional, tag = "3")]
    normalizer: Option<Normalizer>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Piece {
    #[prost(string, tag = "1")]
    piece: String,
    #[prost(float, tag = "2")]
    score: f32,
    /// [`NORMAL`] if absent.
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Trainer {
    /// 1 Unigram (if absent), 2 BPE, 3 words, 4 characters.
    #[prost(int32, optional, tag = "3")]
    model_type: Option<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Normalizer {
    #[prost(bytes = "vec", tag = "2")]
    precompiled_charsmap: Vec<u8>,
}

const UNIGRAM: i32 = 1;
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const USER_DEFINED: i32 = 4;

/// Sentinels behind the pieces, if `tokenizer_config.json` does not say how many.
const EXTRA_IDS: u64 = 100;

/// The tokenizer in `bytes`, or what is wrong with them.
pub(super) fn read(bytes: &[u8], folder: &Path, names: SpecialTokens) -> Result<Parts, String> {
    let model = Model::decode(bytes).map_err(|error| format!("no SentencePiece model: {error}"))?;
    if model.pieces.is_empty() {
        return Err("a SentencePiece model with no pieces".into());
    }
    if let Some(kind) = model.trainer.and_then(|trainer| trainer.model_type).filter(|kind| *kind != UNIGRAM) {
        return Err(format!("its model is of SentencePiece's type {kind}, and T5's is 1, Unigram"));
    }
    let (mut vocab, mut special, mut unknown) = (Vec::new(), BTreeMap::new(), None);
    for (id, Piece { piece, score, kind }) in (0..).zip(model.pieces) {
        let kind = kind.unwrap_or(NORMAL);
        if kind == UNKNOWN {
            unknown = Some(id as usize);
        }
        if ![NORMAL, USER_DEFINED].contains(&kind) {
            special.insert(id, piece.clone());
        }
        vocab.push((piece, f64::from(score)));
    }
    // The last sentinel comes first: <extra_id_0> is the last token of all.
    for sentinel in (0..extra_ids(folder)).rev() {
        let name = format!("<extra_id_{sentinel}>");
        special.insert(vocab.len() as u32, name.clone());
        vocab.push((name, 0.0));
    }
    if names == SpecialTokens::AsText {
        special.iter().for_each(|(id, name)| vocab[*id as usize].0 = unreachable(name));
    }
    let inner = build(vocab, unknown, model.normalizer.map(|spec| spec.precompiled_charsmap), |tokenizer| {
        if names == SpecialTokens::Parsed {
            let tokens = special.values().map(|name| AddedToken::from(name.clone(), true).normalized(false));
            tokenizer.add_special_tokens(tokens.collect::<Vec<_>>()).map_err(|error| error.to_string())?;
        }
        Ok(())
    })?;
    Ok(Parts { inner, special })
}

/// The pipeline of transformers' `T5Tokenizer`.
fn build(
    vocab: Vec<(String, f64)>,
    unknown: Option<usize>,
    charsmap: Option<Vec<u8>>,
    finish: impl FnOnce(&mut Tokenizer) -> Result<(), String>,
) -> Result<Tokenizer, String> {
    let model = Unigram::from(vocab, unknown, false).map_err(|error| error.to_string())?;
    let mut tokenizer = Tokenizer::new(model);
    if let Some(charsmap) = charsmap.filter(|charsmap| !charsmap.is_empty()) {
        let broken = |error: &dyn std::fmt::Display| format!("its table of characters: {error}");
        let table = Precompiled::from(&charsmap).map_err(|error| broken(&error))?;
        tokenizer.with_normalizer(Some(table)).map_err(|error| broken(&error))?;
    }
    let metaspace = Metaspace::new('▁', PrependScheme::Always, true);
    let words = Sequence::new(vec![WhitespaceSplit.into(), metaspace.clone().into()]);
    tokenizer.with_pre_tokenizer(Some(words)).with_decoder(Some(metaspace));
    finish(&mut tokenizer)?;
    Ok(tokenizer)
}

/// How many sentinels there are.
fn extra_ids(folder: &Path) -> u64 {
    let text = std::fs::read_to_string(folder.join("tokenizer_config.json")).ok();
    let config: Option<serde_json::Value> = text.and_then(|text| serde_json::from_str(&text).ok());
    config.and_then(|config| config["extra_ids"].as_u64()).map_or(EXTRA_IDS, |count| count.min(10_000))
}
