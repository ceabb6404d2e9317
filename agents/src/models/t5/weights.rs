//! A T5's numbers, from safetensors to matrices that lie as they are used.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use half::{bf16, f16};
use safetensors::Dtype;

use super::config::T5Config;
use super::error::T5Error;
use super::matrix::Matrix;
use super::names::{self, Stack};
use crate::nn::{Parameters, TensorFiles, Wanted};

/// The file that all weights are in.
pub(super) const WHOLE: &str = "model.safetensors";
/// The file that says which of several they are in.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// The matrices of an attention, each `[outputs, inputs]`.
pub(super) struct Attention {
    /// `[d_model]`: the norm before it.
    pub(super) norm: Vec<f32>,
    /// Queries: `[inner, d_model]`; with keys and values after them where all are of the same rows.
    pub(super) query: Matrix,
    /// Keys, then values: `[2·inner, d_model]`. Empty where `query` holds them.
    pub(super) key_value: Matrix,
    /// `[d_model, inner]`
    pub(super) output: Matrix,
}

/// The matrices of a feed-forward layer.
pub(super) struct FeedForwardWeights {
    /// `[d_model]`: the norm before it.
    pub(super) norm: Vec<f32>,
    /// `[d_ff, d_model]`, or, gated, `wi_0` and then `wi_1`: `[2·d_ff, d_model]`.
    pub(super) inner: Matrix,
    /// `[d_model, d_ff]`
    pub(super) output: Matrix,
}

/// One block of a stack.
pub(super) struct Block {
    pub(super) attention: Attention,
    /// Attention to what was encoded: the decoder's.
    pub(super) cross: Option<Attention>,
    pub(super) feed_forward: FeedForwardWeights,
}

/// The encoder or the decoder.
pub(super) struct StackWeights {
    pub(super) blocks: Vec<Block>,
    /// `[buckets, heads]`: what is added to a score by the distance of its tokens.
    pub(super) bias: Vec<f32>,
    /// `[d_model]`
    pub(super) norm: Vec<f32>,
}

/// All of them.
pub(super) struct Weights {
    /// `[vocab, d_model]`
    pub(super) shared: Matrix,
    /// `[vocab, d_model]`, where it is not `shared`.
    pub(super) head: Option<Matrix>,
    pub(super) encoder: StackWeights,
    pub(super) decoder: StackWeights,
}

/// Reads the tensors of the safetensors files in `folder`, one or those that an index names: what [`names::tensors`] lists, with
/// a head only where it is not the embedding. f16 and bf16 are widened to f32.
///
/// # Errors
/// If a file cannot be read or is cut off, or the tensors are not those of `config`: which, with the nearest names.
pub(super) fn load(folder: &Path, config: &T5Config) -> Result<Parameters, T5Error> {
    let mut files = open(folder)?;
    let mut tensors = names::tensors(config);
    // Without a head of its own, the embedding is the head.
    tensors.retain(|(name, _)| name != names::HEAD || files.get(name).is_some());
    let dtypes = &[Dtype::F32, Dtype::F16, Dtype::BF16];
    let own: Vec<_> = tensors.iter().map(|(name, shape)| Wanted { name, shape, dtypes }).collect();
    let differ = files.compare(&own);
    if !differ.is_empty() {
        return Err(T5Error::Tensors { folder: folder.into(), tensors: differ });
    }
    let mut parameters = Parameters::default();
    for (name, shape) in tensors {
        let values = read(&mut files, &name)?;
        let copy = name == names::HEAD && parameters.named(names::SHARED).is_some_and(|p| p.values() == values);
        if !copy {
            parameters.add(name, &shape, values);
        }
    }
    Ok(parameters)
}

/// Parameters by name, each of which is used once.
struct ByName(HashMap<String, Arc<Vec<f32>>>);

impl ByName {
    /// Takes one, without a copy if nobody else has it.
    fn take(&mut self, name: &str) -> Vec<f32> {
        self.0.remove(name).map_or_else(Vec::new, Arc::unwrap_or_clone)
    }

    /// The matrices of a layer below each other.
    fn join(&mut self, layer: &str, kind: &str, matrices: &[&str]) -> Matrix {
        let mut joined = Vec::new();
        for matrix in matrices {
            joined.append(&mut self.take(&format!("{layer}.{kind}.{matrix}.weight")));
        }
        Matrix::new(joined)
    }
}

impl Weights {
    /// Those of `parameters`, which are as [`load`] and [`T5Network`](super::T5Network) have them.
    pub(super) fn new(parameters: Parameters, config: &T5Config) -> Self {
        let mut all =
            ByName(parameters.iter().map(|parameter| (parameter.name().to_owned(), parameter.shared())).collect());
        drop(parameters);
        Self {
            shared: Matrix::new(all.take(names::SHARED)),
            head: all.0.contains_key(names::HEAD).then(|| Matrix::new(all.take(names::HEAD))),
            encoder: StackWeights::new(&mut all, Stack::Encoder, config.num_layers, config),
            decoder: StackWeights::new(&mut all, Stack::Decoder, config.decoder_layers(), config),
        }
    }

    /// The matrix that logits are made with.
    pub(super) fn head(&self) -> &Matrix {
        self.head.as_ref().unwrap_or(&self.shared)
    }

    /// Changes all matrices, which are all but norms and what is added by distance; `change` is told the length of their rows.
    pub(super) fn each(&mut self, config: &T5Config, change: impl Fn(&mut Matrix, usize)) {
        let (d, inner) = (config.d_model, config.inner());
        change(&mut self.shared, d);
        self.head.iter_mut().for_each(|head| change(head, d));
        for block in self.encoder.blocks.iter_mut().chain(&mut self.decoder.blocks) {
            for attention in std::iter::once(&mut block.attention).chain(&mut block.cross) {
                change(&mut attention.query, d);
                change(&mut attention.key_value, d);
                change(&mut attention.output, inner);
            }
            change(&mut block.feed_forward.inner, d);
            change(&mut block.feed_forward.output, config.d_ff);
        }
    }
}

impl StackWeights {
    fn new(all: &mut ByName, stack: Stack, blocks: usize, config: &T5Config) -> Self {
        let block = |index: usize| -> Block {
            let layer = |at| names::layer(stack, index, at);
            let cross = (stack == Stack::Decoder).then(|| {
                let (layer, kind) = (layer(1), "EncDecAttention");
                Attention {
                    norm: all.take(&format!("{layer}.layer_norm.weight")),
                    query: all.join(&layer, kind, &["q"]),
                    key_value: all.join(&layer, kind, &["k", "v"]),
                    output: all.join(&layer, kind, &["o"]),
                }
            });
            let (own, last) = (layer(0), layer(1 + usize::from(cross.is_some())));
            Block {
                attention: Attention {
                    norm: all.take(&format!("{own}.layer_norm.weight")),
                    query: all.join(&own, "SelfAttention", &["q", "k", "v"]),
                    key_value: Matrix::new(Vec::new()),
                    output: all.join(&own, "SelfAttention", &["o"]),
                },
                cross,
                feed_forward: FeedForwardWeights {
                    norm: all.take(&format!("{last}.layer_norm.weight")),
                    inner: all.join(&last, "DenseReluDense", names::inner_names(config)),
                    output: all.join(&last, "DenseReluDense", &["wo"]),
                },
            }
        };
        let blocks = (0..blocks).map(block).collect();
        Self { blocks, bias: all.take(&names::bias(stack)), norm: all.take(&names::final_norm(stack)) }
    }
}

/// The files of a folder: one, or those that an index names.
fn open(folder: &Path) -> Result<TensorFiles, T5Error> {
    let mut files = TensorFiles::default();
    let is_used = |name: &str| !names::IGNORED.contains(&name);
    let whole = folder.join(WHOLE);
    if whole.exists() {
        files.add(&whole, is_used)?;
        return Ok(files);
    }
    let index = folder.join(INDEX);
    let text = std::fs::read_to_string(&index).map_err(|source| T5Error::Read { file: index.clone(), source })?;
    let malformed = |reason: String| T5Error::Malformed { file: index.clone(), reason };
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let map = serde_json::from_str::<Index>(&text).map_err(|error| malformed(error.to_string()))?.weight_map;
    for name in map.values().collect::<BTreeSet<_>>() {
        // A name is that of a file beside the index, and leads nowhere else.
        if Path::new(name).file_name().is_none_or(|file| file != name.as_str()) {
            return Err(malformed(format!("{name:?} is not the name of a file beside it")));
        }
        if !folder.join(name).exists() {
            let missing = vec![format!("{name}, which {INDEX} names")];
            return Err(T5Error::MissingFiles { folder: folder.into(), missing, hint: "" });
        }
        files.add(&folder.join(name), |tensor| is_used(tensor) && map.get(tensor) == Some(name))?;
    }
    Ok(files)
}

/// The numbers of the tensor `name`, as f32.
fn read(files: &mut TensorFiles, name: &str) -> Result<Vec<f32>, T5Error> {
    let dtype = files.get(name).map(|info| info.dtype);
    let (path, bytes) = files.read(name)?;
    let words = bytes.as_chunks::<2>().0.iter();
    let numbers: Vec<f32> = match dtype {
        Some(Dtype::F16) => words.map(|word| f16::from_le_bytes(*word).to_f32()).collect(),
        Some(Dtype::BF16) => words.map(|word| bf16::from_le_bytes(*word).to_f32()).collect(),
        _ => bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
    };
    match numbers.iter().find(|number| !number.is_finite()) {
        Some(wrong) => {
            let reason = format!("{name} holds {wrong}: the model broke when it was trained or saved");
            Err(T5Error::Malformed { file: path.into(), reason })
        }
        None => Ok(numbers),
    }
}
