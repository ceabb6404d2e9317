//! Samples that show what a classifier's layers make of images, and how far the look at them is.

use std::path::Path;

use super::labelled::{Labelled, Parts};
use super::saved::SavedModel;
use crate::TrainError;
use crate::data::loader::shuffled;
use crate::run::RunDir;
use crate::supervised::settings::FitSettings;
use crate::supervised::task::Part;

/// The seed of the order that samples to measure on are the first of.
const SEED: u64 = 0;

/// What samples are shown to a model for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplesPhase {
    /// Ranges of activations are measured, for int8.
    Calibrating,
    /// The model is asked in f32 and in int8.
    Judging,
    /// Activations that f16 has no room for are looked for.
    Looking,
    /// The model is asked with one layer compressed, layer by layer.
    Scanning,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplesSeen {
    /// With what.
    pub phase: SamplesPhase,
    /// Samples that were shown.
    pub done: usize,
    /// Samples that will be.
    pub total: usize,
}

/// Who is told how far it is, after each batch.
pub type OnSamples<'a> = &'a mut dyn FnMut(SamplesSeen);

impl SavedModel {
    /// Images of one's own, in `data`, or else those that its `run` was trained on.
    pub(crate) fn calibration(&self, run: Option<&RunDir>, data: Option<&Path>) -> Result<Parts, TrainError> {
        if let Some(data) = data {
            return self.any_pictures(data);
        }
        let Some(run) = run else {
            let such = if self.pipeline.is_some() { "a folder of images" } else { "a folder of MNIST's format" };
            return Err(TrainError::Unfit(format!(
                "{} does not say what it was trained on: name samples by --data PATH, such as {such}",
                self.file().display()
            )));
        };
        let settings = FitSettings::from_file(&run.config())?;
        self.pictures(settings.data_path().as_ref(), settings.data.validation_split).map_err(|error| {
            TrainError::Unfit(format!("{error}; the run was trained on that: name other samples by --data PATH"))
        })
    }
}

impl Labelled {
    /// The numbers of its samples in the order in which they are taken to measure on: the same each time.
    pub(crate) fn in_order(&self) -> Vec<usize> {
        shuffled(self.len(), SEED, 0)
    }

    /// Where they are, for people.
    pub(crate) fn place(&self) -> String {
        match self.part {
            Part::Train => self.root.clone(),
            Part::Validation => format!("{} (validation)", self.root),
            Part::Test => format!("{} (test)", self.root),
        }
    }
}
