//! What a run and its viewers say to each other: postcard messages, each behind its length (4 bytes, little-endian).
//!
//! A connection begins with the viewer's greeting, of fixed size so that nothing is parsed of a stranger: [`MAGIC`],
//! [`VERSION`] (4 bytes, little-endian) and the token of the run's `watch.json` (16 bytes). The run answers with
//! [`MAGIC`], its own version and one byte, a [`Verdict`]; then both sides send messages. Enums only grow at their ends, and
//! a change to what is there is a new version.

use std::net::SocketAddr;
use std::time::Duration;

pub use cartwheel_agents::Judgement;
use cartwheel_envs::{OwnedAction, Scene};
use serde::{Deserialize, Serialize};

/// The first bytes of either side.
pub const MAGIC: [u8; 8] = *b"cartwhee";
/// The version of this protocol.
pub const VERSION: u32 = 5;
/// The longest message, in bytes: a length beyond it is refused before anything is allocated.
pub const MAX_MESSAGE: usize = 16 << 20;
/// A viewer that was not heard from for so long is frozen: it is disconnected, and what it held is let go. Who has nothing
/// to say sends [`Request::Ping`], as a `Connection` does by itself while it is read from.
pub const SILENCE: Duration = Duration::from_secs(5);

/// `watch.json`, by which a viewer finds a live run. Only its owner may read it: the token grants control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchFile {
    /// [`VERSION`] of the run.
    pub protocol: u32,
    /// Where it listens: a loopback address.
    pub address: SocketAddr,
    /// 32 hexadecimal digits.
    pub token: String,
    /// The process; 0 of one on another machine.
    pub pid: u32,
}

/// The run's answer to a greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// Messages follow.
    Welcome = 0,
    /// The token is of another run.
    WrongToken = 1,
    /// The versions differ.
    OtherVersion = 2,
    /// As many viewers as may be are attached.
    Full = 3,
}

/// From a viewer to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// What to send from now on, until another.
    Watch(Interest),
    /// Something to do, answered by [`Reply::Done`] with the same `id`.
    Command {
        /// The viewer's number for it.
        id: u32,
        /// What to do.
        command: Command,
    },
    /// A part of one of the run's files, answered by [`Reply::Bytes`].
    Read {
        /// Which.
        file: RunFile,
        /// The first byte.
        offset: u64,
        /// At most so many bytes.
        limit: u32,
    },
    /// The present weights, answered by [`Reply::Weights`] if they are newer than this version.
    Weights {
        /// The version that the viewer has.
        newer_than: Option<u64>,
    },
    /// A map of the replay buffer, answered by [`Reply::ReplayMap`].
    ReplayMap(ReplayQuery),
    /// Transitions of one cell of such a map, answered by [`Reply::Transitions`].
    Transitions {
        /// The map.
        query: ReplayQuery,
        /// The cell: column and row.
        cell: (u32, u32),
        /// At most so many.
        limit: u32,
    },
    /// The viewer is there: see [`SILENCE`].
    Ping,
}

/// The most environments that a viewer is shown at once: drawing them is the actors' time.
pub const MAX_ENVS: u32 = 256;
/// The most frames a second.
pub const MAX_HZ: f32 = 240.0;
/// The least speed limit, in vector steps a second.
pub const MIN_SPEED: f32 = 1e-3;

/// What a viewer wants to see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interest {
    /// The numbers of the environments; what is beyond [`MAX_ENVS`] is left out.
    pub envs: std::ops::Range<u32>,
    /// Frames a second, at most [`MAX_HZ`]; 0 for none. While the run is slower than this, every step is sent.
    pub hz: f32,
    /// The environment whose observations are sent too.
    pub inspected: Option<u32>,
    /// Whether to send what the threads do.
    pub lanes: bool,
}

/// Something that a viewer does to a run, between two vector steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Waits before the next vector step.
    Pause,
    /// Goes on.
    Resume,
    /// So many vector steps, then waits again.
    Step(u32),
    /// At most so many vector steps a second, [`MIN_SPEED`] or more; `None` is as fast as it goes.
    Speed(Option<f32>),
    /// Explores with this chance; `None` returns to the schedule. The run is then no longer what its seed gives.
    Epsilon(Option<f32>),
    /// A person chooses for an environment, until told otherwise (`None`). The run is then no longer what its seed gives.
    TakeOver {
        /// The environment.
        env: u32,
        /// The action of each step, as the environment counts it.
        action: Option<OwnedAction>,
    },
    /// Ends the run in order, with a checkpoint.
    Stop,
}

/// A file of a run that viewers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RunFile {
    /// `config.toml`
    Config,
    /// `run.json`
    Manifest,
    /// `metrics.jsonl`
    Metrics,
    /// `episodes.bin`
    Episodes,
    /// `episodes.idx`
    EpisodeIndex,
    /// `checkpoints/latest.safetensors`
    LatestWeights,
    /// `checkpoints/best.safetensors`
    BestWeights,
    /// `samples.bin`, of a model that is fitted to data.
    Samples,
}

/// From a run to a viewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// The run: the first message.
    Welcome(Welcome),
    /// Where the run is: sent ten times a second.
    Status(Status),
    /// Environments as they are now.
    Frames(Vec<EnvFrame>),
    /// What the threads did, ten times a second if it is wanted.
    Lanes(Lanes),
    /// A command was carried out, or why not.
    Done {
        /// The viewer's number for it.
        id: u32,
        /// The run's environment steps at which it took effect.
        step: u64,
        /// Why not.
        problem: Option<String>,
    },
    /// A part of a file.
    Bytes {
        /// Which.
        file: RunFile,
        /// The first byte.
        offset: u64,
        /// The whole file's length; 0 where there is none.
        length: u64,
        /// When the file was written, in nanoseconds since 1970: one of the same length that was replaced is told by it.
        modified: u64,
        /// The bytes that are there.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// The present weights.
    Weights(WeightsReply),
    /// A map of the replay buffer.
    ReplayMap(ReplayMap),
    /// Transitions of a cell.
    Transitions {
        /// The cell.
        cell: (u32, u32),
        /// The newest first.
        transitions: Vec<Transition>,
    },
    /// The run is over, and its files are as they will stay. Nothing follows but answers to [`Request::Read`], for who copies the
    /// files and goes on asking; it hangs up when it has them all.
    Ended,
}

/// What a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The folder's name.
    pub run: String,
    /// Environments.
    pub n_envs: u32,
    /// Its length in environment steps.
    pub total_timesteps: u64,
    /// Where the network is trained.
    pub device: String,
    /// Names of the threads that [`Lanes`] tells of.
    pub lanes: Vec<String>,
}

/// Where a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Environment steps.
    pub step: u64,
    /// Gradient updates.
    pub updates: u64,
    /// Finished episodes.
    pub episodes: u64,
    /// Mean return of the last episodes.
    pub mean_return: Option<f64>,
    /// The chance of exploring now.
    pub epsilon: f32,
    /// Whether it waits for [`Command::Resume`] or [`Command::Step`].
    pub paused: bool,
    /// The asked limit of vector steps a second.
    pub speed: Option<f32>,
    /// Vector steps a second, as measured over the last second.
    pub measured_speed: f32,
    /// Transitions in the replay buffer, and how many it holds.
    pub replay: (u64, u64),
    /// Rollouts that wait for the learner, and how many may.
    pub queue: (u32, u32),
    /// Publications of weights since the ones that the last rollout was collected with.
    pub policy_lag: u64,
    /// Bytes of this process in memory.
    pub memory: u64,
    /// Frames that were dropped because this viewer did not read.
    pub dropped: u64,
    /// ε as overridden, and environments that a person has taken over.
    pub overrides: (Option<f32>, Vec<u32>),
    /// Norms of the network's layers.
    pub layers: Vec<LayerNorms>,
}

/// Norms of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerNorms {
    /// Its name in weights files.
    pub name: String,
    /// Euclidean norm of its parameters.
    pub parameters: f32,
    /// Euclidean norm of its last gradient.
    pub gradient: f32,
}

/// An environment between the choice of an action and its step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EnvFrame {
    /// Its number among the run's.
    pub env: u32,
    /// The run's environment steps.
    pub step: u64,
    /// The episode's number among the environment's.
    pub episode: u64,
    /// Steps of the episode so far.
    pub episode_step: u32,
    /// Sum of the episode's rewards so far.
    pub return_: f64,
    /// The environment's own reward of the step that led here: at an episode's start, of the one that ended the episode before;
    /// 0 where there was none.
    pub reward: f32,
    /// The same as wrappers changed it for the learner; its scale is not in it.
    pub learnt_reward: f32,
    /// What the policy makes of each action.
    pub judgement: Judgement,
    /// What the state is worth to the critic of a policy that has one, of the inspected environment.
    pub value: Option<f32>,
    /// The chosen action.
    pub action: Option<OwnedAction>,
    /// Who chose it.
    pub chosen_by: ChosenBy,
    /// What it sees, of the inspected environment.
    pub observation: Option<Observation>,
    /// What it looks like; without shapes if it draws nothing.
    pub scene: Scene,
}

/// Who chose an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChosenBy {
    /// The policy, for the best.
    #[default]
    Greedy,
    /// Chance, to explore.
    Exploration,
    /// Somebody at a viewer.
    Person,
}

/// An observation as it is in its row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Observation {
    /// Numbers.
    F32(Vec<f32>),
    /// Pixels or planes.
    U8(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Indices.
    I32(Vec<i32>),
}

/// What a thread does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Activity {
    /// It waits for another thread.
    #[default]
    Waiting = 0,
    /// It steps environments.
    Stepping = 1,
    /// It chooses actions.
    Inferring = 2,
    /// It updates the network.
    Updating = 3,
    /// It puts transitions into the replay buffer, or draws them from it.
    Replay = 4,
    /// It evaluates.
    Evaluating = 5,
    /// It writes logs or a checkpoint.
    Writing = 6,
    /// It is held by a viewer's pause or speed limit.
    Held = 7,
}

impl Activity {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Stepping,
        Self::Inferring,
        Self::Updating,
        Self::Replay,
        Self::Evaluating,
        Self::Writing,
        Self::Held,
    ];
}

/// What the threads did since the last message, as looked at every few milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lanes {
    /// Seconds of the run at the first look.
    pub start: f64,
    /// Seconds from one look to the next.
    pub interval: f32,
    /// For each thread of [`Welcome::lanes`], an [`Activity`] at each look.
    pub seen: Vec<Vec<u8>>,
}

/// The weights of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightsReply {
    /// Their version.
    pub version: u64,
    /// Flat, as `Policy::parameters`.
    pub parameters: Vec<f32>,
}

/// A map of the replay buffer over two elements of observations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayQuery {
    /// The elements.
    pub axes: (u32, u32),
    /// Columns and rows, at most 256 each.
    pub bins: (u32, u32),
    /// What colours a cell.
    pub color: ReplayColor,
}

/// What colours a cell of a [`ReplayMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplayColor {
    /// How many transitions begin there.
    #[default]
    Count,
    /// How long ago they were stored, in environment steps of the run: the mean.
    Age,
    /// The absolute TD error under the present weights: the mean over a sample.
    TdError,
}

/// See [`ReplayQuery`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayMap {
    /// What it answers.
    pub query: ReplayQuery,
    /// Transitions in the buffer.
    pub transitions: u64,
    /// Least and greatest value of each axis.
    pub ranges: [(f32, f32); 2],
    /// How many transitions are in each cell; row by row, the row of the least values first.
    pub counts: Vec<u32>,
    /// The colour's value of each cell; NaN where there is none.
    pub values: Vec<f32>,
}

/// A transition in the replay buffer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Its environment.
    pub env: u32,
    /// Steps ago, of this environment.
    pub age: u64,
    /// The run's environment steps before it, as [`EpisodeEntry::start_step`](crate::run::EpisodeEntry::start_step) counts them.
    pub step: u64,
    /// Where it began.
    pub observation: Observation,
    /// What was done, as the policy counts it.
    pub action: OwnedAction,
    /// What it gave.
    pub reward: f32,
    /// What it led to.
    pub next_observation: Observation,
    /// Whether that ended the episode by the environment's rules.
    pub terminated: bool,
    /// Whether the episode was cut there.
    pub truncated: bool,
    /// Under the present weights.
    pub td_error: f32,
}
