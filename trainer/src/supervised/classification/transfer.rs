//! Transfer learning: a classifier that begins with the weights of another one.

use std::path::{Path, PathBuf};

use cartwheel_agents::models::resnet::ResNetConfig;
use cartwheel_agents::models::{Classifier, Ranks};
use cartwheel_agents::nn::read_header;

use crate::TrainError;
use crate::run::RunDir;
use crate::supervised::config::ModelName;
use crate::supervised::loaded::saved::{Header, check_finite};

/// Weights to begin with, and what their file says of them.
pub(crate) struct OtherModel {
    /// The setting that named them.
    key: &'static str,
    file: PathBuf,
    model: String,
    classes: usize,
    /// Nothing of torchvision's.
    header: Option<Header>,
}

impl OtherModel {
    /// Those of `init`, which `key` names: a run, whose best ones are taken, or a safetensors file.
    ///
    /// # Errors
    /// If there is none, or it is of no classifier that is known.
    pub(crate) fn open(key: &'static str, init: &Path) -> Result<Self, TrainError> {
        let file = if init.is_dir() { RunDir::open(init)?.best_weights() } else { init.to_owned() };
        let wrong = |reason: &str| TrainError::Unfit(format!("{key}: {} {reason}", file.display()));
        if !file.is_file() {
            return Err(wrong(match key {
                "mlp.init" => {
                    "is neither \"torch\" nor \"kaiming\", and not there: give a run of `cartwheel fit`, or its safetensors file"
                }
                _ => "is not there: give a run of `cartwheel fit`, or a safetensors file",
            }));
        }
        let found = read_header(&file)?;
        // One that cannot be read is of something else.
        let header = Header::of(&found).and_then(Result::ok);
        if let Some(Err(reason)) = header.as_ref().map(|header| header.check_ranks(&found)) {
            return Err(wrong(&reason));
        }
        let (model, classes) = match &header {
            Some(header) => (header.model.clone(), header.labels.len()),
            None => match ResNetConfig::of_tensors(&found.shapes) {
                Some(config) => (config.name, config.classes),
                None => {
                    return Err(wrong(match key {
                        "mlp.init" => "is of no multilayer perceptron of `cartwheel fit`",
                        _ => {
                            "is of no residual network that is known: give a run of one, or a safetensors file of torchvision's"
                        }
                    }));
                }
            },
        };
        Ok(Self { key, file, model, classes, header })
    }

    /// Its layers that are products of two.
    pub(crate) fn ranks(&self) -> Ranks {
        self.header.as_ref().map_or_else(Ranks::new, |header| header.ranks.clone())
    }

    /// Gives `model`, which `header` tells of, these weights. Its last layer stays as it is unless the classes are the same: those
    /// that the file names, or, of a file that names none, as torchvision's, as many of them. Answers in words what was done.
    ///
    /// # Errors
    /// If they are of another model, and nothing is changed then; or if they are not finite.
    pub(crate) fn load_into(&self, model: &mut dyn Classifier, header: &Header) -> Result<String, TrainError> {
        let Self { key, file, classes, .. } = self;
        let wrong = |reason: String| Err(TrainError::Unfit(format!("{key}: {} {reason}", file.display())));
        if self.model != header.model {
            let (own, other) = (&header.model, &self.model);
            let fits = match other.parse::<ModelName>() {
                Ok(_) => format!("`cartwheel fit {other}` begins with it"),
                Err(_) => format!("give a run of {own}"),
            };
            return wrong(format!("is of {other}, and the model is {own}: {fits}"));
        }
        if let Some(other) = self.header.as_ref().filter(|other| other.net_arch != header.net_arch) {
            let (own, other) = (&header.net_arch, &other.net_arch);
            let set = format!("{other:?}").replace(' ', "");
            return wrong(format!("has hidden layers of {other:?}, and the model of {own:?}: set mlp.net_arch={set}"));
        }
        let same = match &self.header {
            Some(other) => other.labels == header.labels,
            None => *classes == header.labels.len(),
        };
        let last = format!("{}.", header.last_layer());
        let names = model.parameters().iter().map(|parameter| parameter.name().to_owned());
        let left: Vec<String> = names.filter(|name| !same && name.starts_with(&last)).collect();
        let left: Vec<&str> = left.iter().map(String::as_str).collect();
        model.parameters_mut().load_safetensors_but(file, &left)?;
        check_finite(file, model.parameters())?;
        let last = match same {
            true => "for the same classes".into(),
            false => {
                format!("but for the last layer, which is new: {classes} classes there, {} here", header.labels.len())
            }
        };
        Ok(format!("begins with the weights of {}, {last}", file.display()))
    }
}
