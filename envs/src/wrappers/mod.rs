//! Environments around environments, by Gymnasium's names and with its meaning: one concern a file.
//!
//! | | |
//! |---|---|
//! | `observation`, `action`, `reward` | what is one function of the observation, the action or the reward |
//! | `memory`, `state` | what these remember, and how a wrapper is saved |
//! | the other files | wrappers that need a step of their own |
//! | `spec` | all of them by name, for configurations |

mod action;
mod action_mask;
mod atari_preprocessing;
mod bins;
mod image;
mod max_and_skip;
mod memory;
mod monitor;
mod observation;
mod record_episode_statistics;
mod record_video;
mod repeat_action;
mod rescale;
mod reward;
mod spec;
mod state;
mod time_limit;

pub use action::{
    ActionMap, ActionWrapper, ClipAction, DiscretizeAction, RescaleAction, StickyAction, TransformAction,
};
pub use action_mask::{ACTION_MASK, ActionMaskObservation, read_action_mask};
pub use atari_preprocessing::{AtariPreprocessing, AtariPreprocessingConfig};
pub use bins::Bins;
pub use max_and_skip::MaxAndSkipObservation;
pub use memory::Memory;
pub use monitor::Monitor;
pub use observation::{
    DelayObservation, DiscretizeObservation, DtypeObservation, FilterObservation, FlattenObservation,
    FrameStackObservation, GrayscaleObservation, NormalizeObservation, ObservationMap, ObservationWrapper, Padding,
    RescaleObservation, ReshapeObservation, ResizeObservation, TimeAwareObservation, TransformObservation,
};
pub use record_episode_statistics::{EpisodeStatistics, RecordEpisodeStatistics};
pub use record_video::{RecordVideo, RecordVideoConfig, Trigger};
pub use repeat_action::RepeatAction;
pub use rescale::Bounds;
pub use reward::{ClipReward, NormalizeReward, RewardMap, RewardWrapper, TransformReward};
pub use spec::{WrapperInfo, WrapperParam, WrapperSpec, register_wrapper, wrappers};
pub use time_limit::TimeLimit;

use crate::{Dtype, Env, EnvError, Result, Rows, Space};

/// Bounds and shape of the continuous actions that `wrapper` needs `env` to take.
fn continuous_actions(wrapper: &'static str, env: &impl Env) -> Result<(Vec<f32>, Vec<f32>, Vec<usize>)> {
    match env.action_space() {
        Space::Box { low, high, shape, dtype: Dtype::F32 } => Ok((low, high, shape)),
        space => Err(EnvError::UnfitWrapper {
            wrapper,
            needs: "continuous actions, a Box of float32",
            which: "action",
            space: space.to_string(),
            advice: "leave it out",
        }),
    }
}

/// The most numbers that a wrapper keeps: a gibibyte of floats. More are taken for a slip, before memory runs out.
const MOST_NUMBERS: usize = 1 << 28;

/// Refuses an argument of `wrapper` for which it would keep too many numbers, or more than can be counted.
fn check_size(wrapper: &str, argument: &str, found: impl std::fmt::Display, numbers: Option<usize>) -> Result<()> {
    match numbers {
        Some(numbers) if numbers <= MOST_NUMBERS => Ok(()),
        _ => Err(EnvError::bad_argument(wrapper, argument, found, "smaller: it would take more than 2^28 numbers")),
    }
}

/// The element of `space` that is nearest to zero (Gymnasium's `create_zero_array`).
fn nearest_to_zero(space: &Space) -> Rows {
    let mut zero = Rows::for_space(space, 1);
    for leaf in space.leaves() {
        for (i, at) in leaf.range.clone().enumerate() {
            let number = match leaf.space {
                Space::Box { low, high, .. } => f64::from(0.0_f32.clamp(low[i], high[i])),
                Space::Discrete { start, .. } => f64::from(*start),
                Space::MultiDiscrete { start, .. } => f64::from(start[i]),
                Space::MultiBinary { .. } | Space::Tuple(_) | Space::Dict(_) => 0.0,
            };
            zero.row_mut(0).set_number(at, number);
        }
    }
    zero
}
