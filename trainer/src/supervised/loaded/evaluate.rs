//! Judging a model that is there on samples of anybody's choice.

use std::path::{Path, PathBuf};

use super::labelled::Parts;
use super::saved::SavedModel;
use crate::TrainError;
use crate::run::RunDir;
use crate::supervised::classification::confusion::Counts;
use crate::supervised::export::model_folder;
use crate::supervised::recommendation::{RecommendationTask, SavedRecommender};
use crate::supervised::report::{ClassificationReport, Report};
use crate::supervised::settings::FitSettings;
use crate::supervised::task::{Part, Purpose, Task as _};
use crate::supervised::texts::Texts;

/// What a model came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// How it does.
    pub report: Report,
    /// Files that gave no image, and why.
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
    let model = SavedModel::open(weights, labels)?;
    model.check_finite()?;
    let (report, broken) = model.evaluate(data)?;
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
    /// How it does on the images in `data`, and which files gave none.
    pub(crate) fn evaluate(&self, data: &Path) -> Result<(ClassificationReport, Vec<String>), TrainError> {
        let Parts { train, held_out, .. } = self.pictures(data, 0.0)?;
        let pictures = held_out.unwrap_or(train);
        let (labels, mut broken) = (self.labels(), Vec::new());
        let mut counts = Counts::new(labels.len());
        pictures.each((0..pictures.len()).collect(), &mut |batch| {
            broken.extend(batch.skipped);
            let logits = self.logits(batch.x)?;
            for (class, logits) in batch.classes.iter().zip(logits.chunks_exact(labels.len())) {
                counts.see(*class as usize, logits);
            }
            Ok(())
        })?;
        Ok((counts.report(pictures.root, labels), broken))
    }
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
