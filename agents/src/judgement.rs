//! What a policy makes of the actions it has, for people to see.

use serde::{Deserialize, Serialize};

use crate::support::Support;

/// What a policy makes of the actions it has. Algorithms of other kinds add their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Judgement {
    /// Nothing yet.
    #[default]
    None,
    /// A value for each action.
    QValues(Vec<f32>),
    /// A chance for each action; where an action has several parts, those of one part after the other.
    Probabilities(Vec<f32>),
    /// A normal distribution of each number of the action, in the environment's units.
    Gaussian {
        /// Their means.
        mean: Vec<f32>,
        /// Their standard deviations.
        std: Vec<f32>,
    },
    /// How the returns of each action are distributed.
    Returns {
        /// Their means: a value for each action.
        values: Vec<f32>,
        /// The chance of each return of `support`, those of one action after the other.
        chances: Vec<f32>,
        /// The returns that have chances.
        support: Support,
    },
    /// Quantiles of the returns of each action.
    Quantiles {
        /// Their means: a value for each action.
        values: Vec<f32>,
        /// Those of one action after the other.
        quantiles: Vec<f32>,
    },
}

impl Judgement {
    /// Bytes that its numbers take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::None => 0,
            Self::QValues(values) | Self::Probabilities(values) => size_of_val(values.as_slice()),
            Self::Gaussian { mean, std } => size_of_val(mean.as_slice()) + size_of_val(std.as_slice()),
            Self::Returns { values, chances: more, .. } | Self::Quantiles { values, quantiles: more } => {
                size_of_val(values.as_slice()) + size_of_val(more.as_slice())
            }
        }
    }

    /// The value of each action, where it says one.
    pub fn values(&self) -> Option<&[f32]> {
        match self {
            Self::QValues(values) | Self::Returns { values, .. } | Self::Quantiles { values, .. } => Some(values),
            Self::None | Self::Probabilities(_) | Self::Gaussian { .. } => None,
        }
    }

    /// Its room for numbers, emptied: what takes its place needs no other.
    pub(crate) fn into_buffers(self) -> [Vec<f32>; 2] {
        let mut buffers = match self {
            Self::None => Default::default(),
            Self::QValues(values) | Self::Probabilities(values) => [values, Vec::new()],
            Self::Gaussian { mean, std } => [mean, std],
            Self::Returns { values, chances: more, .. } | Self::Quantiles { values, quantiles: more } => [values, more],
        };
        buffers.iter_mut().for_each(Vec::clear);
        buffers
    }
}
