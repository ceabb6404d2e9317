//! A model's file: safetensors, with what else is needed to use it in its header.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cartwheel_agents::models::Classifier;
use cartwheel_agents::models::mlp::{Init, Mlp};
use cartwheel_agents::nn::ops::softmax;
use cartwheel_agents::nn::{WeightsError, read_header};
use cartwheel_envs::Generator;
use serde::{Deserialize, Serialize};

use super::classification::LOOKED_AT;
use crate::TrainError;
use crate::run::RunDir;

/// The key of the header's entry.
const KEY: &str = "cartwheel";

/// What a model's file says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Which model.
    model: String,
    /// Rows and columns of an image.
    size: [usize; 2],
    /// Units of the hidden layers.
    net_arch: Vec<usize>,
    /// The names of the classes.
    pub(super) labels: Vec<String>,
}

impl Header {
    pub(super) fn mlp(size: [usize; 2], net_arch: Vec<usize>, labels: Vec<String>) -> Self {
        Self { model: "mlp".into(), size, net_arch, labels }
    }

    pub(super) fn to_metadata(&self) -> HashMap<String, String> {
        let text = serde_json::to_string(self).unwrap_or_default();
        HashMap::from([(KEY.to_owned(), text)])
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
    header: Header,
    model: Mlp,
}

impl SavedModel {
    /// The model in a run's folder (the best weights), or in a safetensors file.
    ///
    /// # Errors
    /// If it is no model of Cartwheel's, or its tensors or labels are not what it says of itself.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let file = if path.is_dir() { RunDir::open(path)?.best_weights() } else { path.to_owned() };
        let damaged = |reason: String| TrainError::Unfit(format!("{} {reason}", file.display()));
        let found = read_header(&file)?;
        let Some(text) = found.metadata.get(KEY) else {
            return Err(damaged("does not say which model it is of: give a model that `cartwheel fit` saved".into()));
        };
        let header: Header = serde_json::from_str(text)
            .map_err(|error| damaged(format!("says of its model what cannot be read ({error}): save it anew")))?;
        if header.model != "mlp" {
            return Err(damaged(format!("is of the model {:?}, which `predict` does not know", header.model)));
        }
        // The last layer of the file decides how many classes there are: labels that do not fit it are told as such.
        let last = found.shapes.get(&format!("{}.bias", 2 * header.net_arch.len()));
        let classes = last.and_then(|shape| shape.first().copied()).unwrap_or(header.labels.len());
        if classes != header.labels.len() {
            return Err(damaged(format!(
                "names {} labels for a model of {classes} classes: give it the label map that it was trained with",
                header.labels.len()
            )));
        }
        let inputs = header.size[0].saturating_mul(header.size[1]);
        let sizes = [&[inputs], header.net_arch.as_slice(), &[classes]].concat();
        let numbers = sizes.windows(2).fold(0_u128, |sum, pair| sum + pair[0] as u128 * pair[1] as u128);
        let bytes = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
        // A header that is wrong must not take all memory.
        if sizes.contains(&0) || numbers > u128::from(bytes) {
            return Err(damaged(format!("says of its model that it has layers of {sizes:?}, which it cannot hold")));
        }
        let mut model = Mlp::new(inputs, &header.net_arch, classes, Init::Torch, &mut Generator::new(0));
        model.parameters_mut().load_safetensors(&file)?;
        Ok(Self { file, header, model })
    }

    /// Its file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Rows and columns of the images that it takes.
    pub fn size(&self) -> [usize; 2] {
        self.header.size
    }

    /// The likeliest `top` classes of each image, the likeliest first. Images are bytes, row-major, one after the other.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there are not as many bytes as the images have.
    pub fn predict(&self, images: &[u8], top: usize) -> Result<Vec<Vec<Prediction>>, TrainError> {
        let (length, classes) = (self.model.inputs(), self.model.classes());
        assert!(images.len().is_multiple_of(length), "images of {length} bytes each");
        let mut predictions = Vec::with_capacity(images.len() / length);
        for batch in images.chunks(length * LOOKED_AT) {
            let x = batch.iter().map(|byte| f32::from(*byte) / 255.0).collect();
            for row in self.model.logits(x)?.chunks_exact_mut(classes) {
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

/// Whether the `config.toml` of a run is one of supervised training.
pub fn is_fit(config: &Path) -> bool {
    std::fs::read_to_string(config).is_ok_and(|text| text.lines().any(|line| line.trim() == "[fit]"))
}

impl From<WeightsError> for TrainError {
    fn from(error: WeightsError) -> Self {
        Self::Policy(error.into())
    }
}
