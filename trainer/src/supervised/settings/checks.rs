//! Values, and data, that do not go together.

use std::path::Path;

use cartwheel_agents::config;

use super::FitSettings;
use crate::TrainError;
use crate::data::image::{Normalization, Pipeline, Statistics};
use crate::supervised::config::{EpsConvention, Family, LrSchedule, Monitor, OptimizerName, Precision};

impl FitSettings {
    /// Refuses values out of their range, and those that do not go together.
    ///
    /// # Errors
    /// What does not fit and what to change.
    pub fn check(&self) -> Result<(), TrainError> {
        config::check(&mut self.clone().sections())?;
        let unfit = |message: &str| Err(TrainError::Unfit(message.into()));
        let fit = &self.fit;
        if fit.nesterov && (fit.optimizer != OptimizerName::Sgd || fit.momentum == 0.0) {
            return unfit("fit.nesterov needs fit.optimizer = \"sgd\" and a fit.momentum above 0");
        }
        // A recipe's own is left out where another optimizer is chosen.
        let is_own = !self.given.contains("fit.momentum") && fit.momentum == Self::of(fit.model).fit.momentum;
        if self.has_idle_momentum() && !is_own {
            return unfit(
                "fit.momentum is of \"sgd\" and \"rmsprop\": set fit.optimizer to one of them, or leave it out",
            );
        }
        if fit.warmup > 0 && fit.lr_schedule == LrSchedule::OneCycle {
            return unfit("fit.lr_schedule = \"one_cycle\" rises by itself: leave fit.warmup out");
        }
        let has_convention =
            matches!(fit.optimizer, OptimizerName::Adam | OptimizerName::AdamW | OptimizerName::RmsProp);
        if fit.eps_convention == EpsConvention::Keras && !has_convention {
            return unfit("fit.eps_convention = \"keras\" is of \"adam\", \"adamw\" and \"rmsprop\": leave it out");
        }
        let no_halves = match fit.model.family() {
            Family::Mlp | Family::ResNet => None,
            Family::T5 => Some("activations of a T5 outgrow f16, whose largest number is 65504"),
            Family::Recommender => Some("a recommender reads tables, and has next to no products for f16 to speed up"),
        };
        if let Some(reason) = no_halves.filter(|_| fit.precision == Precision::F16O2) {
            return Err(TrainError::Unfit(format!(
                "fit.precision = \"f16-o2\" is for mlp and residual networks ({reason}): use \"f32\""
            )));
        }
        if fit.class_weight.is_some() && matches!(fit.model.family(), Family::T5 | Family::Recommender) {
            return Err(TrainError::Unfit(format!(
                "fit.class_weight is for mlp and residual networks: {} has no classes, leave it out",
                fit.model
            )));
        }
        if fit.label_smoothing != 0.0 && fit.model.family() == Family::Recommender {
            return unfit("fit.label_smoothing is of classes and tokens, and a recommender has neither: leave it out");
        }
        // Whether there is such a GPU is seen when the model moves to it.
        fit.device.resolve(0, fit.batch_size)?;
        if fit.model.family() == Family::ResNet {
            if self.images.validation_split != 0.0 {
                return unfit("images.validation_split is of `cartwheel data`: here it is data.validation_split");
            }
            if self.images.normalize == Normalization::Torchvision && self.augment.standardizes() {
                return unfit(
                    "augment.rescale, samplewise_* and featurewise_* are of images.normalize = \"keras\": set that, or leave them out",
                );
            }
            // What statistics come to is seen later.
            let statistics = Some(Statistics { mean: [0.0; 3], std: [1.0; 3] });
            Pipeline::new(self.images.clone(), self.augment.clone(), statistics).map_err(TrainError::Unfit)?;
        }
        Ok(())
    }

    /// Refuses data that are not there, of a run that is gone on with or of a new one.
    pub(crate) fn check_data(&self, resumed: bool) -> Result<(), TrainError> {
        let path = self.data_path();
        // What cannot be looked at is told of when it is read.
        if Path::new(path).try_exists().unwrap_or(true) {
            return Ok(());
        }
        let (key, what) = match self.fit.model.family() {
            Family::Mlp => ("data.dir", "a folder with train-images-idx3-ubyte and train-labels-idx1-ubyte"),
            Family::ResNet => ("data.dir", "a folder with a folder of images for each class"),
            Family::T5 => ("data.dir", "a file of pairs of texts (.tsv or .jsonl), or a folder of such files"),
            Family::Recommender => ("ratings.path", "a file of ratings, or MovieLens' folder"),
        };
        let to_do = match resumed {
            true => "go on with the run from the folder that it began in, or say in its config.toml where they are now"
                .into(),
            false => format!("give --data PATH, {what}"),
        };
        let here = std::env::current_dir().map_or_else(|_| "here".into(), |folder| folder.display().to_string());
        Err(TrainError::Unfit(format!("{key} = {path:?} is not there, seen from {here}: {to_do}")))
    }

    /// Refuses what needs validation samples if the data have none.
    pub(crate) fn check_validation(&self, samples: usize) -> Result<(), TrainError> {
        let is_recommender = self.fit.model.family() == Family::Recommender;
        // That it monitors what is not there is a recommender's own setting.
        let needs = self.fit.early_stopping.is_some() || (self.fit.monitor == Monitor::ValAccuracy && !is_recommender);
        if samples > 0 || !needs {
            return Ok(());
        }
        Err(TrainError::Unfit(match is_recommender {
            true => format!(
                "fit.early_stopping needs validation samples, and in {} no user has three items or more: leave it out",
                self.data_path()
            ),
            false => format!(
                "fit.early_stopping and fit.monitor = \"val_accuracy\" need validation samples, and {} has none: set data.validation_split, to 0.1 for example, or leave them out",
                self.data_path()
            ),
        }))
    }

    /// Refuses too few of `what` ("samples", say): none to learn from, or none kept back though some should be.
    pub(crate) fn check_split(&self, what: &str, train: usize, validation: usize) -> Result<(), TrainError> {
        let split = self.data.validation_split;
        if train > 0 && (split == 0.0 || validation > 0) {
            return Ok(());
        }
        Err(TrainError::Unfit(format!(
            "{} has {} {what}, too few to keep data.validation_split = {split} of them back: set it to 0, or give more",
            self.data.dir,
            train + validation,
        )))
    }

    /// Whether there is a momentum beside an optimizer that has none.
    pub(super) fn has_idle_momentum(&self) -> bool {
        !matches!(self.fit.optimizer, OptimizerName::Sgd | OptimizerName::RmsProp) && self.fit.momentum != 0.0
    }
}
