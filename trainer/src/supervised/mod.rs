//! Supervised training: epochs over samples, a learning curve, and a model on disk.
//!
//! | module | holds |
//! |---|---|
//! | `config`, `settings` | what can be set |
//! | `fit`, `events` | the front door: settings in, a run on disk and its summary out; what it tells meanwhile |
//! | `summary` | what a fit comes to |
//! | `session` | the loop, a step of it, and all that going on with it needs |
//! | `parallel` | several processes that train one model together |
//! | `task`, `classification`, `recommendation`, `texts` | what is fitted: a model with its data |
//! | `staged` | a classifier in stages, one in each process |
//! | `pruning` | weights that become 0 while a network learns |
//! | `memory` | whether there is memory to learn, and what is said where there is not |
//! | `profile` | where the time of steps goes |
//! | `freeze` | layers that stay as they are |
//! | `report`, `curve`, `samples` | how a model does, in detail; what it makes of a few samples, epoch by epoch |
//! | `export` | a model's folder for other programs |
//! | `loaded` | models that are there: asked about files, judged, made smaller |
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

mod classification;
mod config;
mod curve;
mod events;
mod export;
mod fit;
mod freeze;
mod loaded;
mod memory;
mod parallel;
mod profile;
mod pruning;
mod recommendation;
mod report;
mod samples;
mod session;
mod settings;
mod staged;
mod summary;
mod task;
mod texts;

pub use classification::class_weight::ClassWeight;
pub use config::{
    DataConfig, EpsConvention, FitConfig, FitRunConfig, LrSchedule, MixConfig, MlpConfig, MlpInit, ModelName, Monitor,
    OptimizerName, Precision, Projection, ResNetFitConfig, T5FitConfig,
};
pub use events::{EpochEnd, FitEvent, FitProgress};
pub use export::{model_folder, t5_folder};
pub use fit::Fit;
pub use loaded::answers::Answers;
pub use loaded::calibration::{OnSamples, SamplesPhase, SamplesSeen};
pub use loaded::compress::{Compressed, CompressedLayer, Compression, CompressionReport, compress};
pub use loaded::evaluate::{Evaluation, evaluate, weights_of};
pub use loaded::half::HalfReport;
pub use loaded::quantize::{QuantizationOptions, QuantizationReport};
pub use loaded::saved::{Prediction, SavedModel, check_there, is_fit};
pub use loaded::sensitivity::{LayerSensitivity, Scan, SensitivityReport, sensitivity};
pub use parallel::{ParallelError, World};
pub use pruning::PruneConfig;
pub use recommendation::{
    Loss, Ranking, RankingReport, RatingsConfig, Recommendation, RecommendationReport, RecommenderConfig,
    SavedRecommender,
};
pub use report::{ClassReport, ClassificationReport, Report, TranslationReport, TranslationSample};
pub use samples::{Answer, Given, Look, Picture, Sample, Samples};
pub use settings::FitSettings;
pub use summary::FitSummary;
pub use task::Tally;
