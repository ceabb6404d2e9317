//! What is fitted: a model with its data.

use std::collections::HashMap;
use std::sync::Arc;

use cartwheel_agents::models::{Cost, Piece};
use cartwheel_agents::nn::{Gradients, Parameters, Place};
use serde::{Deserialize, Serialize};

use super::parallel::Group;
use super::report::Report;
use super::samples::{Answer, Sample};
use super::settings::FitSettings;
use crate::TrainError;
use crate::run::RunDir;

/// Samples by what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Learnt from.
    Train,
    /// Says which weights are the best.
    Validation,
    /// Looked at once, at the end.
    Test,
}

/// What a task is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To learn, where the settings say, beside others.
    Learning(Parallelism),
    /// To be judged as it is, on the processor.
    Judging,
}

/// Those that learn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parallelism {
    /// Processes on this machine.
    pub processes: usize,
    /// Stages that the model is cut into.
    pub stages: usize,
}

impl Purpose {
    /// To learn, as the only process.
    #[cfg(test)]
    pub(crate) const LEARNING: Self = Self::Learning(Parallelism { processes: 1, stages: 1 });

    /// Where the model computes.
    pub(super) fn place(self, settings: &FitSettings) -> Result<Place, TrainError> {
        match self {
            Self::Learning(_) => Ok(settings.fit.device.open()?),
            Self::Judging => Ok(Place::Processor),
        }
    }
}

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    pub samples: u64,
    /// What their losses count together: each sample 1, or as much as its class, and of texts each token 1.
    pub weight: f64,
    /// Of their losses.
    pub loss: f64,
    /// Those that came out right; of one that is right in some orders of ties only, the share of these.
    pub correct: f64,
}

impl Part {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl Tally {
    /// Of one sample.
    pub fn one(loss: f64, correct: f64) -> Self {
        Self { samples: 1, weight: 1.0, loss, correct }
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.weight += other.weight;
        self.loss += other.loss;
        self.correct += other.correct;
    }

    /// Both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.add(other);
        self
    }

    /// The mean loss; 0 of no samples.
    pub fn mean_loss(&self) -> f64 {
        if self.samples == 0 { 0.0 } else { self.loss / self.weight }
    }

    /// The share that came out right.
    pub fn accuracy(&self) -> f64 {
        self.correct / self.samples.max(1) as f64
    }
}

/// A file that other programs want beside a model's weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExtraFile {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A model with its data: what the loop works on.
pub(crate) trait Task {
    /// The model's parameters.
    fn parameters(&self) -> &Parameters;

    /// The same, to be changed.
    fn parameters_mut(&mut self) -> &mut Parameters;

    /// What the share of samples that came out right is called in metrics.
    fn score(&self) -> &'static str {
        "accuracy"
    }

    /// Whether it is counted in training too. Of a model that ranks it is not: that takes more than a batch.
    fn scores_training(&self) -> bool {
        true
    }

    /// What people should know of the data, in words.
    fn notices(&self) -> Vec<String> {
        Vec::new()
    }

    /// Writes what else is needed to use the model into the run's folder, before training.
    ///
    /// # Errors
    /// If it cannot be written, or the data is not what it was when the run began.
    fn keep_beside(&self, _run: &RunDir) -> Result<(), TrainError> {
        Ok(())
    }

    /// How many samples there are of a part.
    fn samples(&self, part: Part) -> usize;

    /// Shows `see`, byte by byte, what tells these samples and their order from others: a run is gone on with on the same alone.
    fn identify(&self, see: &mut dyn FnMut(&[u8]));

    /// What the sum of the losses of the training samples `indices` is divided by for a step: their number for the mean.
    fn divisor(&self, indices: &[usize]) -> f64 {
        indices.len() as f64
    }

    /// Says which training samples of an epoch [`learn`](Self::learn) will be told next, in which order: for those who read ahead.
    fn expect(&mut self, _epoch: u64, _order: Vec<usize>) {}

    /// Adds the gradient of the sum of the losses of the training samples `batches`, which are learnt from one batch after the other,
    /// divided by `divisor`, to `gradients`. Random draws are to be keyed by the seed, the epoch and the index, so that nothing else
    /// decides them. Answers the sums over those that could be read, whose weight is what `divisor` would be of them alone. Of a model in
    /// stages the first one answers.
    ///
    /// # Errors
    /// If the device fails, or a sample cannot be read.
    fn learn(
        &mut self,
        epoch: u64,
        batches: &[Vec<usize>],
        divisor: f64,
        gradients: &mut Gradients,
    ) -> Result<Tally, TrainError>;

    /// How the model does on a part.
    ///
    /// # Errors
    /// If the device fails, or a sample cannot be read.
    fn evaluate(&mut self, part: Part) -> Result<Tally, TrainError>;

    /// Metrics of the validation samples after `epoch` epochs, beside loss and score.
    ///
    /// # Errors
    /// If the device fails.
    fn measure(&mut self, _epoch: u64) -> Result<Vec<(&'static str, f64)>, TrainError> {
        Ok(Vec::new())
    }

    /// A few samples of a part, spread evenly over it, and what the model makes of each now, the best answer first: for people
    /// to look at. Nothing that is random may be drawn for it, and what cannot be read is left out.
    ///
    /// # Errors
    /// If the device fails.
    fn show(&mut self, _part: Part) -> Result<Vec<(Sample, Vec<Answer>)>, TrainError> {
        Ok(Vec::new())
    }

    /// How it does in detail.
    ///
    /// # Errors
    /// If the device fails, or a sample cannot be read.
    fn report(&mut self, part: Part) -> Result<Report, TrainError>;

    /// Files of samples that are broken and were gone on without, so far, and why.
    fn skipped(&self) -> Vec<String> {
        Vec::new()
    }

    /// The first layer whose output for the training samples `indices` is not finite.
    ///
    /// # Errors
    /// If the device fails.
    fn not_finite(&self, epoch: u64, indices: &[usize]) -> Result<Option<String>, TrainError>;

    /// What the header of its files says of it.
    fn metadata(&self) -> HashMap<String, String>;

    /// What makes a folder of its weights that other programs load; nothing if there is no such folder.
    fn extra_files(&self) -> &[ExtraFile] {
        &[]
    }

    /// What the model costs.
    fn cost(&self) -> Cost;

    /// What is in one stage as a whole, if the model can be cut into stages.
    fn pieces(&self) -> Vec<Piece> {
        Vec::new()
    }

    /// Keeps this process's stage of the model. All `stages` call the same functions in the same order from then on; what only one of
    /// them knows, the first answers.
    fn enter(&mut self, _stages: Arc<Group>) {}
}
