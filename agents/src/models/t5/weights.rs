//! A T5's numbers, from safetensors to matrices that lie as they are used.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::config::T5Config;
use super::error::T5Error;
use super::names::{self, Stack};
use crate::nn::Parameters;

/// The file that all weights are in.
pub(super) const WHOLE: &str = "model.safetensors";
/// The file that says which of several they are in.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// The matrices of an attention, each `[outputs, inputs]`.
pub(super) struct Attention {
    /// `[d_model]`: the norm before it.
    pub(super) norm: Vec<f32>,
    /// Queries: `[inner, d_model]`; with keys and values after them where all are of the same rows.
    pub(super) query: Vec<f32>,
    /// Keys, then values: `[2·inner, d_model]`. Empty where `query` holds them.
    pub(super) key_value: Vec<f32>,
    /// `[d_model, inner]`
    pub(super) output: Vec<f32>,
}

/// The matrices of a feed-forward layer.
pub(super) struct FeedForwardWeights {
    /// `[d_model]`: the norm before it.
    pub(super) norm: Vec<f32>,
    /// `[d_ff, d_model]`, or, gated, `wi_0` and then `wi_1`: `[2·d_ff, d_model]`.
    pub(super) inner: Vec<f32>,
    /// `[d_model, d_ff]`
    pub(super) output: Vec<f32>,
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
    pub(super) shared: Vec<f32>,
    /// `[vocab, d_model]`, where it is not `shared`.
    pub(super) head: Option<Vec<f32>>,
    pub(super) encoder: StackWeights,
    pub(super) decoder: StackWeights,
}

/// Reads the tensors of the safetensors files in `folder`, one or those that an index names: what [`names::tensors`] lists, with
/// a head only where it is not the embedding. f16 and bf16 are widened to f32.
///
/// # Errors
/// If a file cannot be read or is cut off, or the tensors are not those of `config`: which, with the nearest names.
pub(super) fn load(folder: &Path, config: &T5Config) -> Result<Parameters, T5Error> {
    let mut files = Files::open(folder)?;
    files.check(folder, config)?;
    let mut parameters = Parameters::default();
    for (name, shape) in names::tensors(config) {
        if files.tensors.contains_key(&name) {
            let values = files.read(&name)?;
            let copy = name == names::HEAD && parameters.named(names::SHARED).is_some_and(|p| p.values() == values);
            if !copy {
                parameters.add(name, &shape, values);
            }
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
    fn join(&mut self, layer: &str, kind: &str, matrices: &[&str]) -> Vec<f32> {
        let mut joined = Vec::new();
        for matrix in matrices {
            joined.append(&mut self.take(&format!("{layer}.{kind}.{matrix}.weight")));
        }
        joined
    }
}

impl Weights {
    /// Those of `parameters`, which are as [`load`] and [`T5Network`](super::T5Network) have them.
    pub(super) fn new(parameters: Parameters, config: &T5Config) -> Self {
        let mut all =
            ByName(parameters.iter().map(|parameter| (parameter.name().to_owned(), parameter.shared())).collect());
        drop(parameters);
        Self {
            shared: all.take(names::SHARED),
            head: all.0.contains_key(names::HEAD).then(|| all.take(names::HEAD)),
            encoder: StackWeights::new(&mut all, Stack::Encoder, config.num_layers, config),
            decoder: StackWeights::new(&mut all, Stack::Decoder, config.decoder_layers(), config),
        }
    }

    /// The matrix that logits are made with.
    pub(super) fn head(&self) -> &[f32] {
        self.head.as_ref().unwrap_or(&self.shared)
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
                    key_value: Vec::new(),
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

/// Safetensors files of which only the headers are in memory.
struct Files {
    /// Each file, and where its numbers begin.
    open: Vec<(PathBuf, File, u64)>,
    /// By name: the number of its file, and what its header says.
    tensors: BTreeMap<String, (usize, TensorInfo)>,
}

impl Files {
    fn open(folder: &Path) -> Result<Self, T5Error> {
        let mut files = Self { open: Vec::new(), tensors: BTreeMap::new() };
        let whole = folder.join(WHOLE);
        if whole.exists() {
            files.add(whole, None)?;
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
            files.add(folder.join(name), Some(&|tensor| map.get(tensor) == Some(name)))?;
        }
        Ok(files)
    }

    /// Reads the header of `path` and takes the tensors that are `wanted` from it.
    fn add(&mut self, path: PathBuf, wanted: Option<&dyn Fn(&str) -> bool>) -> Result<(), T5Error> {
        let read = |source| T5Error::Read { file: path.clone(), source };
        let cut = |reason: &dyn std::fmt::Display| T5Error::Malformed {
            file: path.clone(),
            reason: format!("no whole safetensors file ({reason}): it was cut off or is something else"),
        };
        let mut file = File::open(&path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(|error| cut(&error))?;
        let size = u64::from_le_bytes(size);
        if size > length {
            return Err(cut(&"its header is longer than the file"));
        }
        let mut header = Vec::new();
        (&mut file).take(size).read_to_end(&mut header).map_err(read)?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| cut(&error))?;
        let (found, expected) = (length - 8 - size.min(length - 8), metadata.data_len() as u64);
        if found != expected {
            return Err(cut(&format!("{found} bytes of numbers where its header says {expected}")));
        }
        for (name, info) in metadata.tensors().into_iter().collect::<BTreeMap<_, _>>() {
            if wanted.is_none_or(|wanted| wanted(&name)) {
                self.tensors.insert(name, (self.open.len(), info.clone()));
            }
        }
        self.open.push((path, file, 8 + size));
        Ok(())
    }

    /// Compares what is there with what the configuration asks for.
    fn check(&self, folder: &Path, config: &T5Config) -> Result<(), T5Error> {
        let expected: BTreeMap<_, _> = names::tensors(config).into_iter().collect();
        let known = |name: &&String| expected.contains_key(*name) || names::IGNORED.contains(&name.as_str());
        let unexpected: Vec<&String> = self.tensors.keys().filter(|name| !known(name)).collect();
        let mut problems = Vec::new();
        for (name, shape) in &expected {
            match self.tensors.get(name) {
                // Without a head of its own, the embedding is the head.
                None if name == names::HEAD => {}
                None => {
                    let near = nearest(name, &unexpected).map(|near| format!(", the nearest name is {near}"));
                    problems.push(format!("  {name} is missing: {shape:?}{}", near.unwrap_or_default()));
                }
                Some((_, info)) if info.shape != *shape => {
                    problems.push(format!("  {name} has shape {:?} where config.json means {shape:?}", info.shape));
                }
                Some((_, info)) if !matches!(info.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) => {
                    problems.push(format!("  {name} holds {:?}: f32, f16 and bf16 can be read", info.dtype));
                }
                Some(_) => {}
            }
        }
        problems
            .extend(unexpected.iter().map(|name| format!("  {name} is there, and config.json has no place for it")));
        if problems.is_empty() {
            return Ok(());
        }
        const SHOWN: usize = 12;
        if problems.len() > SHOWN {
            let more = problems.len() - SHOWN;
            problems.truncate(SHOWN);
            problems.push(format!("  and {more} more"));
        }
        Err(T5Error::Tensors { folder: folder.into(), problems })
    }

    /// The numbers of the tensor `name`, which `check` found.
    fn read(&mut self, name: &str) -> Result<Vec<f32>, T5Error> {
        let (file, info) = &self.tensors[name];
        let (path, file, start) = &mut self.open[*file];
        let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
        file.seek(SeekFrom::Start(*start + info.data_offsets.0 as u64))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|source| T5Error::Read { file: path.clone(), source })?;
        let words = bytes.as_chunks::<2>().0.iter();
        let numbers: Vec<f32> = match info.dtype {
            Dtype::F16 => words.map(|word| f16::from_le_bytes(*word).to_f32()).collect(),
            Dtype::BF16 => words.map(|word| bf16::from_le_bytes(*word).to_f32()).collect(),
            _ => bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
        };
        match numbers.iter().find(|number| !number.is_finite()) {
            Some(wrong) => {
                let reason = format!("{name} holds {wrong}: the model broke when it was trained or saved");
                Err(T5Error::Malformed { file: path.clone(), reason })
            }
            None => Ok(numbers),
        }
    }
}

/// The most similar of `names`.
fn nearest<'a>(name: &str, names: &[&'a String]) -> Option<&'a String> {
    let similarity = |other: &&&'a String| strsim::normalized_levenshtein(name, other);
    let near = names.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(&near) > 0.7).then_some(near)
}
