//! The settings that each model begins with.

use std::path::Path;

use super::FitSettings;
use crate::data::image::{AugmentConfig, FillMode, Resizing, Shift};
use crate::data::mnist::Mnist;
use crate::supervised::config::{Family, LrSchedule, ModelName, Monitor, OptimizerName};

impl FitSettings {
    /// The settings that a model begins with.
    pub fn of(model: ModelName) -> Self {
        let mut settings = Self::default();
        settings.fit.model = model;
        match model.family() {
            Family::Mlp => {}
            Family::ResNet => settings.resnet(),
            Family::T5 => {
                settings.fit.optimizer = OptimizerName::AdamW;
                settings.fit.batch_size = 32;
                settings.fit.max_grad_norm = Some(1.0);
            }
            Family::Recommender => {
                settings.fit.epochs = 20;
                settings.fit.batch_size = 1024;
                settings.fit.learning_rate = 0.003;
                settings.fit.monitor = Monitor::ValAccuracy;
            }
        }
        settings
    }

    /// PyTorch's reference recipe of ImageNet; for small images that of the paper's §4.2, with a cosine.
    fn resnet(&mut self) {
        let small = self.fit.model.is_small_resnet();
        let fit = &mut self.fit;
        (fit.optimizer, fit.learning_rate, fit.momentum) = (OptimizerName::Sgd, 0.1, 0.9);
        (fit.weight_decay, fit.decay_bias_and_norm) = (1e-4, true);
        (fit.epochs, fit.batch_size, fit.lr_schedule) =
            if small { (30, 128, LrSchedule::Cosine) } else { (90, 32, LrSchedule::Step) };
        self.augment.horizontal_flip = true;
        if small {
            (self.images.width, self.images.height, self.images.shorter_side) = (32, 32, 32);
            let shift = || Shift::Pixels(5);
            (self.augment.width_shift_range, self.augment.height_shift_range) = (shift(), shift());
            self.augment.fill_mode = FillMode::Constant;
        } else {
            self.images.resize = Resizing::RandomResizedCrop;
        }
    }

    /// Takes back what recipes have for another optimizer, and what they have for photographs if the data are MNIST's files: mirrored
    /// and moved, digits are other digits, or none. What somebody has set stays.
    pub fn settle(&mut self) {
        if self.has_idle_momentum() && !self.given.contains("fit.momentum") {
            self.fit.momentum = 0.0;
        }
        if self.fit.model.family() != Family::ResNet || !Mnist::is_in(Path::new(&self.data.dir)) {
            return;
        }
        let none = AugmentConfig::default();
        let free = |key: &str| !self.given.contains(&format!("augment.{key}"));
        if free("horizontal_flip") {
            self.augment.horizontal_flip = none.horizontal_flip;
        }
        if free("width_shift_range") {
            self.augment.width_shift_range = none.width_shift_range;
        }
        if free("height_shift_range") {
            self.augment.height_shift_range = none.height_shift_range;
        }
    }
}
