//! All settings of a fit, and where they come from.

use std::collections::BTreeSet;
use std::path::Path;

use cartwheel_agents::config::{self, ConfigErrors, Section, toml_edit};
use cartwheel_agents::nn::optim::{Decay, Eps, LearningRate, Rule, Shape};

use super::config::{
    DataConfig, EpsConvention, FitConfig, FitRunConfig, LrSchedule, MixConfig, MlpConfig, MlpInit, ModelName, Monitor,
    OptimizerName, Precision, ResNetFitConfig, T5FitConfig,
};
use super::recommendation::{RatingsConfig, RecommenderConfig};
use super::session::pruning::PruneConfig;
use crate::TrainError;
use crate::data::image::{AugmentConfig, FillMode, ImagesConfig, Normalization, Pipeline, Resizing, Shift, Statistics};
use crate::data::mnist::Mnist;

/// What is fitted to what, how, and what is kept of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FitSettings {
    /// How.
    pub fit: FitConfig,
    /// To what.
    pub data: DataConfig,
    /// What.
    pub mlp: MlpConfig,
    /// How pictures of folders become numbers.
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
    /// The settings that a model begins with.
    pub fn of(model: ModelName) -> Self {
        let mut settings = Self::default();
        settings.fit.model = model;
        if model.is_resnet() {
            settings.resnet();
        }
        if model == ModelName::T5 {
            settings.fit.optimizer = OptimizerName::AdamW;
            settings.fit.batch_size = 32;
            settings.fit.max_grad_norm = Some(1.0);
        }
        if model == ModelName::Recommender {
            settings.fit.epochs = 20;
            settings.fit.batch_size = 1024;
            settings.fit.learning_rate = 0.003;
            settings.fit.monitor = Monitor::ValAccuracy;
        }
        settings
    }

    /// PyTorch's reference recipe of ImageNet; for small pictures that of the paper's §4.2, with a cosine.
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

    /// The sections of the model that is fitted.
    fn sections(&self) -> Vec<&dyn Section> {
        match self.fit.model {
            ModelName::Mlp => vec![&self.fit, &self.data, &self.mlp, &self.augment, &self.prune, &self.run],
            ModelName::Recommender => vec![&self.fit, &self.ratings, &self.recommender, &self.run],
            ModelName::T5 => vec![&self.fit, &self.data, &self.t5, &self.run],
            _ => vec![
                &self.fit,
                &self.data,
                &self.resnet,
                &self.images,
                &self.augment,
                &self.mix,
                &self.prune,
                &self.run,
            ],
        }
    }

    fn sections_mut(&mut self) -> Vec<&mut dyn Section> {
        match self.fit.model {
            ModelName::Mlp => {
                vec![&mut self.fit, &mut self.data, &mut self.mlp, &mut self.augment, &mut self.prune, &mut self.run]
            }
            ModelName::Recommender => {
                vec![&mut self.fit, &mut self.ratings, &mut self.recommender, &mut self.run]
            }
            ModelName::T5 => vec![&mut self.fit, &mut self.data, &mut self.t5, &mut self.run],
            _ => vec![
                &mut self.fit,
                &mut self.data,
                &mut self.resnet,
                &mut self.images,
                &mut self.augment,
                &mut self.mix,
                &mut self.prune,
                &mut self.run,
            ],
        }
    }

    /// The file or folder of what is learnt from.
    pub fn data_path(&self) -> &str {
        match self.fit.model {
            ModelName::Recommender => &self.ratings.path,
            _ => &self.data.dir,
        }
    }

    /// The weights that a classifier begins with, a run or a file, and the key that names them.
    pub(super) fn init(&self) -> Option<(&'static str, &str)> {
        match (self.fit.model, &self.mlp.init) {
            (ModelName::Mlp, MlpInit::Weights(path)) => Some(("mlp.init", path)),
            (model, _) if model.is_resnet() => self.resnet.init.as_deref().map(|path| ("resnet.init", path)),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn data_path_mut(&mut self) -> &mut String {
        match self.fit.model {
            ModelName::Recommender => &mut self.ratings.path,
            _ => &mut self.data.dir,
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
        config::load(&mut settings.sections_mut(), &text, &name)?;
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
        config::set(&mut self.sections_mut(), assignment)?;
        self.given.extend(assignment.split_once('=').map(|(key, _)| key.trim().to_owned()));
        Ok(())
    }

    /// Takes back what recipes have for another optimizer, and what they have for photographs if the data are MNIST's files: mirrored
    /// and moved, digits are other digits, or none. What somebody has set stays.
    pub fn settle(&mut self) {
        if self.has_idle_momentum() && !self.given.contains("fit.momentum") {
            self.fit.momentum = 0.0;
        }
        if !self.fit.model.is_resnet() || !Mnist::is_in(Path::new(&self.data.dir)) {
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

    /// Whether there is a momentum beside an optimizer that has none.
    fn has_idle_momentum(&self) -> bool {
        !matches!(self.fit.optimizer, OptimizerName::Sgd | OptimizerName::RmsProp) && self.fit.momentum != 0.0
    }

    /// The settings as TOML, with a comment on each key or without.
    pub fn to_toml(&self, comments: bool) -> String {
        config::render(&self.sections(), comments)
    }

    /// Every setting by its name, such as `fit.seed`, and its value as people write it: text without quotes.
    pub fn values(&self) -> Vec<(String, String)> {
        config::values(&self.sections())
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

    /// Refuses values out of their range, and those that do not go together.
    ///
    /// # Errors
    /// What does not fit and what to change.
    pub fn check(&self) -> Result<(), TrainError> {
        config::check(&mut self.clone().sections_mut())?;
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
        if fit.precision == Precision::F16O2 && matches!(fit.model, ModelName::T5 | ModelName::Recommender) {
            let reason = match fit.model {
                ModelName::T5 => "activations of a T5 outgrow f16, whose largest number is 65504",
                _ => "a recommender reads tables, and has next to no products for f16 to speed up",
            };
            return Err(TrainError::Unfit(format!(
                "fit.precision = \"f16-o2\" is for mlp and residual networks ({reason}): use \"f32\""
            )));
        }
        if fit.class_weight.is_some() && matches!(fit.model, ModelName::T5 | ModelName::Recommender) {
            return Err(TrainError::Unfit(format!(
                "fit.class_weight is for mlp and residual networks: {} has no classes, leave it out",
                fit.model
            )));
        }
        if fit.label_smoothing != 0.0 && fit.model == ModelName::Recommender {
            return unfit("fit.label_smoothing is of classes and tokens, and a recommender has neither: leave it out");
        }
        // Whether there is such a GPU is seen when the model moves to it.
        fit.device.resolve(0, fit.batch_size)?;
        if fit.model.is_resnet() {
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
    pub(super) fn check_data(&self, resumed: bool) -> Result<(), TrainError> {
        let path = self.data_path();
        // What cannot be looked at is told of when it is read.
        if Path::new(path).try_exists().unwrap_or(true) {
            return Ok(());
        }
        let (key, what) = match self.fit.model {
            ModelName::Mlp => ("data.dir", "a folder with train-images-idx3-ubyte and train-labels-idx1-ubyte"),
            ModelName::T5 => ("data.dir", "a file of pairs of texts (.tsv or .jsonl), or a folder of such files"),
            ModelName::Recommender => ("ratings.path", "a file of ratings, or MovieLens' folder"),
            _ => ("data.dir", "a folder with a folder of images for each class"),
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
    pub(super) fn check_validation(&self, samples: usize) -> Result<(), TrainError> {
        let is_recommender = self.fit.model == ModelName::Recommender;
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
    pub(super) fn check_split(&self, what: &str, train: usize, validation: usize) -> Result<(), TrainError> {
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

    /// The optimizer's rule and how it keeps weights small.
    pub(super) fn rule(&self) -> (Rule, Decay) {
        let fit = &self.fit;
        let keras = fit.eps_convention == EpsConvention::Keras;
        let (eps, betas) = (fit.eps.unwrap_or(if keras { 1e-7 } else { 1e-8 }), [fit.beta1, fit.beta2]);
        let convention = if keras { Eps::Keras } else { Eps::Torch };
        let rule = match fit.optimizer {
            OptimizerName::Sgd => Rule::Sgd { momentum: fit.momentum, nesterov: fit.nesterov },
            OptimizerName::Adam | OptimizerName::AdamW => Rule::Adam { betas, eps, convention },
            OptimizerName::RmsProp => Rule::RmsProp { alpha: fit.alpha, eps, convention, momentum: fit.momentum },
            OptimizerName::Adafactor => Rule::Adafactor { scale_parameter: true, decay_rate: -0.8 },
            OptimizerName::Lamb => Rule::Lamb { betas, eps },
        };
        (rule, if fit.optimizer == OptimizerName::AdamW { Decay::Decoupled } else { Decay::L2 })
    }

    /// The learning rate of each of `total` steps, of which an epoch has `an_epoch`.
    pub(super) fn learning_rate(&self, an_epoch: u64, total: u64) -> LearningRate {
        let fit = &self.fit;
        let shape = match fit.lr_schedule {
            LrSchedule::Constant => Shape::Constant,
            LrSchedule::Step => Shape::Step { every: fit.lr_step_size.saturating_mul(an_epoch), gamma: fit.lr_gamma },
            LrSchedule::Cosine => Shape::Cosine,
            LrSchedule::OneCycle => Shape::OneCycle { pct_start: 0.3 },
        };
        LearningRate { peak: fit.learning_rate, warmup: fit.warmup, total, shape }
    }

    /// Numbers that are kept of each parameter beside itself and its gradient, at most: the optimizer's, and in mixed precision
    /// those of 16 bits.
    pub(super) fn moments(&self) -> u64 {
        let halves = u64::from(self.fit.precision == Precision::F16O2);
        halves
            + match self.fit.optimizer {
                OptimizerName::Sgd if self.fit.momentum == 0.0 => 0,
                OptimizerName::Sgd | OptimizerName::Adafactor => 1,
                _ => 2,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference_tests::check_reference;
    use crate::supervised::classification::class_weight::ClassWeight;

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        let told = |assignments: &[&str]| {
            let mut settings = FitSettings::default();
            for assignment in assignments {
                if let Err(errors) = settings.set(assignment) {
                    return errors.to_string();
                }
            }
            settings.check().expect_err("refused").to_string()
        };
        assert!(told(&["fit.precision=f16"]).contains("f16-o2 keeps weights and moments in f32"));
        assert!(told(&["fit.precision=autocast"]).contains("O1"));
        for (model, reason) in [("t5", "65504"), ("recommender", "tables")] {
            let told = told(&[&format!("fit.model={model}"), "fit.precision=f16-o2"]);
            assert!(told.contains(reason) && told.contains("mlp"), "{told}");
        }
        for model in ["t5", "recommender"] {
            let told = told(&[&format!("fit.model={model}"), "fit.class_weight=balanced"]);
            assert!(told.contains(&format!("{model} has no classes")), "{told}");
        }
        assert!(told(&["fit.class_weight={ 3 = 0.0 }"]).contains("above 0"));
        assert!(told(&["fit.precision=bf16"]).contains("no bf16"));
        assert!(told(&["fit.precision=tf32"]).contains("TF32"));
        assert!(told(&["fit.nesterov=true"]).contains("fit.momentum"));
        assert!(told(&["fit.model=recommender", "fit.label_smoothing=0.1"]).contains("has neither"));
        assert!(told(&["fit.momentum=0.9"]).contains("fit.momentum is of \"sgd\" and \"rmsprop\""));
        assert!(told(&["mlp.net_arch=[1000000000000]"]).contains("from 1 to 16384"));
        assert!(told(&["fit.model=recommender", "recommender.layers=[1000000000000]"]).contains("from 1 to 16384"));
        assert!(told(&["fit.warmup=10", "fit.lr_schedule=one_cycle"]).contains("leave fit.warmup out"));
        assert!(told(&["fit.eps_convention=keras", "fit.optimizer=lamb"]).contains("\"rmsprop\""));
        for weightless in ["fit.beta1=1", "fit.beta2=1.0", "fit.ema_decay=1"] {
            assert!(told(&[weightless]).contains("from 0 to below 1"), "{weightless}");
        }
        let unused = told(&["fit.model=resnet8", "augment.featurewise_center=true"]);
        assert!(unused.contains("images.normalize = \"keras\""), "{unused}");
        assert!(told(&["fit.learning_rat=1"]).contains("fit.learning_rate"));
        #[cfg(not(feature = "cuda"))]
        assert!(told(&["fit.device=cuda:1"]).contains("cuda:1"));
    }

    #[test]
    fn validation_is_asked_for_where_it_is_needed() {
        let settings = |model, keys: &[&str]| {
            let mut settings = FitSettings::of(model);
            keys.iter().for_each(|key| settings.set(key).expect("a setting"));
            settings
        };
        for key in ["fit.early_stopping=3", "fit.monitor=val_accuracy"] {
            // A folder or a file of their own may have them whatever the split is.
            let settings = settings(ModelName::Mlp, &["data.validation_split=0", key]);
            settings.check().expect("seen when the data is");
            settings.check_validation(1).expect("there is one");
            let told = settings.check_validation(0).expect_err("refused").to_string();
            assert!(told.contains("data.validation_split") && told.contains("data has none"), "{told}");
        }
        settings(ModelName::Recommender, &[]).check_validation(0).expect("the newest weights are kept");
        let told = settings(ModelName::Recommender, &["fit.early_stopping=3"]).check_validation(0);
        assert!(told.expect_err("refused").to_string().contains("no user has three items"));
    }

    #[test]
    fn a_recipe_is_of_photographs_and_what_is_set_counts() {
        let augment = |keys: &[&str], digits: bool| {
            let mut settings = FitSettings::of(ModelName::ResNet8);
            if digits {
                settings.data.dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/digits").into();
            }
            keys.iter().for_each(|key| settings.set(key).expect("a setting"));
            settings.settle();
            settings.settle();
            let AugmentConfig { horizontal_flip, width_shift_range, height_shift_range, .. } = settings.augment;
            (horizontal_flip, width_shift_range, height_shift_range)
        };
        let (shift, none) = (|| Shift::Pixels(5), || AugmentConfig::default().width_shift_range);
        assert_eq!(augment(&[], false), (true, shift(), shift()));
        assert_eq!(augment(&[], true), (false, none(), none()));
        assert_eq!(augment(&["augment.horizontal_flip=true"], true), (true, none(), none()));
        assert_eq!(augment(&["augment.width_shift_range = 5"], true), (false, shift(), none()));
        // What a file says counts, too: so a run goes on as it began.
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.toml");
        let digits = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/digits");
        let text =
            format!("[fit]\nmodel = \"resnet8\"\n[data]\ndir = \"{digits}\"\n[augment]\nhorizontal_flip = true\n");
        std::fs::write(&file, text).expect("written");
        let mut settings = FitSettings::from_file(&file).expect("it reads");
        settings.settle();
        assert!(settings.augment.horizontal_flip && settings.augment.width_shift_range == none());
    }

    #[test]
    fn residual_networks_begin_with_the_recipes_of_their_papers() {
        let large = FitSettings::of(ModelName::ResNet50);
        assert_eq!((large.fit.learning_rate, large.fit.momentum, large.fit.weight_decay), (0.1, 0.9, 1e-4));
        assert_eq!((large.fit.epochs, large.fit.lr_schedule, large.images.width), (90, LrSchedule::Step, 224));
        let small = FitSettings::of(ModelName::ResNet8);
        assert_eq!((small.fit.lr_schedule, small.images.width), (LrSchedule::Cosine, 32));
        for settings in [large, small] {
            assert!(settings.check().is_ok());
            let mut read = FitSettings::of(settings.fit.model);
            config::load(&mut read.sections_mut(), &settings.to_toml(true), "config.toml").expect("it reads");
            assert_eq!(read, settings);
            let mut wrong = settings;
            wrong.images.validation_split = 0.2;
            assert!(wrong.check().expect_err("refused").to_string().contains("data.validation_split"));
        }
    }

    #[test]
    fn a_momentum_that_does_nothing_is_told_and_a_recipes_own_left_out() {
        let mut settings = FitSettings::of(ModelName::ResNet8);
        settings.set("fit.optimizer=adam").expect("a setting");
        settings.check().expect("a recipe's own");
        let mut told = settings.clone();
        told.set("fit.momentum=0.9").expect("a setting");
        told.settle();
        assert!(told.check().expect_err("refused").to_string().contains("fit.momentum is of \"sgd\" and \"rmsprop\""));
        // What is written of the run is no setting that somebody made.
        settings.settle();
        assert_eq!(settings.fit.momentum, 0.0);
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), settings.to_toml(true)).expect("written");
        let mut read = FitSettings::from_file(file.path()).expect("it reads");
        read.settle();
        read.check().expect("as it was");
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut settings = FitSettings::default();
        settings.fit.eps = Some(1e-7);
        settings.fit.class_weight = Some(ClassWeight::Of([("a b".to_owned(), 2.0), ("3".to_owned(), 0.5)].into()));
        settings.mlp.net_arch = vec![32];
        let mut read = FitSettings::default();
        config::load(&mut read.sections_mut(), &settings.to_toml(true), "config.toml").expect("it reads");
        assert_eq!(read, settings);
    }

    /// docs/supervised.md is made from the settings; `UPDATE_DOCS=1 cargo test` writes it anew.
    #[test]
    fn the_reference_in_the_docs_is_up_to_date() {
        check_reference("supervised.md", &FitSettings::default().reference());
    }
}
