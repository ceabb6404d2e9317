//! What a T5 is made of: Hugging Face's `config.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::T5Error;
use super::names;

/// The sizes and conventions of a T5 v1.0 or v1.1, by Hugging Face's names.
///
/// Reference: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer"; what is not in
/// a file takes the default of transformers' `T5Config`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct T5Config {
    /// `t5`.
    pub model_type: String,
    /// Rows of the embedding: at least as many as the tokenizer has tokens.
    pub vocab_size: usize,
    /// Width of what layers hand to each other.
    pub d_model: usize,
    /// Width of a head of attention.
    pub d_kv: usize,
    /// Width inside a feed-forward layer.
    pub d_ff: usize,
    /// Blocks of the encoder.
    pub num_layers: usize,
    /// Blocks of the decoder, if not as many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_decoder_layers: Option<usize>,
    /// Heads of an attention.
    pub num_heads: usize,
    /// Distances between tokens are told apart by so many buckets.
    pub relative_attention_num_buckets: usize,
    /// The distance from which all are alike.
    pub relative_attention_max_distance: usize,
    /// Added to the mean square that a layer is normalized by.
    pub layer_norm_epsilon: f32,
    /// `relu` (v1.0) or `gated-gelu` (v1.1).
    pub feed_forward_proj: String,
    /// Whether the head is the embedding; `false` in files of v1.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tie_word_embeddings: Option<bool>,
    /// Whether the decoder's outputs are scaled by `1/√d_model` before the head. transformers 5 writes it; if it is absent,
    /// `tie_word_embeddings` says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_decoder_outputs: Option<bool>,
    /// What follows the end of a text.
    pub pad_token_id: u32,
    /// What ends a text: one token or several.
    pub eos_token_id: EosTokenId,
    /// What a decoder begins with, if not the padding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoder_start_token_id: Option<u32>,
    /// The share of numbers that is dropped in training.
    pub dropout_rate: f64,
    /// The most tokens of a text that it was trained on, where the file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_positions: Option<usize>,
}

/// One token, or several of which each will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EosTokenId {
    /// One.
    One(u32),
    /// Any of these.
    Any(Vec<u32>),
}

/// What is between the two matrices of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedForward {
    /// `relu(x·wi)·wo`
    Relu,
    /// `(gelu_new(x·wi_0) ⊙ x·wi_1)·wo`
    GatedGelu,
}

impl Default for T5Config {
    fn default() -> Self {
        Self {
            model_type: "t5".into(),
            vocab_size: 32128,
            d_model: 512,
            d_kv: 64,
            d_ff: 2048,
            num_layers: 6,
            num_decoder_layers: None,
            num_heads: 8,
            relative_attention_num_buckets: 32,
            relative_attention_max_distance: 128,
            layer_norm_epsilon: 1e-6,
            feed_forward_proj: "relu".into(),
            tie_word_embeddings: None,
            scale_decoder_outputs: None,
            pad_token_id: 0,
            eos_token_id: EosTokenId::One(1),
            decoder_start_token_id: None,
            dropout_rate: 0.1,
            n_positions: None,
        }
    }
}

/// The names that [`T5Config::named`] knows.
pub const T5_NAMES: [&str; 5] = ["t5-small", "t5-base", "t5-large", "t5-3b", "t5-11b"];

impl T5Config {
    /// One of the published sizes of v1.0: `t5-small`, `t5-base`, `t5-large`, `t5-3b` or `t5-11b`.
    pub fn named(name: &str) -> Option<Self> {
        let sizes = |d_model, d_kv, d_ff, num_heads, num_layers| {
            let n_positions = Some(512);
            Self { d_model, d_kv, d_ff, num_heads, num_layers, n_positions, ..Self::default() }
        };
        Some(match name {
            "t5-small" => sizes(512, 64, 2048, 8, 6),
            "t5-base" => sizes(768, 64, 3072, 12, 12),
            "t5-large" => sizes(1024, 64, 4096, 16, 24),
            "t5-3b" => sizes(1024, 128, 16384, 32, 24),
            "t5-11b" => sizes(1024, 128, 65536, 128, 24),
            _ => return None,
        })
    }

    /// Reads `config.json` in `folder`.
    ///
    /// # Errors
    /// If it cannot be read or is no T5's.
    pub fn load(folder: &Path) -> Result<Self, T5Error> {
        let file = folder.join("config.json");
        let text = std::fs::read_to_string(&file).map_err(|source| T5Error::Read { file: file.clone(), source })?;
        Self::parse(&text).map_err(|reason| T5Error::Malformed { file, reason })
    }

    /// A `config.json` that transformers reads.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        json["architectures"] = serde_json::json!(["T5ForConditionalGeneration"]);
        json["is_encoder_decoder"] = true.into();
        json["dtype"] = "float32".into();
        // transformers takes the start from here and has no default of its own.
        json["decoder_start_token_id"] = self.start_token().into();
        serde_json::to_string_pretty(&json).unwrap_or_default()
    }

    /// Reads a `config.json`.
    ///
    /// # Errors
    /// What is wrong with it, in words: no JSON, another kind of model, a size of 0, an activation that is not known.
    pub fn parse(json: &str) -> Result<Self, String> {
        let config: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if config.model_type != "t5" {
            return Err(format!("model_type is {:?}, and only \"t5\" (v1.0, v1.1, FLAN) is known", config.model_type));
        }
        let sizes = [
            ("vocab_size", config.vocab_size),
            ("d_model", config.d_model),
            ("d_kv", config.d_kv),
            ("d_ff", config.d_ff),
            ("num_heads", config.num_heads),
        ];
        let layers = [("num_layers", config.num_layers), ("num_decoder_layers", config.decoder_layers())];
        let limits = sizes.map(|size| (size, 1 << 24)).into_iter().chain(layers.map(|layers| (layers, 1 << 12)));
        if let Some(((name, size), most)) = limits.into_iter().find(|((_, size), most)| !(1..=*most).contains(size)) {
            return Err(format!("{name} is {size}: it must be from 1 to {most}"));
        }
        let (buckets, distance) = (config.relative_attention_num_buckets, config.relative_attention_max_distance);
        if buckets < 4 || buckets % 4 != 0 || distance <= buckets / 2 {
            return Err(format!(
                "relative_attention_num_buckets is {buckets} with relative_attention_max_distance {distance}: it must be a multiple \
                 of 4, and the distance more than half of it"
            ));
        }
        config.feed_forward()?;
        let tokens = [("pad_token_id", config.pad_token_id), ("decoder_start_token_id", config.start_token())];
        let ends = config.eos_tokens().iter().map(|token| ("eos_token_id", *token));
        if let Some((name, token)) = tokens.into_iter().chain(ends).find(|(_, t)| *t as usize >= config.vocab_size) {
            return Err(format!("{name} is {token}, and the vocabulary has {}", config.vocab_size));
        }
        if config.eos_tokens().is_empty() {
            return Err("eos_token_id is empty: a text would never end".into());
        }
        Ok(config)
    }

    /// Blocks of the decoder.
    pub fn decoder_layers(&self) -> usize {
        self.num_decoder_layers.unwrap_or(self.num_layers)
    }

    /// Width of all heads of an attention together.
    pub fn inner(&self) -> usize {
        self.num_heads * self.d_kv
    }

    /// What is between the two matrices of a feed-forward layer. `gated-gelu` has meant the approximation by tanh, "gelu_new", ever
    /// since v1.1 was published.
    ///
    /// # Errors
    /// If `feed_forward_proj` is neither.
    pub fn feed_forward(&self) -> Result<FeedForward, String> {
        match self.feed_forward_proj.as_str() {
            "relu" => Ok(FeedForward::Relu),
            "gated-gelu" | "gated-gelu_new" => Ok(FeedForward::GatedGelu),
            other => Err(format!("feed_forward_proj is {other:?}: it must be \"relu\" or \"gated-gelu\"")),
        }
    }

    /// The factor of the decoder's outputs before the head.
    pub fn output_scale(&self) -> f32 {
        let scaled = self.scale_decoder_outputs.unwrap_or(self.tie_word_embeddings != Some(false));
        if scaled { (self.d_model as f32).powf(-0.5) } else { 1.0 }
    }

    /// What ends a text.
    pub fn eos_tokens(&self) -> &[u32] {
        match &self.eos_token_id {
            EosTokenId::One(token) => std::slice::from_ref(token),
            EosTokenId::Any(tokens) => tokens,
        }
    }

    /// What a decoder begins with.
    pub fn start_token(&self) -> u32 {
        self.decoder_start_token_id.unwrap_or(self.pad_token_id)
    }

    /// How many numbers are trained: 222,903,552 of t5-base. A head that is the embedding counts once.
    pub fn parameters(&self) -> usize {
        let own_head = self.tie_word_embeddings == Some(false);
        let tensors = names::tensors(self).into_iter().filter(|(name, _)| own_head || name != names::HEAD);
        tensors.map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published counts: transformers' `num_parameters()`.
    #[test]
    fn parameters_are_counted_as_published() {
        for (name, count) in [("t5-small", 60_506_624), ("t5-base", 222_903_552), ("t5-large", 737_668_096)] {
            assert_eq!(T5Config::named(name).expect("a known name").parameters(), count, "{name}");
        }
        let flan_base = r#"{"d_model":768,"d_ff":2048,"num_heads":12,"num_layers":12,"feed_forward_proj":"gated-gelu",
            "tie_word_embeddings":false}"#;
        assert_eq!(T5Config::parse(flan_base).expect("FLAN-T5 base").parameters(), 247_577_856);
        assert!(T5_NAMES.iter().all(|name| T5Config::named(name).is_some()) && T5Config::named("t5").is_none());
    }

    /// transformers 5 writes a v1.1 as tied but unscaled; older versions only as untied.
    #[test]
    fn outputs_are_scaled_as_every_version_of_transformers_means_it() {
        for (json, scaled) in [
            ("{}", true),
            (r#"{"tie_word_embeddings":true}"#, true),
            (r#"{"tie_word_embeddings":false}"#, false),
            (r#"{"tie_word_embeddings":true,"scale_decoder_outputs":false}"#, false),
        ] {
            let scale = T5Config::parse(json).expect("a configuration").output_scale();
            assert_eq!(scale < 1.0, scaled, "{json}");
        }
    }

    #[test]
    fn what_is_no_t5_is_refused_by_name() {
        for (json, word) in [
            ("[", "EOF"),
            (r#"{"model_type":"bart"}"#, "bart"),
            (r#"{"d_model":0}"#, "d_model"),
            (r#"{"d_model":-3}"#, "-3"),
            (r#"{"num_layers":1000000}"#, "num_layers"),
            (r#"{"feed_forward_proj":"gated-silu"}"#, "gated-silu"),
            (r#"{"eos_token_id":40000}"#, "eos_token_id"),
            (r#"{"eos_token_id":[]}"#, "eos_token_id"),
            (r#"{"relative_attention_num_buckets":3}"#, "relative_attention_num_buckets"),
            (r#"{"relative_attention_max_distance":0}"#, "relative_attention_max_distance"),
        ] {
            let error = T5Config::parse(json).expect_err(json);
            assert!(error.contains(word), "{json}: {error}");
        }
        let several = T5Config::parse(r#"{"eos_token_id":[1,5]}"#).expect("several ends");
        assert_eq!(several.eos_tokens(), [1, 5]);
    }
}
