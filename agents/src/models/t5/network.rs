//! A T5 that is trained: the forward pass on a tape, texts read and written at once ("teacher forcing").

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cartwheel_envs::Generator;
use dfdx::prelude::{AsArray as _, Cpu, NoneTape, PutTape as _, Rank0, SplitTape as _, Tape, Tensor};
use rand_distr::{Distribution as _, StandardNormal};

use super::config::{FeedForward, T5Config};
use super::error::T5Error;
use super::names::{self, Stack};
use super::noise::Noise;
use super::position::bucket;
use super::weights;
use crate::nn::ops::{self, RelativeBias, Rows, Spans, Targets, Then};
use crate::nn::{DeviceError, Gradients, Parameter, ParameterId, Parameters, Real};

/// A text and what is to be written for it, as tokens; both end in `</s>`. Tokens of the target that are
/// [`IGNORED`](ops::IGNORED) are not learnt, as those of -100 are not with transformers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenPair {
    /// What is read.
    pub source: Vec<u32>,
    /// What is to be written.
    pub target: Vec<u32>,
}

impl TokenPair {
    /// Tokens of the target that count.
    pub fn counted(&self) -> usize {
        self.target.iter().filter(|token| **token != ops::IGNORED).count()
    }
}

/// How a pair came out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Judged {
    /// The cross entropy of its tokens, summed.
    pub loss: f64,
    /// Tokens that count.
    pub tokens: usize,
    /// Whether each of them was the likeliest one. As each was written after those before it, this is whether greedy decoding
    /// writes the target.
    pub exact: bool,
}

/// What a pass with a gradient came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Learnt {
    /// The loss that was learnt from, not divided.
    pub loss: f64,
    /// Tokens that count.
    pub tokens: usize,
    /// Pairs of which each token was the likeliest one.
    pub exact: usize,
}

/// How a pass with a gradient is made.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Share of each target that is spread over all tokens.
    pub label_smoothing: f64,
    /// What the sum of the losses is divided by: the number of tokens that count for the mean, as with transformers.
    pub divisor: f64,
    /// The share of numbers that is dropped everywhere where transformers drops some, and a key for each pair.
    pub dropout: Option<(f64, Vec<u64>)>,
}

impl Lesson {
    /// The loss of the logits of `pairs`.
    pub(super) fn loss<E: Real, T: Tape<E, Cpu>>(
        &self,
        pairs: &[&TokenPair],
        logits: Rows<E, T>,
    ) -> Result<Tensor<Rank0, E, Cpu, T>, DeviceError> {
        ops::softmax_cross_entropy(logits, Targets::Classes(&targets(pairs)), self.label_smoothing, self.divisor)
    }
}

/// All tokens of the targets.
pub(super) fn targets(pairs: &[&TokenPair]) -> Vec<u32> {
    pairs.iter().flat_map(|pair| pair.target.iter().copied()).collect()
}

#[derive(Clone, Copy, Debug)]
pub(super) struct AttentionIds {
    pub(super) norm: ParameterId,
    pub(super) q: ParameterId,
    pub(super) k: ParameterId,
    pub(super) v: ParameterId,
    pub(super) o: ParameterId,
}

#[derive(Clone, Debug)]
pub(super) struct BlockIds {
    pub(super) own: AttentionIds,
    pub(super) cross: Option<AttentionIds>,
    pub(super) norm: ParameterId,
    pub(super) inner: Vec<ParameterId>,
    pub(super) output: ParameterId,
}

#[derive(Clone, Debug)]
pub(super) struct StackIds {
    pub(super) stack: Stack,
    pub(super) blocks: Vec<BlockIds>,
    pub(super) bias: ParameterId,
    pub(super) norm: ParameterId,
}

/// See the module's documentation. Its parameters have Hugging Face's names; those of a file are the same.
#[derive(Clone, Debug)]
pub struct T5Network<E: Real = f32> {
    pub(super) config: T5Config,
    pub(super) feed_forward: FeedForward,
    pub(super) parameters: Parameters<E>,
    pub(super) shared: ParameterId,
    pub(super) head: ParameterId,
    pub(super) encoder: StackIds,
    pub(super) decoder: StackIds,
}

/// What is shown the name and the output of each layer.
type Look<'l, E, T> = &'l mut dyn FnMut(String, &Rows<E, T>);

impl T5Network {
    /// The one in `folder`: `config.json` and safetensors.
    ///
    /// # Errors
    /// If files are missing, broken, or do not fit each other.
    pub fn load(folder: &Path) -> Result<Self, T5Error> {
        let config = T5Config::load(folder)?;
        let parameters = weights::load(folder, &config)?;
        let file = folder.join("config.json");
        Self::of(config, parameters).map_err(|reason| T5Error::Malformed { file, reason })
    }
}

impl<E: Real> T5Network<E> {
    /// A new one, begun as transformers begins it: normal with a spread by the width of what comes in.
    ///
    /// # Errors
    /// If the configuration's `feed_forward_proj` is not known.
    pub fn new(config: T5Config, rng: &mut Generator) -> Result<Self, String> {
        let (d, d_kv, d_ff, inner) =
            (config.d_model as f64, config.d_kv as f64, config.d_ff as f64, config.inner() as f64);
        let mut parameters = Parameters::default();
        for (name, shape) in names::tensors(&config) {
            if name == names::HEAD && config.tie_word_embeddings != Some(false) {
                continue;
            }
            let last = name.trim_end_matches(".weight").rsplit('.').next().unwrap_or_default();
            let spread = match last {
                "shared" | "lm_head" => 1.0,
                "q" => (d * d_kv).sqrt().recip(),
                "o" => inner.sqrt().recip(),
                "wo" => d_ff.sqrt().recip(),
                // k, v, wi, wi_0, wi_1 and the biases by distance.
                _ => d.sqrt().recip(),
            };
            let values = (0..shape.iter().product::<usize>()).map(|_| match last {
                "layer_norm" | "final_layer_norm" => E::one(),
                _ => {
                    let x: f64 = StandardNormal.sample(rng);
                    E::of(x * spread)
                }
            });
            let values = values.collect();
            parameters.add(name, &shape, values);
        }
        Self::of(config, parameters)
    }

    /// One of these parameters, which are those of `config` by names and shapes.
    ///
    /// # Errors
    /// What is wrong: an activation that is not known, a parameter that is missing.
    pub fn of(config: T5Config, parameters: Parameters<E>) -> Result<Self, String> {
        let feed_forward = config.feed_forward()?;
        let ids: HashMap<String, ParameterId> =
            parameters.ids().map(|id| (parameters.get(id).name().to_owned(), id)).collect();
        let find = |name: String| ids.get(&name).copied().ok_or_else(|| format!("{name} is missing"));
        let stack = |stack: Stack, blocks: usize| -> Result<StackIds, String> {
            let block = |index: usize| -> Result<BlockIds, String> {
                let layer = |at| names::layer(stack, index, at);
                let attention = |at, kind: &str| {
                    let of = |matrix: &str| find(format!("{}.{kind}.{matrix}.weight", layer(at)));
                    let norm = find(format!("{}.layer_norm.weight", layer(at)))?;
                    Ok::<_, String>(AttentionIds { norm, q: of("q")?, k: of("k")?, v: of("v")?, o: of("o")? })
                };
                let cross = (stack == Stack::Decoder).then(|| attention(1, "EncDecAttention")).transpose()?;
                let last = layer(1 + usize::from(cross.is_some()));
                let dense = |matrix: &str| find(format!("{last}.DenseReluDense.{matrix}.weight"));
                Ok(BlockIds {
                    own: attention(0, "SelfAttention")?,
                    cross,
                    norm: find(format!("{last}.layer_norm.weight"))?,
                    inner: names::inner_names(&config).iter().map(|name| dense(name)).collect::<Result<_, _>>()?,
                    output: dense("wo")?,
                })
            };
            let blocks = (0..blocks).map(block).collect::<Result<_, _>>()?;
            Ok(StackIds { stack, blocks, bias: find(names::bias(stack))?, norm: find(names::final_norm(stack))? })
        };
        let shared = find(names::SHARED.into())?;
        Ok(Self {
            feed_forward,
            shared,
            head: find(names::HEAD.into()).unwrap_or(shared),
            encoder: stack(Stack::Encoder, config.num_layers)?,
            decoder: stack(Stack::Decoder, config.decoder_layers())?,
            config,
            parameters,
        })
    }

    /// What it is made of.
    pub fn config(&self) -> &T5Config {
        &self.config
    }

    /// Its parameters.
    pub fn parameters(&self) -> &Parameters<E> {
        &self.parameters
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> &mut Parameters<E> {
        &mut self.parameters
    }

    /// Adds the gradient of the cross entropy of `pairs` to `gradients`, and answers how they came out.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If a token is not in the vocabulary.
    pub fn learn(
        &self,
        pairs: &[&TokenPair],
        lesson: &Lesson,
        gradients: &mut Gradients<E>,
    ) -> Result<Learnt, DeviceError> {
        let tape = gradients.tape(self.parameters.device());
        let mut noise = Noise::of(lesson);
        let (logits, tape) = self.forward(pairs, tape, &mut noise, &mut |_, _| {})?.split_tape();
        let values = ops::values(&logits);
        let loss = lesson.loss(pairs, logits.put_tape(tape))?;
        let learnt = self.learnt(pairs, lesson, &values, loss.array());
        gradients.backward(loss)?;
        Ok(learnt)
    }

    /// How pairs come out.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If a token is not in the vocabulary.
    pub fn judge(&self, pairs: &[&TokenPair]) -> Result<Vec<Judged>, DeviceError> {
        let logits = self.forward(pairs, NoneTape, &mut None, &mut |_, _| {})?;
        Ok(self.judged(pairs, &ops::values(&logits)))
    }

    /// The name of the first layer with an output for `pairs` that is not finite.
    ///
    /// # Errors
    /// If the device fails.
    pub fn not_finite(&self, pairs: &[&TokenPair]) -> Result<Option<String>, DeviceError> {
        let mut first = None;
        self.forward(pairs, NoneTape, &mut None, &mut |name, y| {
            if first.is_none() && ops::values(y).iter().any(|y| !y.is_finite()) {
                first = Some(name);
            }
        })?;
        Ok(first)
    }

    /// What a pass came to with these logits, whose loss is `loss`.
    pub(super) fn learnt(&self, pairs: &[&TokenPair], lesson: &Lesson, logits: &[E], loss: E) -> Learnt {
        let mut rows = logits.chunks_exact(self.config.vocab_size);
        // Each pair's rows are looked at to the last, so that the next pair's come next.
        let exact = |pair: &&&TokenPair| {
            pair.target.iter().zip(&mut rows).filter(|(token, row)| !likeliest(**token, row)).count() == 0
        };
        let exact = pairs.iter().filter(exact).count();
        let tokens = pairs.iter().map(|pair| pair.counted()).sum();
        Learnt { loss: loss.wide() * lesson.divisor, tokens, exact }
    }

    /// How pairs came out that have these logits.
    pub(super) fn judged(&self, pairs: &[&TokenPair], logits: &[E]) -> Vec<Judged> {
        let mut rows = logits.chunks_exact(self.config.vocab_size);
        let mut scratch = vec![E::zero(); self.config.vocab_size];
        let judge = |pair: &&TokenPair| {
            let mut judged = Judged { loss: 0.0, tokens: pair.counted(), exact: true };
            for (token, row) in pair.target.iter().zip(&mut rows) {
                if *token != ops::IGNORED {
                    scratch.copy_from_slice(row);
                    judged.loss += (ops::softmax(&mut scratch) - row[*token as usize]).wide();
                    judged.exact &= likeliest(*token, row);
                }
            }
            judged
        };
        pairs.iter().map(judge).collect()
    }

    /// The factor of the decoder's outputs before the head.
    pub(super) fn output_scale(&self) -> f64 {
        if self.config.output_scale() == 1.0 { 1.0 } else { (self.config.d_model as f64).sqrt().recip() }
    }

    /// Added to the mean square that a layer is normalized by.
    pub(super) fn eps(&self) -> f64 {
        decimal(self.config.layer_norm_epsilon)
    }

    fn of_id(&self, id: ParameterId) -> &Parameter<E> {
        self.parameters.get(id)
    }

    /// The logits of each token of each target, row after row.
    fn forward<T: Tape<E, Cpu>>(
        &self,
        pairs: &[&TokenPair],
        tape: T,
        noise: &mut Option<Noise>,
        look: Look<'_, E, T>,
    ) -> Result<Rows<E, T>, DeviceError> {
        let sources: Vec<u32> = pairs.iter().flat_map(|pair| pair.source.iter().copied()).collect();
        let lengths: Vec<usize> = pairs.iter().map(|pair| pair.source.len()).collect();
        let shared = self.of_id(self.shared);
        let x = ops::embedding(tape, shared, Arc::new(sources))?;
        let (encoded, tape) = self.stack(&self.encoder, x, &lengths, None, noise, look)?.split_tape();
        let written: Vec<usize> = pairs.iter().map(|pair| pair.target.len()).collect();
        let x = ops::embedding(tape, shared, Arc::new(self.shifted(pairs)))?;
        let read = Some((encoded, lengths.as_slice()));
        let y = self.stack(&self.decoder, x, &written, read, noise, look)?;
        let y = ops::scale(y, self.output_scale())?;
        let logits = ops::linear(y, self.of_id(self.head), None, Then::Nothing)?;
        look("lm_head".into(), &logits);
        Ok(logits)
    }

    /// What the decoder is given: the start, and each target's tokens but the last; padding for those that are ignored.
    pub(super) fn shifted(&self, pairs: &[&TokenPair]) -> Vec<u32> {
        let known = |token: &u32| if *token == ops::IGNORED { self.config.pad_token_id } else { *token };
        let of = |pair: &&TokenPair| {
            let before = &pair.target[..pair.target.len().saturating_sub(1)];
            let start = (!pair.target.is_empty()).then(|| self.config.start_token());
            start.into_iter().chain(before.iter().map(known)).collect::<Vec<_>>()
        };
        pairs.iter().flat_map(of).collect()
    }

    fn stack<T: Tape<E, Cpu>>(
        &self,
        stack: &StackIds,
        mut x: Rows<E, T>,
        lengths: &[usize],
        read: Option<(Rows<E, NoneTape>, &[usize])>,
        noise: &mut Option<Noise>,
        look: Look<'_, E, T>,
    ) -> Result<Rows<E, T>, DeviceError> {
        let (eps, heads) = (self.eps(), self.config.num_heads);
        let causal = stack.stack == Stack::Decoder;
        let own = Arc::new(Spans { queries: lengths.to_vec(), keys: lengths.to_vec(), causal });
        let cross = Arc::new(Spans {
            queries: lengths.to_vec(),
            keys: read.as_ref().map_or(Vec::new(), |(_, lengths)| lengths.to_vec()),
            causal: false,
        });
        let buckets = Arc::new(self.buckets(lengths.iter().copied().max().unwrap_or(0), !causal));
        x = drop_out(x, noise, lengths)?;
        for (index, block) in stack.blocks.iter().enumerate() {
            let name = |layer: usize| names::layer(stack.stack, index, layer);
            // Attention to the own tokens.
            let AttentionIds { norm, q, k, v, o } = block.own;
            let (around, tape) = x.split_tape();
            let normed = ops::rms_norm(around.clone().put_tape(tape), self.of_id(norm), eps)?;
            let ([q, k, v], tape) = ops::branches(normed, [q, k, v].map(|id| self.of_id(id)))?;
            let bias = RelativeBias { table: self.of_id(stack.bias), buckets: buckets.clone() };
            let dropped = noise.as_mut().map(Noise::of_attention);
            let y = ops::attention(q.put_tape(tape), [k, v], heads, own.clone(), Some(bias), dropped)?;
            x = self.back(y, o, around, noise, lengths)?;
            look(format!("{}.SelfAttention", name(0)), &x);
            // Attention to what was read.
            if let (Some(AttentionIds { norm, q, k, v, o }), Some((encoded, _))) = (block.cross, &read) {
                let (around, tape) = x.split_tape();
                let normed = ops::rms_norm(around.clone().put_tape(tape), self.of_id(norm), eps)?;
                let ([q], tape) = ops::branches(normed, [self.of_id(q)])?;
                let ([k, v], tape) = ops::branches(encoded.clone().put_tape(tape), [k, v].map(|id| self.of_id(id)))?;
                let dropped = noise.as_mut().map(Noise::of_attention);
                let y = ops::attention(q.put_tape(tape), [k, v], heads, cross.clone(), None, dropped)?;
                x = self.back(y, o, around, noise, lengths)?;
                look(format!("{}.EncDecAttention", name(1)), &x);
            }
            let (around, tape) = x.split_tape();
            let normed = ops::rms_norm(around.clone().put_tape(tape), self.of_id(block.norm), eps)?;
            let y = match (self.feed_forward, block.inner.as_slice()) {
                (FeedForward::GatedGelu, [gate, inner]) => {
                    let ([gate, inner], tape) = ops::branches(normed, [gate, inner].map(|id| self.of_id(*id)))?;
                    ops::gated_gelu(gate.put_tape(tape), inner)?
                }
                (_, inner) => ops::linear(normed, self.of_id(inner[0]), None, Then::Relu)?,
            };
            let y = drop_out(y, noise, lengths)?;
            x = self.back(y, block.output, around, noise, lengths)?;
            look(format!("{}.DenseReluDense", name(1 + usize::from(block.cross.is_some()))), &x);
        }
        let x = ops::rms_norm(x, self.of_id(stack.norm), eps)?;
        look(format!("{}.final_layer_norm", stack.stack.name()), &x);
        drop_out(x, noise, lengths)
    }

    /// The last matrix of a layer, and what went around the layer.
    fn back<T: Tape<E, Cpu>>(
        &self,
        y: Rows<E, T>,
        output: ParameterId,
        around: Tensor<(usize, usize), E, Cpu>,
        noise: &mut Option<Noise>,
        lengths: &[usize],
    ) -> Result<Rows<E, T>, DeviceError> {
        let y = ops::linear(y, self.of_id(output), None, Then::Nothing)?;
        ops::add(drop_out(y, noise, lengths)?, around)
    }

    /// The bucket of each distance from 1 - `longest` to `longest` - 1.
    pub(super) fn buckets(&self, longest: usize, bidirectional: bool) -> Vec<u32> {
        let (buckets, most) = (self.config.relative_attention_num_buckets, self.config.relative_attention_max_distance);
        let longest = longest as i64;
        (1 - longest..longest).map(|relative| bucket(relative, bidirectional, buckets, most) as u32).collect()
    }
}

/// Drops numbers of the rows of texts of these lengths.
fn drop_out<E: Real, T: Tape<E, Cpu>>(
    x: Rows<E, T>,
    noise: &mut Option<Noise>,
    lengths: &[usize],
) -> Result<Rows<E, T>, DeviceError> {
    let Some(noise) = noise else { return Ok(x) };
    let keys = Arc::new(noise.of_rows(lengths));
    ops::dropout(x, noise.dropout, keys)
}

/// The number that is written like this one: 1e-6 for the f32 that is nearest to it.
fn decimal(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}

/// Whether `token` has the highest of these logits, and is the first that has it; or does not count.
fn likeliest<E: Real>(token: u32, logits: &[E]) -> bool {
    let Some(own) = logits.get(token as usize) else { return token == ops::IGNORED };
    let (before, after) = logits.split_at(token as usize);
    before.iter().all(|x| x < own) && after.iter().all(|x| x <= own)
}
