//! What can stop a run.

use std::fmt;

use cartwheel_agents::PolicyError;
use cartwheel_agents::config::ConfigErrors;
use cartwheel_agents::models::t5::T5Error;
use cartwheel_agents::nn::{DeviceError, NnError};
use cartwheel_agents::quantization::QuantizationError;
use cartwheel_envs::EnvError;

use crate::data::image::ImageError;
use crate::data::image_folder::FolderError;
use crate::data::minari::MinariError;
use crate::data::mnist::MnistError;
use crate::data::parallel_text::TextError;
use crate::data::ratings::RatingsError;
use crate::run::RunError;
use crate::supervised::ParallelError;

/// An environment that failed, panicked, or answered with something that is not a number.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvFault {
    /// The environment's id.
    pub env_id: String,
    /// The run's number of the environment, where one is to blame.
    pub env: Option<usize>,
    /// The run's seed.
    pub seed: u64,
    /// Environment steps of the run before it.
    pub step: u64,
    /// Steps of its episode before it.
    pub episode_step: Option<u64>,
    /// What happened.
    pub what: String,
}

impl EnvFault {
    /// An actor that answers no more; what ended it was reported when it did.
    pub(crate) fn lost_actor() -> Self {
        Self {
            env_id: "an actor".into(),
            env: None,
            seed: 0,
            step: 0,
            episode_step: None,
            what: "its thread is gone".into(),
        }
    }
}

impl fmt::Display for EnvFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.env_id)?;
        if let Some(env) = self.env {
            write!(f, ", environment {env}")?;
        }
        write!(f, " (seed {}, at environment step {}", self.seed, self.step)?;
        if let Some(step) = self.episode_step {
            write!(f, ", step {step} of its episode")?;
        }
        write!(f, "): {}", self.what)
    }
}

/// Why training could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    // === before anything is trained ===
    /// Settings that are wrong in themselves.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// Settings that do not fit each other, the environment or the machine.
    #[error("{0}")]
    Unfit(String),
    /// The environment cannot be made.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// The run directory, or a file in it.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Weights that cannot be loaded.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Samples that cannot be read.
    #[error(transparent)]
    Data(#[from] MnistError),
    /// A picture that cannot be read.
    #[error("{0}; to go on without such files: images.on_broken = \"skip\"")]
    Image(ImageError),
    /// A file for a model to be asked about that does not fit it.
    #[error("{0}")]
    Input(String),
    /// A classifier that is not quantized.
    #[error(transparent)]
    Quantization(#[from] QuantizationError),
    /// Pairs of texts that cannot be read.
    #[error(transparent)]
    Texts(#[from] TextError),
    /// A T5 that cannot be loaded, or does not fit its texts.
    #[error(transparent)]
    T5(#[from] T5Error),
    /// Processes that cannot train together, or not any more.
    #[error(transparent)]
    Parallel(#[from] ParallelError),
    /// Ratings that cannot be read.
    #[error(transparent)]
    Ratings(#[from] RatingsError),
    /// Recorded episodes that cannot be read, or are of another environment.
    #[error(transparent)]
    Dataset(#[from] MinariError),
    /// The network cannot be built or restored.
    #[error(transparent)]
    Network(#[from] NnError),

    // === while training; a checkpoint was written if the run has got anywhere ===
    /// An environment failed.
    #[error("{0}")]
    EnvFault(EnvFault),
    /// The loss or a gradient is no longer a number.
    #[error(
        "{what} became {value} at update {update} (environment step {step}, seed {seed}): learning diverged; a smaller {section}.learning_rate, smaller rewards or a slower target often help"
    )]
    NotFinite {
        /// The metric, such as `train/loss`.
        what: &'static str,
        /// Where the algorithm's settings are, such as `dqn`.
        section: &'static str,
        /// Its value.
        value: f32,
        /// The gradient step.
        update: u64,
        /// Environment steps of the run.
        step: u64,
        /// The run's seed.
        seed: u64,
    },
    /// The loss of a supervised model is no longer a number.
    #[error(
        "{what} became {value} in epoch {epoch}, step {step} (seed {seed}), first in {layer}: learning diverged; a smaller fit.learning_rate, fit.max_grad_norm or fit.warmup often help"
    )]
    LossNotFinite {
        /// The loss or the gradient.
        what: &'static str,
        /// Its value.
        value: f64,
        /// Where it came from.
        layer: String,
        /// The epoch, from 1.
        epoch: u64,
        /// Steps of the optimizer before.
        step: u64,
        /// The run's seed.
        seed: u64,
    },
    /// The training device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

impl TrainError {
    /// Whether what was asked for is wrong (exit code 2), rather than something that failed on the way (1).
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) | Self::Unfit(_) | Self::Env(_) => true,
            Self::Run(error) => {
                matches!(error, RunError::Exists { .. } | RunError::BadName { .. } | RunError::NotARun { .. })
            }
            Self::Data(error) => matches!(error, MnistError::NoFolder { .. } | MnistError::Missing { .. }),
            Self::Texts(error) => matches!(error, TextError::Missing { .. } | TextError::SamePart { .. }),
            Self::T5(error) => error.is_usage(),
            Self::Parallel(error) => matches!(error, ParallelError::Unfit(_)),
            Self::Ratings(error) => error.is_usage(),
            Self::Dataset(error) => error.is_usage(),
            Self::Policy(error) => {
                matches!(error, PolicyError::Space(_) | PolicyError::Extractor(_) | PolicyError::Exploration(_))
            }
            Self::Network(error) => matches!(error, NnError::NoCuda { .. } | NnError::NoGpu { .. }),
            _ => false,
        }
    }
}

impl From<FolderError> for TrainError {
    fn from(error: FolderError) -> Self {
        if error.is_usage() { Self::Unfit(error.to_string()) } else { Self::Input(error.to_string()) }
    }
}

impl From<EnvFault> for TrainError {
    fn from(fault: EnvFault) -> Self {
        Self::EnvFault(fault)
    }
}
