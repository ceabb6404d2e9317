//! `cartwheel compress`: a classifier made smaller, as it stands.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use cartwheel_agents::compression::{LowRank, Scope, is_prunable, low_rank, prune, rank_of};
use cartwheel_agents::models::Ranks;
use cartwheel_agents::nn::{Matrix, Parameter, Parameters, product};
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::json;

use super::saved::SavedModel;
use crate::{Provenance, TrainError};

/// What is done to a model, in this order: a product of two matrices would have fewer zeros than they have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compression {
    /// Layers become products of two that have this share of a full rank, above 0 and below 1. A layer stays as it is where the two
    /// would be no smaller, and the last one does: of a rank below the number of classes it could not tell them all apart.
    pub low_rank: Option<f64>,
    /// This share of weights becomes 0, above 0 and below 1.
    pub sparsity: Option<f64>,
    /// Among which weights the smallest are looked for.
    pub scope: Scope,
}

/// What became of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompressedLayer {
    /// Its name.
    pub name: String,
    /// Weights that it had.
    pub weights: u64,
    /// Its rank, if it is a product of two now.
    pub rank: Option<u64>,
    /// Weights that it has.
    pub left: u64,
    /// How many of these are 0.
    pub zeros: u64,
    /// The Frobenius norm of what it lost, as a share of its own.
    pub error: f64,
}

/// What became of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompressionReport {
    /// The file of the weights that were compressed, for people to read.
    pub model: String,
    /// Which model they are of.
    pub architecture: String,
    /// Units of its hidden layers, of a multilayer perceptron.
    pub net_arch: Vec<usize>,
    /// Layers with weights.
    pub layers: Vec<CompressedLayer>,
    /// Numbers that are learnt, before and after.
    pub parameters: [u64; 2],
    /// Bytes of the file, before and after.
    pub bytes: [u64; 2],
    /// The same packed by gzip, which zeros gain by.
    pub gzip_bytes: [u64; 2],
    /// The share of samples that come out right, before and after, where samples were given.
    pub accuracy: Option<[f64; 2]>,
    /// Files of samples that gave no image, and why.
    pub broken: Vec<String>,
    /// What the file says that it was made from.
    pub provenance: Provenance,
}

/// A model that was compressed, and what became of it.
pub struct Compressed {
    /// A file of safetensors, which all that takes a fitted model's does take.
    pub file: Vec<u8>,
    /// What became of it.
    pub report: CompressionReport,
}

/// Compresses the classifier `model`, a run (its best weights) or a file of weights, and judges it before and after on the samples
/// in `data`, as `cartwheel eval` does, if there are any. Classes may have other names with `labels`, a file with one a line.
///
/// # Errors
/// If there is no such model, or the samples do not fit it.
pub fn compress(
    model: &Path,
    labels: Option<&Path>,
    compression: &Compression,
    data: Option<&Path>,
) -> Result<Compressed, TrainError> {
    let before = SavedModel::open(model, labels)?;
    before.check_finite()?;
    let mut after = SavedModel::open(model, labels)?;
    if let Some(ratio) = compression.low_rank {
        after.factorize(ratio)?;
    }
    if let Some(sparsity) = compression.sparsity {
        prune(after.model.parameters_mut(), sparsity, compression.scope);
    }
    let done = json!({
        "low_rank": compression.low_rank, "ranks": compression.low_rank.map(|_| &after.header.ranks),
        "sparsity": compression.sparsity, "scope": compression.sparsity.map(|_| compression.scope.to_string()),
    });
    after.header.provenance = before.provenance_of("compress", done)?;
    let both = [&before, &after];
    let files = both.map(SavedModel::to_safetensors);
    let (accuracy, broken) = match data {
        Some(data) => {
            let [(before, broken), (after, _)] = [before.evaluate(data)?, after.evaluate(data)?];
            (Some([before.accuracy, after.accuracy]), broken)
        }
        None => (None, Vec::new()),
    };
    let report = CompressionReport {
        model: before.file().display().to_string(),
        architecture: before.header.model.clone(),
        net_arch: before.header.net_arch.clone(),
        layers: compared(&before, &after),
        parameters: both.map(|model| model.model.parameters().count() as u64),
        bytes: [&files[0], &files[1]].map(|file| file.len() as u64),
        gzip_bytes: [&files[0], &files[1]].map(|file| packed(file)),
        accuracy,
        broken,
        provenance: after.provenance().clone(),
    };
    let [_, file] = files;
    Ok(Compressed { file, report })
}

impl SavedModel {
    /// Makes layers products of two.
    fn factorize(&mut self, ratio: f64) -> Result<(), TrainError> {
        let unfit = |problem: String| TrainError::Unfit(format!("{} {problem}", self.file().display()));
        if !self.header.ranks.is_empty() {
            return Err(unfit("has layers of a low rank already: compress the model that it was made of".into()));
        }
        let parameters = self.model.parameters();
        let own = |parameter: &Parameter| (parameter.name().to_owned(), parameter.shared());
        let mut values: HashMap<String, Arc<Vec<f32>>> = parameters.iter().map(own).collect();
        let (mut ranks, last) = (Ranks::new(), self.header.last_layer());
        for (name, weight) in layers(parameters).filter(|(name, _)| *name != last) {
            let (rows, columns) = sides(weight);
            let Some(rank) = rank_of(rows, columns, ratio) else { continue };
            let LowRank { first, second } = low_rank(weight.values(), rows, columns, rank);
            values.insert(format!("{name}.0.weight"), first.into());
            values.insert(format!("{name}.1.weight"), second.into());
            if let Some(bias) = values.remove(&format!("{name}.bias")) {
                values.insert(format!("{name}.1.bias"), bias);
            }
            ranks.insert(name.to_owned(), rank);
        }
        if ranks.is_empty() {
            return Err(unfit(format!("has no layer that would be smaller as two with the share {ratio} of its rank")));
        }
        self.header.ranks = ranks;
        self.model = self.header.model(self.channels()).expect("it is of a model that is known");
        for parameter in self.model.parameters_mut().iter_mut() {
            let values = values.get(parameter.name()).expect("each tensor is an old one or a factor");
            parameter.values_mut().copy_from_slice(values);
        }
        Ok(())
    }

    /// Its file, as it is now.
    fn to_safetensors(&self) -> Vec<u8> {
        self.model.parameters().to_safetensors(self.header.to_metadata())
    }
}

/// Names and weights of layers that can be made smaller.
pub(super) fn layers(parameters: &Parameters) -> impl Iterator<Item = (&str, &Parameter)> {
    let weights = parameters.iter().filter(|parameter| is_prunable(parameter));
    weights.filter_map(|weight| Some((weight.name().strip_suffix(".weight")?, weight)))
}

/// Rows and columns of a weight as a matrix: a convolution's outputs, and all that each of them reads.
pub(super) fn sides(weight: &Parameter) -> (usize, usize) {
    let rows = weight.shape()[0];
    (rows, weight.len() / rows)
}

/// What became of each layer.
fn compared(before: &SavedModel, after: &SavedModel) -> Vec<CompressedLayer> {
    let named = |name: String| after.model.parameters().named(&name);
    let of = |(name, old): (&str, &Parameter)| {
        let (rows, columns) = sides(old);
        let rank = after.header.ranks.get(name).filter(|_| named(format!("{name}.weight")).is_none()).copied();
        let parts: Vec<&Parameter> = match rank {
            None => named(format!("{name}.weight")).into_iter().collect(),
            Some(_) => [0, 1].iter().filter_map(|part| named(format!("{name}.{part}.weight"))).collect(),
        };
        let now = match (rank, parts.as_slice()) {
            (Some(rank), [first, second]) => {
                let mut whole = vec![0.0; rows * columns];
                let [second, first] = [(second, rows, rank), (first, rank, columns)]
                    .map(|(part, rows, columns)| Matrix::new(part.values(), rows, columns));
                product(second, first, &mut whole, false);
                whole
            }
            _ => parts.iter().flat_map(|part| part.values().iter().copied()).collect(),
        };
        let square = |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x) * f64::from(x)).sum::<f64>();
        let lost = square(&mut old.values().iter().zip(&now).map(|(old, now)| old - now));
        let zeros = parts.iter().flat_map(|part| part.values()).filter(|weight| **weight == 0.0).count();
        CompressedLayer {
            name: name.to_owned(),
            weights: old.len() as u64,
            rank: rank.map(|rank| rank as u64),
            left: parts.iter().map(|part| part.len() as u64).sum(),
            zeros: zeros as u64,
            error: (lost / square(&mut old.values().iter().copied()).max(f64::MIN_POSITIVE)).sqrt(),
        }
    };
    layers(before.model.parameters()).map(of).collect()
}

/// Bytes of `file` packed by gzip.
fn packed(file: &[u8]) -> u64 {
    let mut counted = Counted(0);
    let mut packer = GzEncoder::new(&mut counted, flate2::Compression::default());
    packer.write_all(file).and_then(|()| packer.try_finish()).expect("counting does not fail");
    drop(packer);
    counted.0
}

/// Counts what is written to it.
struct Counted(u64);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
