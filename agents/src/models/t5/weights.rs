//! A T5's numbers, from safetensors to matrices that lie as they are used.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use half::{bf16, f16};
use safetensors::Dtype;

use super::config::T5Config;
use super::error::T5Error;
use super::matrix::{Matrix, Precision};
use super::names::{self, Stack, Tensors};
use crate::nn::{Parameters, TensorFiles, Wanted};

/// The file that all weights are in.
pub(super) const WHOLE: &str = "model.safetensors";
/// The file that says which of several they are in.
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// Bytes of a file that are read at once, or some more for whole rows.
const AT_ONCE: usize = 1 << 20;

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
    let (mut files, tensors) = checked(folder, config)?;
    let mut parameters = Parameters::default();
    for (name, shape) in tensors {
        let mut values = Vec::with_capacity(shape.iter().product());
        files.rows(&name, 1, &mut |numbers| values.extend_from_slice(numbers))?;
        let copy = name == names::HEAD && parameters.named(names::SHARED).is_some_and(|p| p.values() == values);
        if !copy {
            parameters.add(name, &shape, values);
        }
    }
    Ok(parameters)
}

/// The files of `folder`, and the tensors of `config` that are read from them: with a head only where there is one.
fn checked(folder: &Path, config: &T5Config) -> Result<(TensorFiles, Tensors), T5Error> {
    let files = open(folder)?;
    let mut tensors = names::tensors(config);
    // Without a head of its own, the embedding is the head.
    tensors.retain(|(name, _)| name != names::HEAD || files.get(name).is_some());
    let dtypes = &[Dtype::F32, Dtype::F16, Dtype::BF16];
    let own: Vec<_> = tensors.iter().map(|(name, shape)| Wanted { name, shape, dtypes }).collect();
    let differ = files.compare(&own);
    if !differ.is_empty() {
        return Err(T5Error::Tensors { folder: folder.into(), tensors: differ });
    }
    Ok((files, tensors))
}

/// Where numbers come from, each of which is asked for once.
trait Source {
    type Error;

    /// Whether there is a tensor of this name.
    fn has(&self, name: &str) -> bool;

    /// Shows `see` the numbers of the tensor `name`, some rows of `k` numbers at a time.
    fn rows(&mut self, name: &str, k: usize, see: &mut dyn FnMut(&[f32])) -> Result<(), Self::Error>;
}

/// Parameters by their names.
struct ByName(HashMap<String, Arc<Vec<f32>>>);

impl Source for ByName {
    type Error = Infallible;

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn rows(&mut self, name: &str, _: usize, see: &mut dyn FnMut(&[f32])) -> Result<(), Infallible> {
        if let Some(numbers) = self.0.remove(name) {
            see(&numbers);
        }
        Ok(())
    }
}

impl Source for TensorFiles {
    type Error = T5Error;

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn rows(&mut self, name: &str, k: usize, see: &mut dyn FnMut(&[f32])) -> Result<(), T5Error> {
        let dtype = self.get(name).map(|info| info.dtype);
        let a_row = k * if dtype == Some(Dtype::F32) { 4 } else { 2 };
        let mut numbers: Vec<f32> = Vec::new();
        self.read_in_pieces(name, AT_ONCE.next_multiple_of(a_row), |path, bytes| {
            let words = bytes.as_chunks::<2>().0.iter();
            numbers.clear();
            match dtype {
                Some(Dtype::F16) => numbers.extend(words.map(|word| f16::from_le_bytes(*word).to_f32())),
                Some(Dtype::BF16) => numbers.extend(words.map(|word| bf16::from_le_bytes(*word).to_f32())),
                _ => numbers.extend(bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word))),
            }
            if let Some(wrong) = numbers.iter().find(|number| !number.is_finite()) {
                let reason = format!("{name} holds {wrong}: the model broke when it was trained or saved");
                return Err(T5Error::Malformed { file: path.into(), reason });
            }
            see(&numbers);
            Ok(())
        })
    }
}

/// Makes matrices and vectors of what a source has.
struct Maker<'c, S> {
    from: S,
    config: &'c T5Config,
    precision: Precision,
}

impl<S: Source> Maker<'_, S> {
    /// Tensors below each other, with rows of `k` numbers and so many in all.
    fn matrix(&mut self, names: &[String], k: usize, rows: usize) -> Result<Matrix, S::Error> {
        let mut matrix = Matrix::with_room(self.precision, rows * k);
        for name in names {
            self.from.rows(name, k, &mut |rows| matrix.push(rows, k))?;
        }
        Ok(matrix)
    }

    /// `parts` of the layer called `layer`, each with so many rows.
    fn join(&mut self, layer: &str, parts: &[&str], [rows, k]: [usize; 2]) -> Result<Matrix, S::Error> {
        let names: Vec<_> = parts.iter().map(|part| format!("{layer}.{part}.weight")).collect();
        self.matrix(&names, k, rows * parts.len())
    }

    fn vector(&mut self, name: &str) -> Result<Vec<f32>, S::Error> {
        let mut numbers = Vec::new();
        self.from.rows(name, 1, &mut |part| numbers.extend_from_slice(part))?;
        Ok(numbers)
    }

    fn weights(&mut self) -> Result<Weights, S::Error> {
        let (d, vocabulary, config) = (self.config.d_model, self.config.vocab_size, self.config);
        let shared = self.matrix(&[names::SHARED.into()], d, vocabulary)?;
        let mut head = None;
        if self.from.has(names::HEAD) {
            head = Some(self.matrix(&[names::HEAD.into()], d, vocabulary)?).filter(|head| *head != shared);
        }
        let encoder = self.stack(Stack::Encoder, config.num_layers)?;
        let decoder = self.stack(Stack::Decoder, config.decoder_layers())?;
        Ok(Weights { shared, head, encoder, decoder })
    }

    fn stack(&mut self, stack: Stack, blocks: usize) -> Result<StackWeights, S::Error> {
        let blocks = (0..blocks).map(|index| self.block(stack, index)).collect::<Result<_, _>>()?;
        Ok(StackWeights {
            blocks,
            bias: self.vector(&names::bias(stack))?,
            norm: self.vector(&names::final_norm(stack))?,
        })
    }

    fn block(&mut self, stack: Stack, index: usize) -> Result<Block, S::Error> {
        let (d, d_ff, inner) = (self.config.d_model, self.config.d_ff, self.config.inner());
        let norm = |layer: &str| format!("{layer}.layer_norm.weight");
        let layer = names::layer(stack, index, 0);
        let of = format!("{layer}.SelfAttention");
        let attention = Attention {
            norm: self.vector(&norm(&layer))?,
            query: self.join(&of, &["q", "k", "v"], [inner, d])?,
            key_value: Matrix::with_room(self.precision, 0),
            output: self.join(&of, &["o"], [d, inner])?,
        };
        let (mut cross, mut last) = (None, names::layer(stack, index, 1));
        if stack == Stack::Decoder {
            let of = format!("{last}.EncDecAttention");
            cross = Some(Attention {
                norm: self.vector(&norm(&last))?,
                query: self.join(&of, &["q"], [inner, d])?,
                key_value: self.join(&of, &["k", "v"], [inner, d])?,
                output: self.join(&of, &["o"], [d, inner])?,
            });
            last = names::layer(stack, index, 2);
        }
        let of = format!("{last}.DenseReluDense");
        let feed_forward = FeedForwardWeights {
            norm: self.vector(&norm(&last))?,
            inner: self.join(&of, names::inner_names(self.config), [d_ff, d])?,
            output: self.join(&of, &["wo"], [d, d_ff])?,
        };
        Ok(Block { attention, cross, feed_forward })
    }
}

impl Weights {
    /// Those of `parameters`, which are as [`load`] and [`T5Network`](super::T5Network) have them.
    pub(super) fn new(parameters: Parameters, config: &T5Config) -> Self {
        let by_name = parameters.iter().map(|parameter| (parameter.name().to_owned(), parameter.shared())).collect();
        drop(parameters);
        let Ok(weights) = Maker { from: ByName(by_name), config, precision: Precision::F32 }.weights();
        weights
    }

    /// Those of the files in `folder`. They are rounded as they are read: what takes memory is what becomes of them.
    ///
    /// # Errors
    /// As [`load`].
    pub(super) fn load(folder: &Path, config: &T5Config, precision: Precision) -> Result<Self, T5Error> {
        let (from, _) = checked(folder, config)?;
        Maker { from, config, precision }.weights()
    }

    /// The matrix that logits are made with.
    pub(super) fn head(&self) -> &Matrix {
        self.head.as_ref().unwrap_or(&self.shared)
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
