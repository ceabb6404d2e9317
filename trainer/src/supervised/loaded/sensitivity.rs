//! `cartwheel compress --sensitivity`: what each layer of a classifier loses when it alone is compressed.

use std::path::Path;

use cartwheel_agents::compression::{low_rank, prune_one, rank_of};
use cartwheel_agents::nn::{Matrix, Parameters, product};
use serde::Serialize;

use super::calibration::{OnSamples, SamplesPhase, SamplesSeen};
use super::compress::{layers, sides};
use super::labelled::Parts;
use super::saved::SavedModel;
use crate::TrainError;
use crate::supervised::classification::confusion::Counts;

/// How layers are compressed, one at a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scan {
    /// Shares of a layer's weights that become 0, each above 0 and below 1.
    pub sparsities: Vec<f64>,
    /// Shares of a layer's full rank, each above 0 and below 1.
    pub low_ranks: Vec<f64>,
}

impl Default for Scan {
    fn default() -> Self {
        Self { sparsities: vec![0.5, 0.75, 0.9], low_ranks: vec![0.5, 0.25, 0.1] }
    }
}

/// How the model does with one layer compressed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerSensitivity {
    /// The layer's name.
    pub name: String,
    /// Its weights.
    pub weights: u64,
    /// The accuracy at each of [`Scan::sparsities`].
    pub pruned: Vec<f64>,
    /// The accuracy at each of [`Scan::low_ranks`]; none where two matrices would be no smaller than the layer, and for the last
    /// layer, which `compress` leaves as it is.
    pub factorized: Vec<Option<f64>>,
}

/// What each layer loses when it alone is compressed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SensitivityReport {
    /// The file of the model's weights, for people to read.
    pub model: String,
    /// The accuracy of the model as it is.
    pub accuracy: f64,
    /// Samples that it was measured on, and where they are from.
    pub samples: u64,
    /// See [`Self::samples`].
    pub data: String,
    /// How layers were compressed.
    #[serde(flatten)]
    pub scan: Scan,
    /// In the model's order.
    pub layers: Vec<LayerSensitivity>,
    /// Files of samples that gave no image, and why.
    pub broken: Vec<String>,
}

/// Compresses each layer of the classifier `model`, a run (its best weights) or a file of weights, by itself in all ways of `scan`,
/// and measures each time how the model does on the samples in `data`, as `cartwheel eval` does. Nothing is written.
///
/// # Errors
/// If there is no such model, or the samples do not fit it.
pub fn sensitivity(
    model: &Path,
    labels: Option<&Path>,
    scan: Scan,
    data: &Path,
    on_samples: OnSamples<'_>,
) -> Result<SensitivityReport, TrainError> {
    let mut model = SavedModel::open(model, labels)?;
    model.check_finite()?;
    let Parts { train, held_out, .. } = model.pictures(data, 0.0)?;
    let pictures = held_out.unwrap_or(train);
    let names: Vec<String> = layers(model.model.parameters()).map(|(name, _)| name.to_owned()).collect();
    let (samples, total) = (pictures.len(), (names.len() + 1) * pictures.len());
    let mut done = 0;
    // With each of `variants` in the place of the layer's weights.
    let mut accuracies = |model: &mut SavedModel, layer: &str, variants: &[Vec<f32>]| {
        let mut counts: Vec<_> = variants.iter().map(|_| Counts::new(model.labels().len())).collect();
        let mut broken = Vec::new();
        pictures.each((0..samples).collect(), &mut |batch| {
            done += batch.classes.len() + batch.skipped.len();
            broken.extend(batch.skipped);
            for (weights, counts) in variants.iter().zip(&mut counts) {
                put(model.model.parameters_mut(), layer, weights);
                let logits = model.logits(batch.x.clone())?;
                for (class, logits) in batch.classes.iter().zip(logits.chunks_exact(model.labels().len())) {
                    counts.see(*class as usize, logits);
                }
            }
            on_samples(SamplesSeen { phase: SamplesPhase::Scanning, done, total });
            Ok(())
        })?;
        let accuracy = |counts: Counts| counts.report(pictures.root.clone(), model.labels()).accuracy;
        Ok::<_, TrainError>((counts.into_iter().map(accuracy).collect::<Vec<_>>(), broken))
    };
    let own = |model: &SavedModel, layer: &str| {
        let weight = model.model.parameters().named(&format!("{layer}.weight"));
        weight.map(|weight| weight.values().to_vec()).unwrap_or_default()
    };
    let Some(first) = names.first() else {
        return Err(TrainError::Unfit(format!("{} has no layer that can be compressed", model.file().display())));
    };
    let as_it_is = [own(&model, first)];
    let (accuracy, broken) = accuracies(&mut model, first, &as_it_is)?;
    let mut scanned = Vec::with_capacity(names.len());
    for name in &names {
        let weights = own(&model, name);
        let pruned: Vec<_> = scan.sparsities.iter().map(|share| model.pruned(name, &weights, *share)).collect();
        put(model.model.parameters_mut(), name, &weights);
        let factorized: Vec<_> = scan.low_ranks.iter().map(|share| model.factorized(name, *share)).collect();
        let variants: Vec<_> = pruned.iter().chain(factorized.iter().flatten()).cloned().collect();
        let (accuracies, _) = accuracies(&mut model, name, &variants)?;
        put(model.model.parameters_mut(), name, &weights);
        let mut accuracies = accuracies.into_iter();
        scanned.push(LayerSensitivity {
            name: name.clone(),
            weights: weights.len() as u64,
            pruned: accuracies.by_ref().take(pruned.len()).collect(),
            factorized: factorized.iter().map(|weights| weights.as_ref().and_then(|_| accuracies.next())).collect(),
        });
    }
    Ok(SensitivityReport {
        model: model.file().display().to_string(),
        accuracy: accuracy[0],
        samples: (samples - broken.len()) as u64,
        data: pictures.root.clone(),
        scan,
        layers: scanned,
        broken,
    })
}

/// Gives a layer these weights.
fn put(parameters: &mut Parameters, layer: &str, weights: &[f32]) {
    let name = format!("{layer}.weight");
    if let Some(weight) = parameters.iter_mut().find(|parameter| parameter.name() == name) {
        weight.values_mut().copy_from_slice(weights);
    }
}

impl SavedModel {
    /// The `weights` of a layer, pruned; the model has them then.
    fn pruned(&mut self, layer: &str, weights: &[f32], sparsity: f64) -> Vec<f32> {
        let (parameters, name) = (self.model.parameters_mut(), format!("{layer}.weight"));
        put(parameters, layer, weights);
        let id = parameters.ids().find(|id| parameters.get(*id).name() == name).expect("a layer of the model");
        prune_one(parameters, id, sparsity);
        parameters.get(id).values().to_vec()
    }

    /// The weights of a layer at a lower rank, as one matrix, where `compress` would lower it.
    fn factorized(&self, layer: &str, ratio: f64) -> Option<Vec<f32>> {
        let weight = self.model.parameters().named(&format!("{layer}.weight")).expect("a layer of the model");
        let (rows, columns) = sides(weight);
        let rank = rank_of(rows, columns, ratio).filter(|_| layer != self.header.last_layer())?;
        let factors = low_rank(weight.values(), rows, columns, rank);
        let mut whole = vec![0.0; rows * columns];
        let second = Matrix::new(&factors.second, rows, rank);
        product(second, Matrix::new(&factors.first, rank, columns), &mut whole, false);
        Some(whole)
    }
}
