//! What is known of runs. Sources fill it with updates; panels read it.

mod run;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cartwheel_trainer::doctor::Doctor;
use cartwheel_trainer::run::{EpisodeEntry, Manifest, MetricsRow};
use cartwheel_trainer::supervised::Samples;
use cartwheel_trainer::{EpisodeInfo, Settings, watch};

use crate::history::History;
use crate::memory;
use crate::playback::{Playback, Player, Reel};
use crate::series::{BUDGET, Series};
use crate::source::{Branch, Contest, Film};
use crate::spaces::Spaces;
pub(crate) use run::Run;

/// A run's place in [`Model::runs`].
pub type RunId = usize;

/// Branches that are kept.
const BRANCHES: usize = 32;
/// What takes longer than this is told to be under way.
const WONDER: Duration = Duration::from_millis(300);
/// Looks kept of each thread: half a minute at 200 a second.
const LOOKS: usize = 6000;
/// Episodes kept of all runs, of each the newest.
const EPISODES: usize = memory::EPISODES / size_of::<EpisodeEntry>();
/// Runs whose curves are shown without being asked for: more would hide each other.
const SHOWN: usize = 10;

/// What the keys of a player drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Driven {
    /// The episode that is shown, or else the live run.
    #[default]
    Main,
    /// Two policies side by side.
    Contest,
    /// The branch that is looked at.
    Branch,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Model {
    /// Bytes that this process takes, where the system tells it.
    pub own_memory: Option<u64>,
    /// The open runs, in the order in which they were opened.
    pub runs: Vec<Run>,
    /// Where a run on another machine is copied to, if one is.
    pub mirrored: Option<Mirrored>,
    /// The connection to a run that trains, if there is one.
    pub live: Option<Live>,
    /// How the run that was attached to last looked when its connection ended.
    pub ended: Option<Live>,
    /// The episode that is shown again, instead of the live run.
    pub film: Option<Arc<Film>>,
    /// Branches off episodes, in the order in which they were begun.
    pub branches: Vec<Arc<Branch>>,
    /// The number of the branch that is looked at, and its step, counted from where it leaves the episode.
    pub branch: u32,
    /// See [`Self::branch`].
    pub branch_at: Reel,
    /// Two policies side by side.
    pub contest: Option<Arc<Contest>>,
    /// Their step.
    pub contest_at: Reel,
    driven: Driven,
    /// The step of the episode that is shown.
    pub cursor: u32,
    /// Whether it is being played.
    pub playing: bool,
    /// Steps a second at which it is played; infinite is as fast as it goes.
    pub playback_speed: f32,
    playback: Playback,
    /// The episode that was asked for and did not come yet.
    awaited: Option<Awaited>,
    /// Steps a second at which a person would play the last episode that was shown.
    real_time: f32,
}

/// An episode that is being played again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Awaited {
    /// The run, and the episode's place among its own.
    episode: (RunId, usize),
    /// Where it begins to be shown.
    step: u32,
    /// How long it was waited for.
    waited: Duration,
}

/// A run on another machine, of which there is a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    /// The copy's folder.
    pub folder: PathBuf,
    /// What `cartwheel watch` opens the run by: `--address 127.0.0.1:7000 --token 6f0c...`.
    pub arguments: String,
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
    /// Its environments by their numbers: as last heard, or as they were at the step that is looked back at.
    pub frames: BTreeMap<u32, watch::EnvFrame>,
    /// What was just seen.
    pub history: History,
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
    /// The configuration of one that fits a model to data, as names and values.
    Fit(RunId, Vec<(String, String)>),
    /// What such a one made of some samples.
    Samples(RunId, Box<Samples>),
    /// What its environment looks like, as `Spaces::of` learns it, or why it cannot be made.
    Spaces(RunId, Result<Box<Spaces>, String>),
    /// Its manifest, at first and after changes.
    Manifest(RunId, Box<Manifest>),
    /// More rows of its metrics.
    Metrics(RunId, Vec<MetricsRow>),
    /// More episodes.
    Episodes(RunId, Vec<EpisodeEntry>),
    /// What its environment told of some episodes, by their places among its own.
    Infos(RunId, Vec<(usize, EpisodeInfo)>),
    /// Its logs were cut, as by a resume: what was known of them is forgotten.
    Restarted(RunId),
    /// All was read that was there when it was opened.
    Read(RunId),
    /// The steps of its checkpoints, in rising order.
    Checkpoints(RunId, Vec<u64>),
    /// It could not be read.
    Problem(RunId, String),
    /// It can be read again.
    Recovered(RunId),
    /// Whether a process has it.
    Alive(RunId, bool),
    /// It is attached to.
    Attached(RunId),
    /// A message of the attached run.
    Reply(watch::Reply),
    /// The connection ended, and why.
    Detached(String),
    /// An episode was played again.
    Film(Arc<Film>),
    /// It was played otherwise.
    Branch(Arc<Branch>),
    /// Two policies were played from one seed.
    Contest(Arc<Contest>),
}

impl Update {
    /// What the user is to be told of it, if anything: why a connection ended, or a command was not carried out.
    pub(crate) fn told(&self) -> Option<&str> {
        match self {
            Self::Detached(reason) => Some(reason.as_str()).filter(|reason| !reason.is_empty()),
            Self::Reply(watch::Reply::Done { problem, .. }) => problem.as_deref(),
            _ => None,
        }
    }
}

impl Model {
    /// Of nothing yet, where a run on another machine is copied as told.
    pub(crate) fn mirroring(mirrored: Option<Mirrored>) -> Self {
        Self { mirrored, ..Self::default() }
    }

    /// Takes in what a source tells. Pure: no thread, no clock, so that tests build any picture from updates.
    pub fn apply(&mut self, update: Update) {
        match update {
            Update::Spaces(run, spaces) => self.with(run, |run| run.spaces = Some(spaces.map(Arc::from))),
            Update::Opened(path) => {
                let shown = self.runs.iter().filter(|run| run.shown).count() < SHOWN;
                let mirrored = self.mirrored.as_ref().filter(|of| of.folder == path).map(|of| of.arguments.clone());
                self.runs.push(Run { shown, mirrored, ..Run::new(path) });
            }
            Update::Settings(run, settings) => self.with(run, |run| {
                run.config = settings.values();
                run.doctor = Some(Doctor::new(&settings));
                run.settings = Some(*settings);
            }),
            Update::Fit(run, config) => self.with(run, |run| (run.config, run.fit) = (config, true)),
            Update::Samples(run, samples) => {
                self.with(run, |run| (run.samples, run.put_aside) = (Some(*samples), false));
                self.put_aside_samples(run, memory::SAMPLES);
            }
            Update::Manifest(run, manifest) => self.with(run, |run| run.set_manifest(*manifest)),
            Update::Metrics(run, rows) => {
                self.with(run, |run| run.extend(&rows));
                self.thin(BUDGET);
            }
            Update::Episodes(run, entries) => {
                self.with(run, |run| run.add_episodes(entries));
                self.forget_episodes(EPISODES);
                self.thin(BUDGET);
            }
            Update::Infos(run, infos) => self.with(run, |run| run.add_infos(infos)),
            Update::Restarted(run) => self.with(run, Run::forget),
            Update::Checkpoints(run, steps) => self.with(run, |run| run.checkpoints = steps),
            Update::Read(run) => self.with(run, |run| run.read = true),
            Update::Problem(run, problem) => self.with(run, |run| run.problem = Some(problem)),
            Update::Recovered(run) => self.with(run, |run| run.problem = None),
            Update::Alive(run, alive) => self.with(run, |run| run.alive = alive),
            Update::Attached(run) => (self.live, self.ended) = (Some(Live { run, ..Live::default() }), None),
            Update::Reply(reply) => {
                if let Some(live) = &mut self.live {
                    live.apply(reply);
                }
            }
            Update::Detached(_) => {
                if let Some(mut live) = self.live.take() {
                    live.look(|history| history.go_live());
                    let Live { run, welcome, frames, .. } = live;
                    self.ended = Some(Live { run, welcome, frames, ..Live::default() });
                }
            }
            Update::Branch(branch) => {
                let number = branch.question.branch;
                match self.branches.iter_mut().find(|known| known.question.branch == number) {
                    Some(known) => *known = branch,
                    None => self.branches.push(branch),
                }
                self.forget_branches(memory::BRANCHES);
                if number == self.branch {
                    self.look_at_branch(number);
                }
            }
            Update::Contest(contest) => {
                (self.contest, self.contest_at) = (Some(contest), Reel::default());
            }
            Update::Film(film) => {
                // Who asked for another, or went elsewhere, does not want to see it any more.
                let asked = self.awaited.take_if(|awaited| awaited.episode == (film.run, film.episode));
                let Some(asked) = asked else { return };
                self.cursor = asked.step.min(film.last_step());
                if self.real_time != film.real_time {
                    // A speed for another environment says nothing about this one.
                    (self.real_time, self.playback_speed) = (film.real_time, film.real_time);
                }
                self.playback.stop();
                self.film = Some(film);
            }
        }
    }

    /// Lets time pass for what is being played.
    pub fn pass(&mut self, time: Duration) {
        if let Some(awaited) = &mut self.awaited {
            awaited.waited += time;
        }
        for played in [Driven::Main, Driven::Contest, Driven::Branch] {
            if let Some(mut player) = self.player(played) {
                player.pass(time);
            }
        }
    }

    /// The player of the episode, the contest or the branch that is shown, if there is one.
    pub(crate) fn player(&mut self, of: Driven) -> Option<Player<'_>> {
        match of {
            Driven::Main => {
                let (last, real_time) = self.film.as_ref().map(|film| (film.last_step(), film.real_time))?;
                let Self { cursor, playing, playback_speed: speed, playback, .. } = self;
                Some(Player { cursor, playing, speed, playback, last, real_time })
            }
            Driven::Contest => {
                let (last, real_time) =
                    self.contest.as_ref().map(|contest| (contest.last_step(), contest.real_time))?;
                Some(self.contest_at.player(last, real_time))
            }
            Driven::Branch => {
                let (last, real_time) = self.looked_at().map(|branch| (branch.last_step(), branch.real_time))?;
                Some(self.branch_at.player(last, real_time))
            }
        }
    }

    /// What the keys of a player drive: the view that was touched last, while it has something to show.
    pub fn driven(&self) -> Driven {
        match self.driven {
            Driven::Contest if self.contest.is_none() => Driven::Main,
            Driven::Branch if self.looked_at().is_none() => Driven::Main,
            driven => driven,
        }
    }

    /// Gives the keys of a player to a view.
    pub fn drive(&mut self, driven: Driven) {
        self.driven = driven;
    }

    /// The branch that is looked at.
    pub fn looked_at(&self) -> Option<&Arc<Branch>> {
        self.branches.iter().find(|branch| branch.question.branch == self.branch)
    }

    /// Looks at a branch where it has come to.
    pub fn look_at_branch(&mut self, number: u32) {
        self.branch = number;
        if let Some(mut player) = self.player(Driven::Branch) {
            player.play(false);
            player.seek(u32::MAX);
        }
    }

    /// Forgets the oldest branches until there are few enough, and all take at most so many bytes; the newest stays.
    fn forget_branches(&mut self, budget: usize) {
        let mut bytes: usize = self.branches.iter().map(|branch| branch.bytes()).sum();
        while self.branches.len() > 1 && (bytes > budget || self.branches.len() > BRANCHES) {
            bytes -= self.branches.remove(0).bytes();
        }
    }

    /// Steps a second at which the episode was played over the last second, if it was.
    pub fn measured_playback(&self) -> Option<f32> {
        self.playback.measured().filter(|_| self.playing)
    }

    /// Whether the next picture may differ from this one though nobody touches anything and nothing new is heard.
    pub fn is_moving(&self) -> bool {
        self.playing || self.contest_at.playing || self.branch_at.playing || self.awaited.is_some()
    }

    /// Waits for an episode of a run, by its place among the run's, to be shown from this step on: of others that come, none
    /// is shown.
    pub fn await_film(&mut self, run: RunId, episode: usize, step: u32) {
        self.awaited = Some(Awaited { episode: (run, episode), step, waited: Duration::ZERO });
    }

    /// Whether an episode was asked for and did not come yet.
    pub(crate) fn awaits_film(&self) -> bool {
        self.awaited.is_some()
    }

    /// The place of the episode that is awaited, once it is for so long that people wonder.
    pub(crate) fn long_awaited(&self) -> Option<usize> {
        self.awaited.filter(|awaited| awaited.waited > WONDER).map(|awaited| awaited.episode.1)
    }

    /// Goes to a step of the episode that is shown.
    pub fn seek(&mut self, step: u32) {
        if let Some(mut player) = self.player(Driven::Main) {
            player.seek(step);
        }
    }

    /// Plays the episode that is shown, from its beginning if it is at its end; or stops it.
    pub fn play(&mut self, playing: bool) {
        if let Some(mut player) = self.player(Driven::Main) {
            player.play(playing);
        }
    }

    /// Back to the live run.
    pub fn close_film(&mut self) {
        (self.film, self.awaited, self.playing, self.cursor) = (None, None, false, 0);
        if let Some(live) = &mut self.live {
            live.look(|history| history.go_live());
        }
    }

    fn with(&mut self, run: RunId, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.get_mut(run) {
            change(run);
        }
    }
}

impl Model {
    /// The memory of all curves, in bytes.
    pub fn curve_bytes(&self) -> usize {
        self.runs.iter().flat_map(|run| run.metrics.values()).map(Series::bytes).sum()
    }

    /// Forgets the oldest episodes of the run with most until all runs have so many at most.
    fn forget_episodes(&mut self, most: usize) {
        while self.runs.iter().map(|run| run.episodes.len()).sum::<usize>() > most {
            let Some(longest) = self.runs.iter_mut().max_by_key(|run| run.episodes.len()) else { return };
            // Not one at a time: each moves all that stay.
            let surplus = longest.episodes.len().div_ceil(4);
            longest.episodes.drain(..surplus);
            longest.first_episode += surplus;
        }
    }

    /// Puts the samples of other runs than `newest` aside until all take at most so many bytes, the run that was opened last
    /// first: of a folder that is the oldest.
    fn put_aside_samples(&mut self, newest: RunId, budget: usize) {
        let of = |run: &Run| run.samples.as_ref().map_or(0, Samples::bytes);
        let mut bytes: usize = self.runs.iter().map(of).sum();
        let others = self.runs.iter_mut().enumerate().rev().filter(|(id, run)| *id != newest && run.samples.is_some());
        for (_, run) in others {
            if bytes <= budget {
                return;
            }
            bytes -= of(run);
            (run.samples, run.put_aside) = (None, true);
        }
    }

    /// Thins the longest curves until all take at most so many bytes.
    fn thin(&mut self, budget: usize) {
        let mut bytes = self.curve_bytes();
        while bytes > budget {
            let all = self.runs.iter_mut().flat_map(|run| run.metrics.values_mut());
            let Some(longest) = all.max_by_key(|series| series.bytes()) else { return };
            longest.thin();
            let left = self.curve_bytes();
            if left >= bytes {
                return;
            }
            bytes = left;
        }
    }
}

impl Live {
    /// Looks elsewhere in what was just seen.
    pub fn look<T>(&mut self, at: impl FnOnce(&mut History) -> T) -> T {
        let answer = at(&mut self.history);
        for (env, frame) in &mut self.frames {
            if let Some(shown) = self.history.shown(*env) {
                frame.clone_from(shown);
            }
        }
        answer
    }

    fn apply(&mut self, reply: watch::Reply) {
        use watch::Reply;
        match reply {
            Reply::Welcome(welcome) => {
                self.lanes = vec![VecDeque::new(); welcome.lanes.len()];
                self.welcome = welcome;
            }
            Reply::Status(status) => self.status = status,
            Reply::Frames(frames) => {
                for frame in frames {
                    if self.history.at().is_none() {
                        self.frames.insert(frame.env, frame.clone());
                    }
                    self.history.push(frame);
                }
            }
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

#[cfg(test)]
mod tests;
