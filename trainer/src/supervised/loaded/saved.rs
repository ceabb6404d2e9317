//! A model's file: safetensors, with what else is needed to use it in its header.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cartwheel_agents::config::{self, Section};
use cartwheel_agents::models::mlp::{Init, MlpClassifier};
use cartwheel_agents::models::resnet::{ResNet, ResNetConfig};
use cartwheel_agents::models::{Classifier, Cost, Plan, Ranks};
use cartwheel_agents::nn::ops::softmax;
use cartwheel_agents::nn::{Parameters, WeightsError, WeightsHeader, read_header};
use cartwheel_envs::Generator;
use serde::{Deserialize, Serialize};

use super::input;
use crate::data::image::{AugmentConfig, CHANNELS, ImagesConfig, Pipeline, Statistics, decode};
use crate::run::RunDir;
use crate::supervised::config::LOOKED_AT;
use crate::supervised::export::t5_folder;
use crate::{Provenance, TrainError};

/// The key of the header's entry.
pub(crate) const KEY: &str = "cartwheel";

/// What a model's file says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Which model.
    pub(crate) model: String,
    /// Rows and columns of an image.
    pub(crate) size: [usize; 2],
    /// Units of the hidden layers, of a multilayer perceptron.
    #[serde(default)]
    pub(crate) net_arch: Vec<usize>,
    /// Layers that are products of two.
    #[serde(default, skip_serializing_if = "Ranks::is_empty")]
    pub(crate) ranks: Ranks,
    /// The names of the classes.
    pub(crate) labels: Vec<String>,
    /// How image files become numbers; grey images that are only divided by 255 have none.
    #[serde(default)]
    pub(crate) preprocessing: Option<Preprocessing>,
    /// What the file was made from; nothing of what training left.
    #[serde(default, skip_serializing_if = "Provenance::is_empty")]
    pub(crate) provenance: Provenance,
}

/// How image files become numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Preprocessing {
    /// The sections `images` and `augment`, as TOML.
    settings: String,
    /// Mean and deviation of the training images, if they are used.
    statistics: Option<[[f32; 3]; 2]>,
}

impl Preprocessing {
    pub(crate) fn new(images: &ImagesConfig, augment: &AugmentConfig, statistics: Option<Statistics>) -> Self {
        // How many read them is nothing of the model's: the same seed gives the same file on every machine.
        let images = ImagesConfig { num_workers: 0, ..images.clone() };
        let sections: [&dyn Section; 2] = [&images, augment];
        let statistics = statistics.map(|statistics| [statistics.mean, statistics.std]);
        Self { settings: config::render(&sections, false), statistics }
    }

    fn pipeline(&self, file: &str) -> Result<Pipeline, TrainError> {
        let (mut images, mut augment) = (ImagesConfig::default(), AugmentConfig::default());
        config::load(&mut [&mut images, &mut augment], &self.settings, file)?;
        let statistics = self.statistics.map(|[mean, std]| Statistics { mean, std });
        Pipeline::new(images, augment, statistics).map_err(TrainError::Unfit)
    }
}

impl Header {
    /// What the file that `found` is of says of its model; nothing if it says nothing.
    pub(crate) fn of(found: &WeightsHeader) -> Option<Result<Self, serde_json::Error>> {
        found.metadata.get(KEY).map(|text| serde_json::from_str(text))
    }

    /// Weights of a multilayer perceptron of this shape; none if it is no shape.
    fn mlp_numbers(&self, inputs: usize, classes: usize) -> Option<u64> {
        let sizes = [&[inputs], self.net_arch.as_slice(), &[classes]].concat();
        sizes.windows(2).enumerate().try_fold(0_u64, |sum, (at, pair)| {
            let [inputs, outputs] = [pair[0] as u64, pair[1] as u64];
            let numbers = match self.ranks.get(&(2 * at).to_string()) {
                None => inputs.checked_mul(outputs)?,
                Some(rank) => inputs.checked_add(outputs)?.checked_mul(*rank as u64)?,
            };
            sum.checked_add(numbers).filter(|_| inputs > 0 && outputs > 0)
        })
    }

    /// The model, for images of so many channels, with weights that are to be loaded; nothing if there is no such model.
    pub(crate) fn model(&self, channels: usize) -> Option<Box<dyn Classifier>> {
        let (classes, ranks) = (self.labels.len(), self.ranks.clone());
        if self.model == "mlp" {
            let (inputs, rng) = (self.size[0] * self.size[1] * channels, &mut Generator::new(0));
            return Some(Box::new(MlpClassifier::new(inputs, &self.net_arch, classes, &ranks, Init::Torch, rng)));
        }
        let config = ResNetConfig::named(&self.model, channels, classes)?;
        Some(Box::new(ResNet::zeros(ResNetConfig { ranks, ..config }, self.size)))
    }

    /// Refuses layers of a low rank that the file that `found` is of does not have: before a model is made of them.
    pub(crate) fn check_ranks(&self, found: &WeightsHeader) -> Result<(), String> {
        let side = |name: String, side: usize| found.shapes.get(&name).and_then(|shape| shape.get(side)).copied();
        let is_there = |name: &str, rank: usize| {
            let sides = [side(format!("{name}.0.weight"), 0), side(format!("{name}.1.weight"), 1)];
            rank > 0 && sides == [Some(rank); 2]
        };
        match self.ranks.iter().find(|(name, rank)| !is_there(name, **rank)) {
            None => Ok(()),
            Some((name, rank)) => {
                Err(format!("says of its layer `{name}` that it is of rank {rank}, and is not: save it anew"))
            }
        }
    }

    /// The last layer, which knows the classes.
    pub(crate) fn last_layer(&self) -> String {
        if self.model == "mlp" { (2 * self.net_arch.len()).to_string() } else { "fc".into() }
    }

    pub(crate) fn to_metadata(&self) -> HashMap<String, String> {
        let text = serde_json::to_string(self).unwrap_or_default();
        HashMap::from([(KEY.to_owned(), text)])
    }

    /// What a file of torchvision's is taken for, which says nothing of itself: images as for its first ImageNet weights.
    fn torchvision(found: &WeightsHeader, labels: Option<Vec<String>>) -> Option<Self> {
        let config = ResNetConfig::of_tensors(&found.shapes).filter(|config| config.channels == 3)?;
        let images = ImagesConfig::default();
        Some(Self {
            model: config.name,
            size: [images.height, images.width],
            net_arch: Vec::new(),
            ranks: Ranks::new(),
            labels: labels.unwrap_or_else(|| (0..config.classes).map(|class| class.to_string()).collect()),
            preprocessing: Some(Preprocessing::new(&images, &AugmentConfig::default(), None)),
            provenance: Provenance::default(),
        })
    }
}

/// A class that an image may be of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The class.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// How likely it is.
    pub probability: f32,
}

/// A model that was fitted, to be asked.
pub struct SavedModel {
    file: PathBuf,
    pub(crate) header: Header,
    pub(crate) model: Box<dyn Classifier>,
    pub(crate) pipeline: Option<Pipeline>,
}

impl SavedModel {
    /// The model in a run's folder (the best weights), or in a safetensors file: one that was fitted here, or torchvision's of a
    /// residual network. `labels` is a file with the name of a class a line, instead of the names that the model has.
    ///
    /// # Errors
    /// If it is no model that is known, or its tensors or labels are not what it says of itself.
    pub fn open(path: &Path, labels: Option<&Path>) -> Result<Self, TrainError> {
        if path.is_dir() && t5_folder(path).join("config.json").is_file() {
            let run = path.display();
            return Err(TrainError::Unfit(format!("{run} is a T5: ask it by `cartwheel translate {run} TEXT`")));
        }
        check_there(path)?;
        let file = if path.is_dir() { RunDir::open(path)?.best_weights() } else { path.to_owned() };
        let damaged = |reason: String| TrainError::Unfit(format!("{} {reason}", file.display()));
        let found = read_header(&file)?;
        let label_map = labels;
        let labels = label_map.map(read_labels).transpose()?;
        let mut header: Header = match Header::of(&found) {
            Some(header) => header.map_err(|error| damaged(format!("says of its model what cannot be read ({error}): give a classifier that `cartwheel fit` saved")))?,
            None => Header::torchvision(&found, labels.clone()).ok_or_else(|| {
                damaged("does not say which model it is of: give a model that `cartwheel fit` saved, or a resnet of torchvision's".into())
            })?,
        };
        if let Some(labels) = labels {
            header.labels = labels;
        }
        let is_mlp = header.model == "mlp";
        // The last layer of the file decides how many classes there are: labels that do not fit it are told as such.
        let last = header.last_layer();
        let last = format!("{last}{}.bias", if header.ranks.contains_key(&last) { ".1" } else { "" });
        let classes = found.shapes.get(&last).and_then(|shape| shape.first().copied()).unwrap_or(header.labels.len());
        if classes != header.labels.len() {
            let labels = header.labels.len();
            return Err(match label_map {
                Some(map) => TrainError::Unfit(format!(
                    "{} has {labels} labels, and {} is of {classes} classes: give a line for each, in the order of their numbers",
                    map.display(),
                    file.display()
                )),
                None => damaged(format!("names {labels} labels for a model of {classes} classes: save it anew")),
            });
        }
        if classes == 0 {
            return Err(damaged("is of a model without classes, which has no answers: give another file".into()));
        }
        let pipeline = match &header.preprocessing {
            Some(preprocessing) => Some(preprocessing.pipeline(&file.display().to_string())?),
            None => None,
        };
        let channels = if pipeline.is_some() { CHANNELS } else { 1 };
        let inputs = header.size[0].saturating_mul(header.size[1]).saturating_mul(channels);
        if pipeline.as_ref().is_some_and(|pipeline| pipeline.sample_len() != inputs) {
            return Err(damaged(format!(
                "says of its images that they are of {:?} pixels and of others: save it anew",
                header.size
            )));
        }
        header.check_ranks(&found).map_err(damaged)?;
        // A header that is wrong must not take all memory.
        let bytes = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
        if is_mlp && header.mlp_numbers(inputs, classes).is_none_or(|numbers| numbers > bytes) {
            let sizes = [&[inputs], header.net_arch.as_slice(), &[classes]].concat();
            return Err(damaged(format!("says of its model that it has layers of {sizes:?}, which it cannot hold")));
        }
        let mut model = header
            .model(channels)
            .filter(|_| inputs > 0)
            .ok_or_else(|| damaged(format!("is of the model {:?}, which `predict` does not know", header.model)))?;
        model.parameters_mut().load_safetensors(&file)?;
        Ok(Self { file, header, model, pipeline })
    }

    /// Its file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What its file says that it was made from.
    pub fn provenance(&self) -> &Provenance {
        &self.header.provenance
    }

    /// That of a file that `command` makes of it: see [`Provenance::then`].
    ///
    /// # Errors
    /// If its file cannot be read any more.
    pub fn provenance_of(&self, command: &str, done: serde_json::Value) -> Result<Provenance, TrainError> {
        self.header.provenance.then(command, &self.file, done)
    }

    /// Refuses a model with weights that are not finite, whose answers mean nothing.
    ///
    /// # Errors
    /// Which tensor it is.
    pub fn check_finite(&self) -> Result<(), TrainError> {
        check_finite(&self.file, self.model.parameters())
    }

    /// The names of its classes.
    pub fn labels(&self) -> &[String] {
        &self.header.labels
    }

    /// Rows and columns of its images.
    pub(crate) fn size(&self) -> [usize; 2] {
        self.header.size
    }

    /// Channels of its images.
    pub(crate) fn channels(&self) -> usize {
        if self.pipeline.is_some() { CHANNELS } else { 1 }
    }

    /// The logits of whole images.
    pub(crate) fn logits(&self, x: Vec<f32>) -> Result<Vec<f32>, TrainError> {
        Ok(self.model.logits(x)?)
    }

    /// The model as a file of ONNX, from images as [`read`](Self::read) prepares them, but channel by channel where they have
    /// colors, to logits. Its metadata are `labels`, the names of the classes in JSON, `preprocessing`, the settings by which
    /// image files become images, in TOML, and `provenance`.
    pub fn to_onnx(&self, provenance: &Provenance) -> Vec<u8> {
        self.model.plan().to_onnx(&self.metadata(provenance))
    }

    /// The same in f16: see [`Plan::to_onnx_f16`](cartwheel_agents::models::Plan::to_onnx_f16).
    ///
    /// # Errors
    /// If a weight is too large for it.
    pub fn to_onnx_f16(&self, provenance: &Provenance) -> Result<Vec<u8>, TrainError> {
        let file = self.model.plan().to_onnx_f16(&self.metadata(provenance));
        file.map_err(|error| TrainError::Unfit(format!("{}: {error}", self.file.display())))
    }

    /// What its file of ONNX says of itself.
    pub(crate) fn metadata(&self, provenance: &Provenance) -> Vec<(&'static str, String)> {
        let mut metadata = vec![("labels", serde_json::to_string(self.labels()).unwrap_or_default())];
        metadata.extend(self.header.preprocessing.iter().map(|of| ("preprocessing", of.settings.clone())));
        metadata.push(provenance.entry());
        metadata
    }

    /// Its layers for use.
    pub(crate) fn plan(&self) -> Plan {
        self.model.plan()
    }

    /// Its layers and what they cost.
    pub fn cost(&self) -> Cost {
        self.model.cost()
    }

    /// The images in a file, as the model sees them: an image, or for a model of grey images IDX's of any number. Numbers one
    /// after the other, for [`predict`](Self::predict).
    ///
    /// # Errors
    /// If the file cannot be read, or does not fit the model.
    pub fn read(&self, file: &Path) -> Result<Vec<f32>, TrainError> {
        let Some(pipeline) = &self.pipeline else { return input::grey(file, self.header.size) };
        let bytes = input::read(file)?;
        let broken = |error| TrainError::Input(format!("{}: {error}", file.display()));
        let decoded = decode(&bytes, pipeline.max_pixels()).map_err(broken)?;
        let mut x = vec![0.0; pipeline.sample_len()];
        pipeline.evaluate(&decoded.image, &mut x);
        Ok(x)
    }

    /// The likeliest `top` classes of each image of `x`, the likeliest first.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there are not as many numbers as whole images have.
    pub fn predict(&self, x: &[f32], top: usize) -> Result<Vec<Vec<Prediction>>, TrainError> {
        let (length, classes) = (self.model.inputs(), self.model.classes());
        assert!(x.len().is_multiple_of(length), "images of {length} numbers each");
        let mut predictions = Vec::with_capacity(x.len() / length);
        for batch in x.chunks(length * LOOKED_AT) {
            for row in self.model.logits(batch.to_vec())?.chunks_exact_mut(classes) {
                softmax(row);
                let mut order: Vec<usize> = (0..classes).collect();
                order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
                let of = |class: usize| {
                    let label = self.header.labels[class].clone();
                    Prediction { class, label, probability: row[class] }
                };
                predictions.push(order.into_iter().take(top).map(of).collect());
            }
        }
        Ok(predictions)
    }
}

/// Refuses the weights of `file` if they are not finite: which tensor.
pub(crate) fn check_finite(file: &Path, parameters: &Parameters) -> Result<(), TrainError> {
    let broken = |values: &[f32]| values.iter().any(|value| !value.is_finite());
    match parameters.iter().find(|parameter| broken(parameter.values())) {
        None => Ok(()),
        Some(parameter) => Err(TrainError::Input(format!(
            "{}: `{}` has numbers that are not finite: train the model anew",
            file.display(),
            parameter.name()
        ))),
    }
}

/// Refuses a model that is not there.
///
/// # Errors
/// What was looked for.
pub fn check_there(model: &Path) -> Result<(), TrainError> {
    match model.try_exists() {
        Ok(false) => {
            Err(TrainError::Unfit(format!("{} is not there: give a run, or a file of weights", model.display())))
        }
        _ => Ok(()),
    }
}

/// Layers of the model of a run that are products of two, by its weights, the latest or else the best. A run without either has
/// none that are known: its checkpoint does not fit then if there are some.
pub(crate) fn ranks_of(run: &RunDir) -> Ranks {
    let ranks = |file: PathBuf| Some(Header::of(&read_header(&file).ok()?)?.ok()?.ranks);
    [run.latest_weights(), run.best_weights()].into_iter().find_map(ranks).unwrap_or_default()
}

/// The lines of a file, but for empty ones at its end.
fn read_labels(file: &Path) -> Result<Vec<String>, TrainError> {
    let bytes = input::read(file)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        TrainError::Unfit(format!("{} is no text: give a file with the name of a class a line", file.display()))
    })?;
    // Editors of Windows begin with a byte-order mark.
    let text = text.trim_start_matches('\u{feff}').trim_end();
    Ok(text.lines().map(|line| line.trim().to_owned()).collect())
}

/// Whether the `config.toml` of a run is one of supervised training.
pub fn is_fit(config: &Path) -> bool {
    std::fs::read_to_string(config).is_ok_and(|text| text.lines().any(|line| line.trim() == "[fit]"))
}

impl From<WeightsError> for TrainError {
    fn from(error: WeightsError) -> Self {
        Self::Policy(error.into())
    }
}
