//! A classifier in integers of 8 bits: measured on some samples, and judged on others.

use std::path::PathBuf;

use cartwheel_agents::quantization::{Calibration, LayerReport, Quantized, Scheme};
use serde::Serialize;
use serde_json::json;

use super::confusion::likeliest;
use super::labelled::{Labelled, Parts};
use super::saved::SavedModel;
use super::settings::FitSettings;
use super::task::Part;
use crate::data::loader::shuffled;
use crate::run::RunDir;
use crate::{Provenance, TrainError};

/// The seed of the order that samples to calibrate on are the first of.
const SEED: u64 = 0;

/// How a classifier is quantized.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizationOptions {
    /// Samples of one's own in the place of those of the run: what `fit --data` takes, or any folder of pictures.
    pub data: Option<PathBuf>,
    /// The most samples that ranges are measured on.
    pub calibration_samples: usize,
    /// Which integers activations become.
    pub scheme: Scheme,
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
    /// Files that gave no picture, and why.
    pub broken: Vec<String>,
    /// What the file says that it was made from.
    pub provenance: Provenance,
}

/// Samples to measure, and others to judge on.
struct Samples {
    parts: Parts,
    /// Why their classes are not known.
    without_classes: Option<String>,
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
    ) -> Result<(Vec<u8>, QuantizationReport), TrainError> {
        let Samples { parts: Parts { train, held_out }, without_classes } = self.samples(run, options)?;
        let mut order = shuffled(train.len(), SEED, 0);
        let most = if held_out.is_some() { train.len() } else { train.len().div_ceil(2) };
        let rest = order.split_off(most.min(options.calibration_samples));
        // Of a single one there is no rest.
        let rest = if rest.is_empty() { order.clone() } else { rest };
        let (mut calibration, mut calibration_samples, mut broken) = (Calibration::new(self.plan()), 0, Vec::new());
        train.each(order, &mut |batch| {
            broken.extend(batch.skipped);
            calibration_samples += batch.classes.len();
            Ok(calibration.see(batch.x)?)
        })?;
        let quantized = calibration.quantize(options.scheme)?;
        let (judged, indices) = match &held_out {
            Some(held_out) => (held_out, (0..held_out.len()).collect()),
            None => (&train, rest),
        };
        let mut comparison = Comparison::default();
        judged.each(indices, &mut |batch| {
            broken.extend(batch.skipped);
            comparison.see(self, &quantized, batch.x, &batch.classes)
        })?;
        let symmetric = options.scheme == Scheme::Symmetric;
        let done = json!({"precision": "int8", "symmetric": symmetric, "calibration_samples": calibration_samples});
        let provenance = self.provenance_of("export", done)?;
        let bytes = quantized.to_onnx(&self.metadata(&provenance));
        let share = |count: u64| count as f64 / comparison.samples.max(1) as f64;
        let [f32, int8] = comparison.right.map(|right| without_classes.is_none().then(|| share(right)));
        let report = QuantizationReport {
            calibration_samples,
            calibrated_on: place(&train),
            judged_samples: comparison.samples,
            judged_on: place(judged),
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

    fn samples(&self, run: Option<&RunDir>, options: &QuantizationOptions) -> Result<Samples, TrainError> {
        if let Some(data) = &options.data {
            return match (self.pictures(data, 0.0), &self.pipeline) {
                (Ok(parts), _) => Ok(Samples { parts, without_classes: None }),
                // Ranges can be measured on pictures of anything.
                (Err(TrainError::Unfit(reason)), Some(pipeline)) => {
                    let parts = Parts { train: self.unlabelled(pipeline, data)?, held_out: None };
                    Ok(Samples { parts, without_classes: Some(reason) })
                }
                (Err(error), _) => Err(error),
            };
        }
        let Some(run) = run else {
            let such = if self.pipeline.is_some() { "a folder of pictures" } else { "a folder of MNIST's format" };
            return Err(TrainError::Unfit(format!(
                "{} does not say what it was trained on, and int8 is calibrated on samples: name some by --data PATH, such as \
                 {such}",
                self.file().display()
            )));
        };
        let settings = FitSettings::from_file(&run.config())?;
        let parts = self.pictures(settings.data_path().as_ref(), settings.data.validation_split).map_err(|error| {
            TrainError::Unfit(format!("{error}; the run was trained on that: name other samples by --data PATH"))
        })?;
        Ok(Samples { parts, without_classes: None })
    }
}

fn place(samples: &Labelled) -> String {
    match samples.part {
        Part::Train => samples.root.clone(),
        Part::Validation => format!("{} (validation)", samples.root),
        Part::Test => format!("{} (test)", samples.root),
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
