//! A classifier in integers of 8 bits: measured on some samples, and judged on others.

use std::path::PathBuf;

use cartwheel_agents::quantization::{Calibration, LayerReport, Quantized, Scheme};
use serde::Serialize;
use serde_json::json;

use super::calibration::{OnSamples, SamplesPhase, SamplesSeen};
use super::labelled::Parts;
use super::saved::SavedModel;
use crate::run::RunDir;
use crate::supervised::classification::confusion::likeliest;
use crate::{Provenance, TrainError};

/// How a classifier is quantized.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizationOptions {
    /// Samples of one's own in the place of those of the run: what `fit --data` takes, or any folder of images.
    pub data: Option<PathBuf>,
    /// The most samples that ranges are measured on.
    pub calibration_samples: usize,
    /// Which integers activations become.
    pub scheme: Scheme,
    /// Whether samples of classes that the model does not know are refused.
    pub needs_classes: bool,
}

/// What a quantized classifier came to, by our own simulation of its integers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuantizationReport {
    /// Samples that ranges were measured on,
    pub calibration_samples: usize,
    /// and where they are.
    pub calibrated_on: String,
    /// Samples that both were asked about,
    pub judged_samples: u64,
    /// and where they are.
    pub judged_on: String,
    /// The share of them that is told right in f32, if their classes are known,
    pub accuracy_f32: Option<f64>,
    /// and in int8.
    pub accuracy_int8: Option<f64>,
    /// Why the classes are not known.
    pub without_classes: Option<String>,
    /// The share of which both tell the same class.
    pub agreement: f64,
    /// The cosine of the angle between both logits, the mean over samples.
    pub cosine: f64,
    /// Bytes of the ONNX file in f32,
    pub f32_bytes: usize,
    /// and in int8.
    pub int8_bytes: usize,
    /// Layer by layer.
    pub layers: Vec<LayerReport>,
    /// Files that gave no image, and why.
    pub broken: Vec<String>,
    /// What the file says that it was made from.
    pub provenance: Provenance,
}

impl SavedModel {
    /// The model as a file of ONNX in int8, and what that costs it. Ranges are measured on training samples of its `run`, as they
    /// are used (nothing is changed at random), or on those in `options.data`; it is judged on those to test or validate, and
    /// where there are none on those that it was not measured on.
    ///
    /// # Errors
    /// If there are no samples, they do not fit the model, or a layer makes of them what is not finite.
    pub fn quantize(
        &self,
        run: Option<&RunDir>,
        options: &QuantizationOptions,
        on_samples: OnSamples<'_>,
    ) -> Result<(Vec<u8>, QuantizationReport), TrainError> {
        let Parts { train, held_out, without_classes } = self.calibration(run, options.data.as_deref())?;
        if let (true, Some(reason)) = (options.needs_classes, &without_classes) {
            return Err(TrainError::Unfit(format!(
                "{reason}; --max-drop needs samples whose classes the model knows: give some by --data, or leave it out"
            )));
        }
        let mut order = train.in_order();
        let most = if held_out.is_some() { train.len() } else { train.len().div_ceil(2) };
        let rest = order.split_off(most.min(options.calibration_samples));
        // Of a single one there is no rest.
        let rest = if rest.is_empty() { order.clone() } else { rest };
        let (mut calibration, mut calibration_samples, mut broken) = (Calibration::new(self.plan()), 0, Vec::new());
        let (mut done, total) = (0, order.len());
        train.each(order, &mut |batch| {
            done += batch.classes.len() + batch.skipped.len();
            broken.extend(batch.skipped);
            calibration_samples += batch.classes.len();
            calibration.see(batch.x)?;
            on_samples(SamplesSeen { phase: SamplesPhase::Calibrating, done, total });
            Ok(())
        })?;
        let quantized = calibration.quantize(options.scheme)?;
        let (judged, indices) = match &held_out {
            Some(held_out) => (held_out, (0..held_out.len()).collect::<Vec<_>>()),
            None => (&train, rest),
        };
        let mut comparison = Comparison::default();
        let (mut done, total) = (0, indices.len());
        judged.each(indices, &mut |batch| {
            done += batch.classes.len() + batch.skipped.len();
            broken.extend(batch.skipped);
            comparison.see(self, &quantized, batch.x, &batch.classes)?;
            on_samples(SamplesSeen { phase: SamplesPhase::Judging, done, total });
            Ok(())
        })?;
        let symmetric = options.scheme == Scheme::Symmetric;
        let done = json!({"precision": "int8", "symmetric": symmetric, "calibration_samples": calibration_samples});
        let provenance = self.provenance_of("export", done)?;
        let bytes = quantized.to_onnx(&self.metadata(&provenance));
        let share = |count: u64| count as f64 / comparison.samples.max(1) as f64;
        let [f32, int8] = comparison.right.map(|right| without_classes.is_none().then(|| share(right)));
        let report = QuantizationReport {
            calibration_samples,
            calibrated_on: train.place(),
            judged_samples: comparison.samples,
            judged_on: judged.place(),
            accuracy_f32: f32,
            accuracy_int8: int8,
            without_classes,
            agreement: share(comparison.agreed),
            cosine: comparison.cosine / comparison.samples.max(1) as f64,
            f32_bytes: self.to_onnx(&self.provenance_of("export", json!({"precision": "f32"}))?).len(),
            int8_bytes: bytes.len(),
            layers: quantized.layers().to_vec(),
            broken,
            provenance,
        };
        Ok((bytes, report))
    }
}

/// Both networks, sample by sample.
#[derive(Default)]
struct Comparison {
    samples: u64,
    /// In f32, and in int8.
    right: [u64; 2],
    agreed: u64,
    cosine: f64,
}

impl Comparison {
    fn see(
        &mut self,
        model: &SavedModel,
        quantized: &Quantized,
        x: Vec<f32>,
        classes: &[u32],
    ) -> Result<(), TrainError> {
        let count = model.labels().len();
        let (f32, int8) = (model.logits(x.clone())?, quantized.logits(x));
        for ((class, f32), int8) in classes.iter().zip(f32.chunks_exact(count)).zip(int8.chunks_exact(count)) {
            let told = [f32, int8].map(likeliest);
            for (right, told) in self.right.iter_mut().zip(told) {
                *right += u64::from(told == *class as usize);
            }
            self.samples += 1;
            self.agreed += u64::from(told[0] == told[1]);
            self.cosine += cosine(f32, int8);
        }
        Ok(())
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (product(a, a) * product(b, b)).sqrt();
    // Of what has no direction.
    if lengths == 0.0 { f64::from(u8::from(a == b)) } else { product(a, b) / lengths }
}
