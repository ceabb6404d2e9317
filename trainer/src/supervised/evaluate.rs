//! Judging a model that is there on samples of anybody's choice.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::confusion::Counts;
use super::export::model_folder;
use super::pictures::BATCH_IN_USE;
use super::recommendation::{RecommendationTask, SavedRecommender};
use super::report::{ClassificationReport, Report};
use super::saved::SavedModel;
use super::settings::FitSettings;
use super::task::{Part, Purpose, Task as _};
use super::texts::Texts;
use crate::TrainError;
use crate::data::image::Pipeline;
use crate::data::image_folder::{ImageFolder, ImageSamples};
use crate::data::image_parts::ImageParts;
use crate::data::loader::{LoaderOptions, OnBroken, batches};
use crate::data::mnist::Mnist;
use crate::run::RunDir;

/// What a model came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// How it does.
    pub report: Report,
    /// Files that gave no picture, and why.
    pub broken: Vec<String>,
}

/// Judges `model`, a run or a file of a classifier's weights, with the weights in the file `weights`, on the samples in `data`: what
/// `fit --data` takes, all of it, or of a folder with parts those to test, or else those to validate. Classes may have other
/// names with `labels`, a file with one a line.
///
/// # Errors
/// If there is no such model, or the samples cannot be read or have classes that it does not know.
pub fn evaluate(model: &Path, weights: &Path, labels: Option<&Path>, data: &Path) -> Result<Evaluation, TrainError> {
    if SavedRecommender::is_one(model) {
        return Ok(Evaluation { report: ratings(model, weights, data)?, broken: Vec::new() });
    }
    if model.is_dir() && model_folder(model).is_dir() {
        return Ok(Evaluation { report: texts(model, weights, data)?, broken: Vec::new() });
    }
    let (report, broken) = SavedModel::open(weights, labels)?.evaluate(data)?;
    Ok(Evaluation { report: Report::Classification(report), broken })
}

/// How the recommender of a run does on other ratings. Those that it was fitted to say what is new.
fn ratings(run: &Path, weights: &Path, data: &Path) -> Result<Report, TrainError> {
    let run = RunDir::open(run)?;
    let settings = FitSettings::from_file(&run.config())?;
    let mut task = RecommendationTask::new(&settings, Purpose::Judging)?;
    task.keep_beside(&run)?;
    task.parameters_mut().load_safetensors(weights)?;
    task.judge(data, &settings.ratings.columns())
}

/// How the T5 of a run does on pairs of texts.
fn texts(run: &Path, weights: &Path, data: &Path) -> Result<Report, TrainError> {
    let run = RunDir::open(run)?;
    let mut settings = FitSettings::from_file(&run.config())?;
    settings.data.dir = data.display().to_string();
    settings.data.validation_split = 0.0;
    let mut texts = Texts::new(&settings, Some(&model_folder(run.path())), Purpose::Judging)?;
    texts.parameters_mut().load_safetensors(weights)?;
    let parts = [Part::Test, Part::Validation, Part::Train].into_iter();
    let part = parts.clone().find(|part| texts.samples(*part) > 0).unwrap_or(Part::Train);
    let mut report = texts.report(part)?;
    if let Report::Translation(report) = &mut report {
        report.part = data.display().to_string();
    }
    Ok(report)
}

impl SavedModel {
    /// How it does on the pictures in `data`, and which files gave none.
    pub(super) fn evaluate(&self, data: &Path) -> Result<(ClassificationReport, Vec<String>), TrainError> {
        match &self.pipeline {
            Some(pipeline) => self.folder(pipeline, data),
            None => Ok((self.grey(data)?, Vec::new())),
        }
    }

    /// The same of MNIST's files.
    fn grey(&self, data: &Path) -> Result<ClassificationReport, TrainError> {
        let Mnist { train, test } = Mnist::read(data)?;
        let images = test.unwrap_or(train);
        let labels = self.labels();
        let unfit = |reason: String| TrainError::Unfit(format!("{} {reason}", data.display()));
        if images.size != self.size() {
            return Err(unfit(format!(
                "has images of {:?} rows and columns, and the model takes {:?}",
                images.size,
                self.size()
            )));
        }
        if let Some(class) = images.labels.iter().find(|class| usize::from(**class) >= labels.len()) {
            return Err(unfit(format!("has the class {class}, and the model knows {}", labels.len())));
        }
        let mut counts = Counts::new(labels.len());
        let all: Vec<usize> = (0..images.len()).collect();
        for indices in all.chunks(BATCH_IN_USE) {
            let (x, classes) = images.batch(indices);
            self.count(x, classes.iter().map(|class| *class as usize), &mut counts)?;
        }
        Ok(counts.report(data.display().to_string(), labels))
    }

    /// The same of folders of pictures.
    fn folder(&self, pipeline: &Pipeline, data: &Path) -> Result<(ClassificationReport, Vec<String>), TrainError> {
        let parts =
            ImageParts::open(data, pipeline.follows_links()).map_err(|error| TrainError::Unfit(error.to_string()))?;
        let mut folder = parts.test.or(parts.validation).unwrap_or(parts.train);
        let root = folder.root.display().to_string();
        if folder.files.is_empty() {
            return Err(TrainError::Unfit(format!("{root}: there are no images in its folders")));
        }
        let class = self.classes_of(&folder)?;
        folder.files.iter_mut().for_each(|file| file.label = class[file.label]);
        let samples = Arc::new(ImageSamples { files: folder.files, pipeline: pipeline.clone(), seed: None });
        let (labels, mut broken) = (self.labels(), Vec::new());
        let mut counts = Counts::new(labels.len());
        let num_workers = std::thread::available_parallelism().map_or(1, usize::from);
        let options =
            LoaderOptions { batch_size: BATCH_IN_USE, num_workers, prefetch_factor: 1, on_broken: OnBroken::Skip };
        for batch in batches(&samples, 0, (0..samples.files.len()).collect(), options) {
            let batch = batch.map_err(|error| TrainError::Input(error.to_string()))?;
            broken.extend(batch.broken.iter().map(|(_, error)| error.to_string()));
            self.count(batch.inputs, batch.labels.into_iter(), &mut counts)?;
        }
        match broken.first() {
            Some(first) if broken.len() == samples.files.len() => {
                let all = broken.len();
                Err(TrainError::Input(format!("{root}: none of its {all} images can be read, such as {first}")))
            }
            _ => Ok((counts.report(root, labels), broken)),
        }
    }

    fn count(&self, x: Vec<f32>, classes: impl Iterator<Item = usize>, counts: &mut Counts) -> Result<(), TrainError> {
        let logits = self.logits(x)?;
        for (class, logits) in classes.zip(logits.chunks_exact(self.labels().len())) {
            counts.see(class, logits);
        }
        Ok(())
    }

    /// For each class of the folder its number in the model: by name, or, where the model knows numbers alone, as torchvision's
    /// files do, by place.
    fn classes_of(&self, folder: &ImageFolder) -> Result<Vec<usize>, TrainError> {
        let labels = self.labels();
        let named = |name: &String| labels.iter().position(|label| label == name);
        let numbers = labels.iter().enumerate().all(|(class, label)| *label == class.to_string());
        let found: Vec<Option<usize>> = folder.classes.iter().map(named).collect();
        if let Some(found) = found.iter().copied().collect::<Option<Vec<_>>>() {
            return Ok(found);
        }
        if numbers && folder.classes.len() == labels.len() {
            return Ok((0..labels.len()).collect());
        }
        let unknown =
            folder.classes.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(name, _)| name.as_str());
        Err(TrainError::Unfit(format!(
            "{} has folders of {}, which the model does not know: its {} classes are {}",
            folder.root.display(),
            some(unknown),
            labels.len(),
            some(labels.iter().map(String::as_str))
        )))
    }
}

/// The first of some names.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let names: Vec<&str> = names.collect();
    let more = if names.len() > SHOWN { " and so on" } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}

/// The weights of `model` that `which` means: of a run its best ones, its latest ones, or those in a file; a file is meant itself.
///
/// # Errors
/// If there is no such run.
pub fn weights_of(model: &Path, which: &str) -> Result<PathBuf, TrainError> {
    if model.is_file() {
        return Ok(model.to_owned());
    }
    let run = RunDir::open(model)?;
    Ok(match which {
        "best" => run.best_weights(),
        "latest" => run.latest_weights(),
        file => PathBuf::from(file),
    })
}
