//! Transfer learning: a residual network that begins with the weights of another one.

use std::path::Path;

use cartwheel_agents::models::Classifier;
use cartwheel_agents::models::resnet::ResNetConfig;
use cartwheel_agents::nn::read_header;

use super::saved::{Header, KEY};
use crate::TrainError;
use crate::run::RunDir;

/// The layer that knows the classes.
const LAST: [&str; 2] = ["fc.weight", "fc.bias"];

/// Gives `model`, which `header` tells of, the weights of `init`: a run, whose best ones are taken, or a safetensors file. Its
/// last layer stays as it is unless the classes are the same: those that the file names, or, of a file that names none, as
/// torchvision's, as many of them. Answers in words what was done.
///
/// # Errors
/// If there are no weights of such a network; nothing is changed then.
pub(super) fn begin_with(init: &Path, model: &mut dyn Classifier, header: &Header) -> Result<String, TrainError> {
    let file = if init.is_dir() { RunDir::open(init)?.best_weights() } else { init.to_owned() };
    let wrong = |reason: String| TrainError::Unfit(format!("resnet.init: {} {reason}", file.display()));
    if !file.is_file() {
        return Err(wrong("is not there: give a run of `cartwheel fit`, or a safetensors file".into()));
    }
    let found = read_header(&file)?;
    let config = ResNetConfig::of_tensors(&found.shapes).ok_or_else(|| {
        wrong(
            "is of no residual network that is known: give a run of one, or a safetensors file of torchvision's".into(),
        )
    })?;
    if config.name != header.model {
        return Err(wrong(format!(
            "is of {}, and the model is {1}: `cartwheel fit {0}` begins with it",
            config.name, header.model
        )));
    }
    let labels =
        found.metadata.get(KEY).and_then(|text| serde_json::from_str::<Header>(text).ok()).map(|own| own.labels);
    let (classes, same) = match &labels {
        Some(labels) => (labels.len(), *labels == header.labels),
        None => (config.classes, config.classes == header.labels.len()),
    };
    let left: &[&str] = if same { &[] } else { &LAST };
    model.parameters_mut().load_safetensors_but(&file, left)?;
    let last = match same {
        true => "for the same classes".into(),
        false => format!("but for the last layer, which is new: {classes} classes there, {} here", header.labels.len()),
    };
    Ok(format!("begins with the weights of {}, {last}", file.display()))
}
