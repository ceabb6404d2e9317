//! What is known of runs. Sources fill it with updates; panels read it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use cartwheel_trainer::run::{EpisodeEntry, Manifest, MetricsRow};
use cartwheel_trainer::{Settings, watch};

use crate::series::Series;
use crate::source::Film;
use crate::spaces::Spaces;

/// A run's place in [`Model::runs`].
pub type RunId = usize;

/// Looks kept of each thread: half a minute at 200 a second.
const LOOKS: usize = 6000;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Model {
    /// The open runs, in the order in which they were opened.
    pub runs: Vec<Run>,
    /// The connection to a run that trains, if there is one.
    pub live: Option<Live>,
    /// The episode that is shown again, instead of the live run.
    pub film: Option<Arc<Film>>,
    /// The step of it that is shown.
    pub cursor: u32,
    /// Whether it is being played.
    pub playing: bool,
    /// Steps a second at which it is played.
    pub playback_speed: f32,
}

/// A run's folder, as far as it was read.
#[derive(Debug)]
pub struct Run {
    /// The folder.
    pub path: PathBuf,
    /// The folder's name.
    pub name: String,
    /// Its `config.toml`.
    pub settings: Option<Settings>,
    /// What its environment's observations and actions look like, or why that is not known. Its source makes the
    /// environment once to learn it.
    pub spaces: Option<Result<Arc<Spaces>, String>>,
    /// Its `run.json`.
    pub manifest: Option<Manifest>,
    /// Each metric by its name.
    pub metrics: BTreeMap<String, Series>,
    /// Its episodes, in the order in which they ended.
    pub episodes: Vec<EpisodeEntry>,
    /// What could not be read, and why.
    pub problem: Option<String>,
    /// Whether its curves are shown.
    pub shown: bool,
}

/// A run that is attached to.
#[derive(Debug, Default)]
pub struct Live {
    /// Which.
    pub run: RunId,
    /// What it is.
    pub welcome: watch::Welcome,
    /// Where it is.
    pub status: watch::Status,
    /// Its environments by their numbers, as last heard.
    pub frames: BTreeMap<u32, watch::EnvFrame>,
    /// For each thread, its activity at the last looks, and the seconds from one to the next.
    pub lanes: Vec<VecDeque<u8>>,
    /// Seconds between looks.
    pub lane_interval: f32,
    /// The newest weights.
    pub weights: Option<Arc<watch::WeightsReply>>,
    /// The last map of the replay buffer.
    pub replay_map: Option<watch::ReplayMap>,
    /// The transitions of the cell that was last asked for.
    pub transitions: Vec<watch::Transition>,
}

/// What sources tell.
#[derive(Debug)]
pub enum Update {
    /// A run's folder was opened.
    Opened(PathBuf),
    /// Its configuration.
    Settings(RunId, Box<Settings>),
    /// What its environment looks like, as `Spaces::of` learns it, or why it cannot be made.
    Spaces(RunId, Result<Spaces, String>),
    /// Its manifest, at first and after changes.
    Manifest(RunId, Box<Manifest>),
    /// More rows of its metrics.
    Metrics(RunId, Vec<MetricsRow>),
    /// More episodes.
    Episodes(RunId, Vec<EpisodeEntry>),
    /// Its logs were cut, as by a resume: what was known of them is forgotten.
    Restarted(RunId),
    /// It could not be read.
    Problem(RunId, String),
    /// It is attached to.
    Attached(RunId),
    /// A message of the attached run.
    Reply(watch::Reply),
    /// The connection ended, and why.
    Detached(String),
    /// An episode was played again.
    Film(Arc<Film>),
}

impl Model {
    /// Takes in what a source tells. Pure: no thread, no clock, so that tests build any picture from updates.
    pub fn apply(&mut self, update: Update) {
        match update {
            Update::Opened(path) => self.runs.push(Run::new(path)),
            Update::Settings(run, settings) => self.with(run, |run| run.settings = Some(*settings)),
            Update::Spaces(run, spaces) => self.with(run, |run| run.spaces = Some(spaces.map(Arc::new))),
            Update::Manifest(run, manifest) => self.with(run, |run| run.manifest = Some(*manifest)),
            Update::Metrics(run, rows) => self.with(run, |run| run.extend(&rows)),
            Update::Episodes(run, entries) => self.with(run, |run| run.episodes.extend(entries)),
            Update::Restarted(run) => self.with(run, |run| {
                run.metrics.clear();
                run.episodes.clear();
            }),
            Update::Problem(run, problem) => self.with(run, |run| run.problem = Some(problem)),
            Update::Attached(run) => self.live = Some(Live { run, ..Live::default() }),
            Update::Reply(reply) => {
                if let Some(live) = &mut self.live {
                    live.apply(reply);
                }
            }
            Update::Detached(_) => self.live = None,
            Update::Film(film) => {
                self.cursor = self.cursor.min(film.last_step());
                self.film = Some(film);
            }
        }
    }

    fn with(&mut self, run: RunId, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.get_mut(run) {
            change(run);
        }
    }
}

impl Run {
    fn new(path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            path,
            name,
            settings: None,
            spaces: None,
            manifest: None,
            metrics: BTreeMap::new(),
            episodes: Vec::new(),
            problem: None,
            shown: true,
        }
    }

    fn extend(&mut self, rows: &[MetricsRow]) {
        for row in rows {
            for (name, value) in &row.metrics {
                if !self.metrics.contains_key(name) {
                    self.metrics.insert(name.clone(), Series::default());
                }
                if let Some(series) = self.metrics.get_mut(name) {
                    series.push(row, *value);
                }
            }
        }
    }
}

impl Live {
    fn apply(&mut self, reply: watch::Reply) {
        use watch::Reply;
        match reply {
            Reply::Welcome(welcome) => {
                self.lanes = vec![VecDeque::new(); welcome.lanes.len()];
                self.welcome = welcome;
            }
            Reply::Status(status) => self.status = status,
            Reply::Frames(frames) => self.frames.extend(frames.into_iter().map(|frame| (frame.env, frame))),
            Reply::Lanes(lanes) => {
                self.lane_interval = lanes.interval;
                for (lane, seen) in self.lanes.iter_mut().zip(lanes.seen) {
                    lane.extend(seen);
                    let surplus = lane.len().saturating_sub(LOOKS);
                    lane.drain(..surplus);
                }
            }
            Reply::Weights(weights) => self.weights = Some(Arc::new(weights)),
            Reply::ReplayMap(map) => self.replay_map = Some(map),
            Reply::Transitions { transitions, .. } => self.transitions = transitions,
            // Answers to the source itself.
            Reply::Done { .. } | Reply::Bytes { .. } | Reply::Ended => {}
        }
    }
}
