//! The forward pass: texts through the encoder at once, and through the decoder token by token.

use std::path::Path;

use rayon::prelude::*;

use crate::nn::{Isa, Parameters};

use super::config::{FeedForward, T5Config};
use super::error::T5Error;
use super::layers::{KeysAndValues, activate, add, attend, rms_norm};
use super::matrix::{Matrix, Precision};
use super::position::bucket;
use super::weights::{Attention, FeedForwardWeights, StackWeights, Weights};

/// A T5 with its weights, to be used and not trained: a lean forward pass without a tape, in f32, with weights of f32 or int8.
///
/// Texts of a batch are not padded to one length: their tokens lie one text after the other, so that no arithmetic is spent on
/// padding, and what comes out for a text is bit for bit what comes out for it alone. Products are shared between the threads
/// of the current pool of rayon; their number changes no bit either.
pub struct T5 {
    config: T5Config,
    feed_forward: FeedForward,
    weights: Weights,
    isa: Isa,
}

/// Texts that went through the encoder.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// A row of `d_model` floats a token, one text after the other.
    pub hidden: Vec<f32>,
    /// Tokens of each text.
    pub lengths: Vec<usize>,
}

impl Encoded {
    /// Where each text's rows begin.
    fn starts(&self) -> Vec<usize> {
        let next = |end: &mut usize, length: &usize| {
            *end += length;
            Some(*end - length)
        };
        self.lengths.iter().scan(0, next).collect()
    }
}

/// Texts under way in the decoder: what it remembers of the tokens so far.
pub struct Decoding {
    /// Keys and values of what was encoded, for each block: computed once.
    cross: Vec<Vec<f32>>,
    /// Where each text's rows begin in `cross`, and how many there are.
    texts: Vec<(usize, usize)>,
    /// Which text each row translates.
    rows: Vec<usize>,
    /// Keys and values of the tokens so far, for each block and row.
    own: Vec<Vec<Vec<f32>>>,
    /// For each head, what is added to the score of a key by how many tokens it lies back.
    bias: Vec<Vec<f32>>,
    /// The logits of the last step.
    logits: Vec<f32>,
}

impl Decoding {
    /// Tokens that went in so far.
    pub fn tokens(&self) -> usize {
        self.bias.first().map_or(0, Vec::len)
    }

    /// Goes on with the rows `from`, in this order; one can be named several times, and those that are not named end.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&mut self, from: &[usize]) {
        if from.iter().copied().eq(0..self.rows.len()) {
            return;
        }
        self.rows = from.iter().map(|row| self.rows[*row]).collect();
        for own in &mut self.own {
            // What is needed once more is copied, and the last use of a row takes it.
            let mut uses = vec![0usize; own.len()];
            from.iter().for_each(|row| uses[*row] += 1);
            let mut take = |row: usize| {
                uses[row] -= 1;
                if uses[row] == 0 { std::mem::take(&mut own[row]) } else { own[row].clone() }
            };
            let selected = from.iter().map(|row| take(*row)).collect();
            *own = selected;
        }
    }
}

impl T5 {
    /// Loads `config.json` and the safetensors in `folder`, with matrices of this precision: they are rounded as they are read, so
    /// that loading takes little more memory than the model.
    ///
    /// # Errors
    /// If files are missing, broken, or do not fit each other.
    pub fn load(folder: &Path, precision: Precision) -> Result<Self, T5Error> {
        let config = T5Config::load(folder)?;
        let file = folder.join("config.json");
        let feed_forward = config.feed_forward().map_err(|reason| T5Error::Malformed { file, reason })?;
        let weights = Weights::load(folder, &config, precision)?;
        Ok(Self { config, feed_forward, weights, isa: Isa::detect() })
    }

    /// One of `parameters`, which are those of `config`, as [`T5Network`](super::T5Network) has them.
    ///
    /// # Errors
    /// If the configuration's `feed_forward_proj` is not known.
    pub fn new(config: T5Config, parameters: Parameters) -> Result<Self, String> {
        let feed_forward = config.feed_forward()?;
        let weights = Weights::new(parameters, &config);
        Ok(Self { config, feed_forward, weights, isa: Isa::detect() })
    }

    /// What it is made of.
    pub fn config(&self) -> &T5Config {
        &self.config
    }

    /// Runs texts, which end in `</s>`, through the encoder.
    ///
    /// # Errors
    /// If a token is not in the vocabulary.
    pub fn encode(&self, texts: &[&[u32]]) -> Result<Encoded, T5Error> {
        let config = &self.config;
        let (d, inner) = (config.d_model, config.inner());
        let stack = &self.weights.encoder;
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        // Each token's text: where it begins, and its length.
        let mut places = Vec::new();
        for length in &lengths {
            let start = places.len();
            places.extend((0..*length).map(|at| (start, *length, at)));
        }
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let bias = self.encoder_bias(longest);
        let mut x = self.embed(texts.iter().flat_map(|text| text.iter().copied()))?;
        let (mut normed, mut qkv, mut attended) = (Vec::new(), Vec::new(), vec![0.0; places.len() * inner]);
        let mut scratch = Scratch::default();
        for block in &stack.blocks {
            let Attention { norm, query, output, .. } = &block.attention;
            rms_norm(&x, norm, config.layer_norm_epsilon, &mut normed);
            self.linear(&normed, query, d, &mut qkv);
            let of_token = |scores: &mut Vec<f32>, to: &mut [f32], token: usize| {
                let (start, tokens, at) = places[token];
                let data = &qkv[start * 3 * inner + inner..];
                let kv = KeysAndValues { data, stride: 3 * inner, tokens, inner };
                let query = &qkv[token * 3 * inner..token * 3 * inner + inner];
                let add_bias = |head: usize, scores: &mut [f32]| {
                    add(scores, &bias[head][longest - 1 - at..longest - 1 - at + tokens]);
                };
                attend(self.isa, query, kv, config.d_kv, add_bias, scores, to);
            };
            let tokens = attended.par_chunks_exact_mut(inner).enumerate().with_min_len(8);
            tokens.for_each_init(Vec::new, |scores, (token, to)| of_token(scores, to, token));
            self.add_linear(&attended, output, inner, &mut x, &mut scratch);
            self.feed_forward(&block.feed_forward, &mut x, &mut scratch);
        }
        rms_norm(&x, &stack.norm, config.layer_norm_epsilon, &mut normed);
        Ok(Encoded { hidden: normed, lengths })
    }

    /// Begins to decode what was encoded, one row for each of `rows`, which are numbers of its texts.
    ///
    /// # Panics
    /// If there is no such text.
    pub fn decode(&self, encoded: &Encoded, rows: Vec<usize>) -> Decoding {
        assert!(rows.iter().all(|text| *text < encoded.lengths.len()), "a row of a text that is not there");
        let stack = &self.weights.decoder;
        let keys_and_values = |attention: &Attention| {
            let mut kv = Vec::new();
            self.linear(&encoded.hidden, &attention.key_value, self.config.d_model, &mut kv);
            kv
        };
        Decoding {
            cross: stack.blocks.iter().filter_map(|block| block.cross.as_ref()).map(keys_and_values).collect(),
            texts: encoded.starts().into_iter().zip(encoded.lengths.iter().copied()).collect(),
            own: vec![vec![Vec::new(); rows.len()]; stack.blocks.len()],
            rows,
            bias: vec![Vec::new(); self.config.num_heads],
            logits: Vec::new(),
        }
    }

    /// Runs one more token of each row through the decoder, and answers `vocab_size` logits for each.
    ///
    /// # Errors
    /// If a token is not in the vocabulary.
    ///
    /// # Panics
    /// If there are not as many tokens as rows.
    pub fn step<'d>(&self, decoding: &'d mut Decoding, tokens: &[u32]) -> Result<&'d mut [f32], T5Error> {
        assert_eq!(tokens.len(), decoding.rows.len(), "a token for each row");
        let config = &self.config;
        let (d, inner) = (config.d_model, config.inner());
        let stack = &self.weights.decoder;
        let mut x = self.embed(tokens.iter().copied())?;
        self.lengthen_bias(&mut decoding.bias);
        let past = decoding.tokens();
        let Decoding { cross, texts, rows, own, bias, logits } = decoding;
        let (mut normed, mut queries, mut attended) = (Vec::new(), Vec::new(), vec![0.0; rows.len() * inner]);
        let (mut scores, mut scratch) = (Vec::new(), Scratch::default());
        for ((block, own), cross) in stack.blocks.iter().zip(own).zip(cross) {
            let Attention { norm, query, output, .. } = &block.attention;
            rms_norm(&x, norm, config.layer_norm_epsilon, &mut normed);
            self.linear(&normed, query, d, &mut queries);
            let add_bias = |head: usize, scores: &mut [f32]| {
                for (score, bias) in scores.iter_mut().zip(bias[head].iter().rev()) {
                    *score += bias;
                }
            };
            let of_rows = queries.chunks_exact(3 * inner).zip(own).zip(attended.chunks_exact_mut(inner));
            for ((qkv, own), to) in of_rows {
                own.extend_from_slice(&qkv[inner..]);
                let kv = KeysAndValues { data: own, stride: 2 * inner, tokens: past, inner };
                attend(self.isa, &qkv[..inner], kv, config.d_kv, add_bias, &mut scores, to);
            }
            self.add_linear(&attended, output, inner, &mut x, &mut scratch);
            if let Some(Attention { norm, query, output, .. }) = &block.cross {
                rms_norm(&x, norm, config.layer_norm_epsilon, &mut normed);
                self.linear(&normed, query, d, &mut queries);
                let of_rows = queries.chunks_exact(inner).zip(rows.iter()).zip(attended.chunks_exact_mut(inner));
                for ((query, text), to) in of_rows {
                    let (start, tokens) = texts[*text];
                    let data = &cross[start * 2 * inner..];
                    let kv = KeysAndValues { data, stride: 2 * inner, tokens, inner };
                    attend(self.isa, query, kv, config.d_kv, |_, _| {}, &mut scores, to);
                }
                self.add_linear(&attended, output, inner, &mut x, &mut scratch);
            }
            self.feed_forward(&block.feed_forward, &mut x, &mut scratch);
        }
        rms_norm(&x, &stack.norm, config.layer_norm_epsilon, &mut normed);
        let scale = config.output_scale();
        normed.iter_mut().for_each(|x| *x *= scale);
        self.linear(&normed, self.weights.head(), d, logits);
        Ok(logits)
    }

    fn linear(&self, x: &[f32], w: &Matrix, k: usize, to: &mut Vec<f32>) {
        w.linear(self.isa, x, k, to);
    }

    /// `to += x · wᵀ`
    fn add_linear(&self, x: &[f32], w: &Matrix, k: usize, to: &mut [f32], scratch: &mut Scratch) {
        self.linear(x, w, k, &mut scratch.product);
        add(to, &scratch.product);
    }

    fn feed_forward(&self, weights: &FeedForwardWeights, x: &mut [f32], scratch: &mut Scratch) {
        let mut inner = std::mem::take(&mut scratch.inner);
        rms_norm(x, &weights.norm, self.config.layer_norm_epsilon, &mut scratch.normed);
        self.linear(&scratch.normed, &weights.inner, self.config.d_model, &mut inner);
        activate(self.feed_forward, &mut inner, self.config.d_ff);
        self.add_linear(&inner, &weights.output, self.config.d_ff, x, scratch);
        scratch.inner = inner;
    }

    fn embed(&self, tokens: impl Iterator<Item = u32>) -> Result<Vec<f32>, T5Error> {
        let (d, vocab_size) = (self.config.d_model, self.config.vocab_size);
        let mut rows = Vec::new();
        for token in tokens {
            let at = token as usize;
            if at >= vocab_size {
                return Err(T5Error::Token { token, vocab_size });
            }
            self.weights.shared.row(at, d, &mut rows);
        }
        Ok(rows)
    }

    fn bias_of(&self, stack: &StackWeights, bidirectional: bool, relative: i64, head: usize) -> f32 {
        let (buckets, distance) =
            (self.config.relative_attention_num_buckets, self.config.relative_attention_max_distance);
        stack.bias[bucket(relative, bidirectional, buckets, distance) * self.config.num_heads + head]
    }

    /// For each head, what is added by the distance of key and query, from 1 - `longest` to `longest` - 1.
    fn encoder_bias(&self, longest: usize) -> Vec<Vec<f32>> {
        let longest = longest as i64;
        let of = |head, relative| self.bias_of(&self.weights.encoder, true, relative, head);
        (0..self.config.num_heads).map(|head| (1 - longest..longest).map(|r| of(head, r)).collect()).collect()
    }

    /// One more distance back for each head.
    fn lengthen_bias(&self, bias: &mut [Vec<f32>]) {
        for (head, bias) in bias.iter_mut().enumerate() {
            let back = bias.len() as i64;
            bias.push(self.bias_of(&self.weights.decoder, false, -back, head));
        }
    }
}

/// Buffers that layers use one after the other.
#[derive(Default)]
struct Scratch {
    normed: Vec<f32>,
    inner: Vec<f32>,
    product: Vec<f32>,
}
