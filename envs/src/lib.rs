//! Reinforcement-learning environments: Gymnasium's contract, its classic tasks bit for bit, and what
//! works on any environment.
//!
//! ```
//! use cartwheel_envs::make;
//!
//! let mut env = make("CartPole-v1")?;
//! env.reset(Some(42))?;
//! let mut episode_return = 0.0;
//! loop {
//!     let step = env.step(1)?;
//!     episode_return += step.reward;
//!     if step.terminated || step.truncated {
//!         break;
//!     }
//! }
//! assert_eq!(episode_return, 10.0);
//! # Ok::<(), cartwheel_envs::EnvError>(())
//! ```
//!
//! - To write an environment, implement [`Env`], try it with [`check_env`], and [`register`] it. A batch of one's own is a
//!   [`VectorEnv`], which [`check_vector_env`] tries.
//! - To use one, [`make`] it: an [`Environment`], stepped by hand.
//! - To train on many, [`make_vec`] them: a [`VectorEnv`], with same-step autoreset.
//! - An [`EnvBuilder`] does both, with all that can be asked for.
//! - To play one, hand keys to a [`Game`].
//! - To look at one, draw its [`Scene`]; a [`Rasterizer`] makes pixels of it.
//! - To compare one with Gymnasium's, replay recorded episodes with [`verify_file`].
//!
//! Observations are written into rows ([`Rows`], [`Row`], [`RowMut`]) that the caller owns, so stepping
//! allocates nothing. Random numbers come from a [`Generator`] that equals NumPy's: the same seed gives
//! the same episode as in Gymnasium.
//!
//! Families: Gymnasium's classic control and toy text, the same from the same seeds; MinAtar's five games
//! (`MinAtar/Breakout-v1` and so on), frame for frame those of its `minatar` package under the same draws; tasks with
//! goals (`BitFlip-v0`, `Reacher2D-v0`); a CartPole that hides its velocities (`MaskedCartPole-v1`); small ones for tests;
//! and, behind `py:`, any Gymnasium environment of Python, and behind `c:` those of shared libraries. [`list`](list()) names
//! all that are registered.

pub mod as_bytes;

mod action;
mod action_rows;
mod bridge;
mod builder;
mod check;
mod check_vector;
mod classic;
mod debug;
mod env;
mod environment;
mod error;
mod font;
mod forward;
mod gif;
mod goal;
mod key_bindings;
mod minatar;
mod panics;
mod play;
mod raster;
mod registry;
mod rows;
mod saved_state;
mod scene;
mod seeding;
mod shared_library;
mod space;
mod state_variable;
mod statistics;
mod toy_text;
mod vector;
mod verify;
mod wrappers;

pub use action::{Action, Actions, OwnedAction};
pub use action_rows::ActionRows;
pub use bridge::{BridgeOptions, OnWorkerDeath};
pub use builder::EnvBuilder;
pub use check::{Violation, check_env, same_reward};
pub use check_vector::check_vector_env;
pub use classic::{
    Acrobot, AcrobotState, CartPole, CartPoleConfig, CartPoleState, MaskedCartPole, MountainCar, MountainCarConfig,
    MountainCarContinuous, MountainCarContinuousConfig, MountainCarContinuousState, MountainCarState, Pendulum,
    PendulumConfig, PendulumState,
};
pub use debug::{
    BanditEnv, FramesConfig, FramesEnv, IdentityConfig, IdentityEnv, ScriptedConfig, ScriptedEnd, ScriptedEnv,
};
pub use env::{Env, Info, Step};
pub use environment::Environment;
pub use error::{EnvError, Result};
pub use gif::GifWriter;
pub use goal::{BitFlip, BitFlipConfig, Reacher2D, Reacher2DConfig, Reacher2DState, RewardType};
pub use key_bindings::{Key, KeyBindings, Pace};
pub use minatar::{
    Asterix, Breakout, Freeway, MinAtar, MinAtarAction, MinAtarConfig, MinAtarGame, Planes, Seaquest, SpaceInvaders,
};
pub use panics::{note_panics, panic_message};
pub use play::{Game, HumanPlayer, Phase, PlayedEpisode};
pub use raster::{Frame, Rasterizer};
pub use registry::{EnvSpec, Kwarg, Kwargs, list, make, make_vec, make_with, register, spec};
pub use rows::{Dtype, Element, Row, RowMut, Rows};
pub use scene::{Fit, Point, Rgba, Scene, Shape, Style};
pub use seeding::Generator;
pub use space::{Leaf, Space};
pub use state_variable::StateVariable;
pub use statistics::{RunningMeanStd, Statistics};
pub use toy_text::{
    Blackjack, BlackjackConfig, CliffWalking, CliffWalkingConfig, FrozenLake, FrozenLakeConfig, FrozenLakeMap,
    FrozenLakeMapName, Probability, Taxi, TaxiConfig,
};
pub use vector::{AutoresetMode, SyncVectorEnv, VectorEnv, VectorStep};
pub use verify::{EpisodeCheck, FileCheck, Mismatch, verify_file, verify_line};
pub use wrappers::{
    ACTION_MASK, ActionMap, ActionMaskObservation, ActionWrapper, AtariPreprocessing, AtariPreprocessingConfig, Bins,
    Bounds, ClipAction, ClipReward, DelayObservation, DiscretizeAction, DiscretizeObservation, DtypeObservation,
    EpisodeStatistics, FilterObservation, FlattenObservation, FrameStackObservation, GrayscaleObservation,
    MaxAndSkipObservation, Memory, Monitor, NormalizeObservation, NormalizeReward, ObservationMap, ObservationWrapper,
    Padding, RecordEpisodeStatistics, RecordVideo, RecordVideoConfig, RepeatAction, RescaleAction, RescaleObservation,
    ReshapeObservation, ResizeObservation, RewardMap, RewardWrapper, StickyAction, TimeAwareObservation, TimeLimit,
    TransformAction, TransformObservation, TransformReward, Trigger, WrapperInfo, WrapperParam, WrapperSpec,
    read_action_mask, register_wrapper, wrappers,
};
