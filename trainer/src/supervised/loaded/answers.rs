//! Asking a model about many files: threads read them ahead, and the model answers batch by batch.

use std::ops::ControlFlow;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::saved::{Prediction, SavedModel};
use crate::TrainError;
use crate::data::image_folder::{ImageFile, ImageSamples, images_below};
use crate::data::loader::{LoaderOptions, OnBroken, batches};
use crate::supervised::classification::pictures::BATCH_IN_USE;

/// What a model makes of a file: the likeliest classes of each image in it, or why there is no image.
pub type Answers = Result<Vec<Vec<Prediction>>, TrainError>;

impl SavedModel {
    /// The files that `inputs` stand for: files as they are, and of a folder the images in it and below it, sorted by folder and
    /// then by name.
    ///
    /// # Errors
    /// The first one that is not there, a folder without images, or a device such as `/dev/zero`.
    pub fn files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, TrainError> {
        let mut files = Vec::new();
        for input in inputs {
            let name = input.display();
            let found =
                std::fs::metadata(input).map_err(|error| TrainError::Unfit(format!("cannot read {name}: {error}")))?;
            if found.file_type().is_char_device() {
                return Err(TrainError::Unfit(format!(
                    "{name} is a device, which has no end: name a file or a folder"
                )));
            }
            if !found.is_dir() {
                files.push(input.clone());
                continue;
            }
            let images = images_below(input, false)?;
            if images.is_empty() {
                return Err(TrainError::Unfit(format!(
                    "{name} is a folder without images: name one that has some, or files"
                )));
            }
            files.extend(images);
        }
        Ok(files)
    }

    /// Tells of each of `files`, in their order, the likeliest `top` classes of what is in it; or why nothing is, and goes on with
    /// the next one. Ends early if told to.
    ///
    /// # Errors
    /// If the device fails.
    pub fn ask(
        &self,
        files: Vec<PathBuf>,
        top: usize,
        tell: &mut dyn FnMut(&Path, Answers) -> ControlFlow<()>,
    ) -> Result<(), TrainError> {
        let Some(pipeline) = &self.pipeline else {
            for file in files {
                let answers = self.read(&file).and_then(|x| self.predict(&x, top));
                if tell(&file, answers).is_break() {
                    break;
                }
            }
            return Ok(());
        };
        let files = files.into_iter().map(|path| ImageFile { path, label: 0 }).collect();
        let samples = Arc::new(ImageSamples { files, pipeline: pipeline.clone(), seed: None });
        let num_workers = std::thread::available_parallelism().map_or(1, usize::from);
        let options =
            LoaderOptions { batch_size: BATCH_IN_USE, num_workers, prefetch_factor: 1, on_broken: OnBroken::Skip };
        for batch in batches(&samples, 0, (0..samples.files.len()).collect(), options) {
            let batch = batch.map_err(|error| TrainError::Input(error.to_string()))?;
            let answers = self.predict(&batch.inputs, top)?;
            let whole = batch.indices.into_iter().zip(answers).map(|(index, top)| (index, Ok(vec![top])));
            let broken =
                batch.broken.into_iter().map(|(index, error)| (index, Err(TrainError::Input(error.to_string()))));
            let mut told: Vec<(usize, Answers)> = whole.chain(broken).collect();
            told.sort_by_key(|(index, _)| *index);
            for (index, answers) in told {
                if tell(&samples.files[index].path, answers).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
