//! All settings of a fit, and where they come from.
//!
//! | module | holds |
//! |---|---|
//! | `recipes` | the settings that each model begins with |
//! | `checks` | values, and data, that do not go together |
//! | `optimizer` | the optimizer and its schedule as settings name them |

mod checks;
mod optimizer;
mod recipes;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use cartwheel_agents::config::{self, ConfigErrors, Section, toml_edit};

use super::config::{
    DataConfig, Family, FitConfig, FitRunConfig, MixConfig, MlpConfig, MlpInit, ModelName, ResNetFitConfig, T5FitConfig,
};
use super::pruning::PruneConfig;
use super::recommendation::{RatingsConfig, RecommenderConfig};
use crate::TrainError;
use crate::data::image::{AugmentConfig, ImagesConfig};

/// What is fitted to what, how, and what is kept of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FitSettings {
    /// How.
    pub fit: FitConfig,
    /// To what.
    pub data: DataConfig,
    /// What.
    pub mlp: MlpConfig,
    /// How images of folders become numbers.
    pub images: ImagesConfig,
    /// How they are changed while training,
    pub augment: AugmentConfig,
    /// and mixed.
    pub mix: MixConfig,
    /// What a residual network begins with.
    pub resnet: ResNetFitConfig,
    /// Which of a classifier's weights become 0.
    pub prune: PruneConfig,
    /// The same, if it is a T5.
    pub t5: T5FitConfig,
    /// Or a recommender,
    pub recommender: RecommenderConfig,
    /// to ratings.
    pub ratings: RatingsConfig,
    /// What is kept.
    pub run: FitRunConfig,
    /// Keys that somebody has set, such as `augment.horizontal_flip`, by [`from_file`](Self::from_file) and [`set`](Self::set): those
    /// that recipes leave alone.
    given: BTreeSet<String>,
}

impl FitSettings {
    /// The sections of the model that is fitted.
    fn sections(&mut self) -> Vec<&mut dyn Section> {
        match self.fit.model.family() {
            Family::Mlp => {
                vec![&mut self.fit, &mut self.data, &mut self.mlp, &mut self.augment, &mut self.prune, &mut self.run]
            }
            Family::ResNet => vec![
                &mut self.fit,
                &mut self.data,
                &mut self.resnet,
                &mut self.images,
                &mut self.augment,
                &mut self.mix,
                &mut self.prune,
                &mut self.run,
            ],
            Family::T5 => vec![&mut self.fit, &mut self.data, &mut self.t5, &mut self.run],
            Family::Recommender => {
                vec![&mut self.fit, &mut self.ratings, &mut self.recommender, &mut self.run]
            }
        }
    }

    /// What `read` makes of them.
    fn read<T>(&self, read: impl FnOnce(&[&dyn Section]) -> T) -> T {
        let mut copy = self.clone();
        read(&copy.sections().into_iter().map(|section| &*section).collect::<Vec<_>>())
    }

    /// The file or folder of what is learnt from.
    pub fn data_path(&self) -> &str {
        match self.fit.model.family() {
            Family::Recommender => &self.ratings.path,
            Family::Mlp | Family::ResNet | Family::T5 => &self.data.dir,
        }
    }

    /// The weights that a classifier begins with, a run or a file, and the key that names them.
    pub(super) fn init(&self) -> Option<(&'static str, &str)> {
        match (self.fit.model.family(), &self.mlp.init) {
            (Family::Mlp, MlpInit::Weights(path)) => Some(("mlp.init", path)),
            (Family::ResNet, _) => self.resnet.init.as_deref().map(|path| ("resnet.init", path)),
            (Family::Mlp | Family::T5 | Family::Recommender, _) => None,
        }
    }

    /// The same, to be changed.
    pub fn data_path_mut(&mut self) -> &mut String {
        match self.fit.model.family() {
            Family::Recommender => &mut self.ratings.path,
            Family::Mlp | Family::ResNet | Family::T5 => &mut self.data.dir,
        }
    }

    /// The settings in a file, over those that its model begins with.
    ///
    /// # Errors
    /// Every problem with its line, or why the file cannot be read.
    pub fn from_file(path: &Path) -> Result<Self, TrainError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| TrainError::Unfit(format!("cannot read the configuration {name}: {error}")))?;
        // Which sections there are depends on the model; a file that does not say it right is told so below.
        let file = text.parse::<toml_edit::DocumentMut>().unwrap_or_default();
        let model = file.get("fit").and_then(|fit| fit.get("model")?.as_str()?.parse::<ModelName>().ok());
        let mut settings = model.map_or_else(Self::default, Self::of);
        config::load(&mut settings.sections(), &text, &name)?;
        for (section, keys) in file.iter().filter_map(|(name, item)| Some((name, item.as_table_like()?))) {
            settings.given.extend(keys.iter().map(|(key, _)| format!("{section}.{key}")));
        }
        Ok(settings)
    }

    /// Applies one `section.key=value`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set(&mut self, assignment: &str) -> Result<(), ConfigErrors> {
        config::set(&mut self.sections(), assignment)?;
        self.given.extend(assignment.split_once('=').map(|(key, _)| key.trim().to_owned()));
        Ok(())
    }

    /// The settings as TOML, with a comment on each key or without.
    pub fn to_toml(&self, comments: bool) -> String {
        self.read(|sections| config::render(sections, comments))
    }

    /// Every setting by its name, such as `fit.seed`, and its value as people write it: text without quotes.
    pub fn values(&self) -> Vec<(String, String)> {
        self.read(config::values)
    }

    /// The settings of all models as a Markdown reference, for docs/supervised.md.
    pub fn reference(&self) -> String {
        config::render_reference(&[
            &self.fit,
            &self.data,
            &self.mlp,
            &self.resnet,
            &self.t5,
            &self.mix,
            &self.prune,
            &self.ratings,
            &self.recommender,
            &self.run,
        ])
    }
}
