//! Supervised training: epochs over samples, a learning curve, and a model on disk.
//!
//! | module | holds |
//! |---|---|
//! | `config`, `settings` | what can be set |
//! | `fit` | the front door: settings in, a run on disk and its summary out |
//! | `session`, `step`, `checkpoint` | the loop, a step of it, and all that going on with it needs |
//! | `parallel` | several processes that train one model together |
//! | `profile` | where the time of steps goes |
//! | `staged`, `whole` | a model in stages, and what they have as one |
//! | `room` | what a device says that has no room for a batch |
//! | `watched` | what the loop does for viewers |
//! | `task`, `classification`, `recommendation`, `texts` | what is fitted: a model with its data |
//! | `class_weight` | classes of unequal size that count alike |
//! | `pictures`, `grey` | where a classifier's pictures come from: folders, or MNIST's files |
//! | `report`, `confusion`, `curve`, `samples` | how a model does, in detail; what it makes of a few samples, epoch by epoch |
//! | `export` | a model's folder for other programs |
//! | `saved`, `input`, `answers` | a model's file, and models made from one, which are asked about files |
//! | `evaluate`, `labelled` | how a model that is there does on other samples, and where these come from |
//! | `calibration` | samples that show what layers make of pictures |
//! | `quantize`, `half` | a model in integers of 8 bits, and what that costs it; whether it fits f16 |
//! | `transfer`, `freeze` | the weights of another model that a classifier begins with, and layers that stay as they are |
//! | `pruning`, `compress` | weights that become 0 while a network learns, or at once; layers of a lower rank |
//!
//! ```no_run
//! use cartwheel_trainer::supervised::{Fit, FitSettings, Report};
//!
//! let mut settings = FitSettings::default();
//! settings.data.dir = "mnist".into();
//! let summary = Fit::new(settings).run()?;
//! if let Some(Report::Classification(report)) = summary.report {
//!     println!("accuracy: {}", report.accuracy);
//! }
//! # Ok::<(), cartwheel_trainer::TrainError>(())
//! ```

mod answers;
mod calibration;
mod checkpoint;
mod class_weight;
mod classification;
mod compress;
mod config;
mod confusion;
mod curve;
mod evaluate;
mod events;
mod export;
mod fit;
mod freeze;
mod grey;
mod half;
mod input;
mod labelled;
mod parallel;
mod pictures;
mod profile;
mod pruning;
mod quantize;
mod recommendation;
mod report;
mod room;
mod samples;
mod saved;
mod session;
mod settings;
mod staged;
mod step;
mod task;
mod texts;

mod transfer;
mod watched;
mod whole;

pub use answers::Answers;
pub use calibration::{OnSamples, SamplesSeen, Stage};
pub use class_weight::ClassWeight;
pub use classification::Classification;
pub use compress::{Compressed, CompressedLayer, Compression, CompressionReport, compress};
pub use config::{
    DataConfig, EpsConvention, FitConfig, FitRunConfig, LrSchedule, MixConfig, MlpConfig, MlpInit, ModelName, Monitor,
    OptimizerName, Precision, Projection, ResNetFitConfig, T5FitConfig,
};
pub use evaluate::{Evaluation, evaluate, weights_of};
pub use events::{EpochEnd, FitEvent, FitProgress};
pub use export::{model_folder, t5_folder};
pub use fit::{Fit, FitSummary};
pub use half::HalfReport;
pub use parallel::{ParallelError, World};
pub use pruning::PruneConfig;
pub use quantize::{QuantizationOptions, QuantizationReport};
pub use recommendation::{
    Loss, Ranking, RankingReport, RatingsConfig, Recommendation, RecommendationReport, RecommendationTask,
    RecommenderConfig, SavedRecommender,
};
pub use report::{ClassReport, ClassificationReport, Report, TranslationReport, TranslationSample};
pub use samples::{Answer, Given, Look, Picture, Sample, Samples};
pub use saved::{Prediction, SavedModel, is_fit};
pub use settings::FitSettings;
pub use task::{Companion, Crowd, Part, Purpose, Tally, Task};
pub use texts::Texts;
