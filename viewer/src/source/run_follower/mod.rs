//! One run's folder, read as it grows.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cartwheel_trainer::Settings;
use cartwheel_trainer::run::{Checkpoints, EpisodeEntry, EpisodeTail, Manifest, MetricsTail, Outcome, RunDir};
use cartwheel_trainer::supervised::{FitSettings, Samples, is_fit};

use super::spaces::Finder;
use crate::model::{RunId, Update};
use crate::text;

/// Bytes of metrics that are read at a time: about a thousand rows, which the window takes in within a frame.
const METRICS: usize = 256 << 10;
/// Episodes that are read at a time.
const EPISODES: usize = 4096;

/// Follows a run: what is in its folder now, and then what is added. Each [`poll`](Self::poll) reads a bounded part.
#[derive(Debug)]
pub(crate) struct RunFollower {
    run: RunId,
    dir: PathBuf,
    /// Which version of `config.toml` was read.
    config: Option<Version>,
    /// What it says, of one that trains an agent.
    settings: Option<Settings>,
    /// Which version of `run.json` was read.
    manifest: Option<Version>,
    /// Which version of the folder of checkpoints was listed.
    checkpoints: Option<Version>,
    /// Which version of `samples.bin` was read, and what was wrong with it.
    samples: (Option<Version>, Result<(), String>),
    logs: Option<Logs>,
    spaces: Finder,
    alive: bool,
    ended: bool,
    busy: bool,
    /// Whether it was told that all is read.
    told_read: bool,
    problem: Option<String>,
}

/// Tells one version of a file from another.
#[derive(Debug, PartialEq)]
struct Version {
    modified: Option<SystemTime>,
    length: u64,
}

/// The logs, as far as they were read.
#[derive(Debug)]
struct Logs {
    metrics: MetricsTail,
    episodes: EpisodeTail,
    /// The step of the last row of metrics.
    step: u64,
    /// Episodes that began after that row. They wait for the rows around them, which know the time.
    waiting: Vec<EpisodeEntry>,
}

impl RunFollower {
    /// The run in a folder, which need not be there yet, or not whole.
    pub(crate) fn new(run: RunId, dir: PathBuf) -> Self {
        Self {
            run,
            dir,
            config: None,
            settings: None,
            manifest: None,
            checkpoints: None,
            samples: (None, Ok(())),
            logs: None,
            spaces: Finder::default(),
            alive: false,
            ended: false,
            busy: true,
            told_read: false,
            problem: None,
        }
    }

    /// Reads on. What cannot be read is told once, and tried again with each poll.
    pub(crate) fn poll(&mut self) -> Vec<Update> {
        let mut updates = Vec::new();
        match (self.read(&mut updates), self.problem.take()) {
            (Ok(()), Some(_)) => updates.push(Update::Recovered(self.run)),
            (Ok(()), None) => {}
            (Err(problem), told) => {
                if told.as_ref() != Some(&problem) {
                    updates.push(Update::Problem(self.run, problem.clone()));
                }
                self.problem = Some(problem);
            }
        }
        if !self.busy && self.logs.is_some() && !std::mem::replace(&mut self.told_read, true) {
            updates.push(Update::Read(self.run));
        }
        updates
    }

    /// Whether there is more to read at once.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Whether a process trains the run.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive
    }

    /// Whether the run says that it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    fn read(&mut self, updates: &mut Vec<Update>) -> Result<(), String> {
        self.busy = false;
        let dir = RunDir::open(&self.dir).map_err(|error| {
            let gone = self.logs.is_some() && !self.dir.exists();
            if gone { text::deleted(&self.dir) } else { error.to_string() }
        })?;
        let alive = dir.is_locked();
        if alive != self.alive {
            self.alive = alive;
            updates.push(Update::Alive(self.run, alive));
        }
        // What one file lacks does not keep the others from being shown.
        let config = self.read_config(&dir, updates);
        let manifest = self.read_manifest(&dir, updates);
        self.list_checkpoints(&dir, updates);
        let samples = self.read_samples(&dir, updates);
        let logs = self.read_logs(&dir, updates);
        config.and(manifest).and(logs).and(samples)
    }

    fn read_config(&mut self, dir: &RunDir, updates: &mut Vec<Update>) -> Result<(), String> {
        let version = Version::of(&dir.config());
        if self.config.is_none() || self.config != version {
            self.config = None;
            if is_fit(&dir.config()) {
                // A supervised model has no environment to show; its curves are as any others.
                let settings = FitSettings::from_file(&dir.config()).map_err(|error| error.to_string())?;
                self.config = version;
                updates.push(Update::Fit(self.run, settings.values()));
                return Ok(());
            }
            let settings = Settings::from_file(&dir.config()).map_err(|error| error.to_string())?;
            self.config = version;
            // A file that was written again as it was is no news: who looks for faults would begin anew, and so would the search
            // for spaces.
            if self.settings.as_ref() != Some(&settings) {
                self.spaces.ask(&settings);
                updates.push(Update::Settings(self.run, Box::new(settings.clone())));
                self.settings = Some(settings);
            }
        }
        updates
            .extend(self.spaces.answer(dir, self.alive).map(|spaces| Update::Spaces(self.run, spaces.map(Box::new))));
        Ok(())
    }

    fn read_manifest(&mut self, dir: &RunDir, updates: &mut Vec<Update>) -> Result<(), String> {
        let version = Version::of(&dir.manifest());
        if self.manifest.is_none() || self.manifest != version {
            self.manifest = None;
            let manifest = Manifest::load(&dir.manifest()).map_err(|error| error.to_string())?;
            self.manifest = version;
            self.ended = manifest.outcome != Outcome::Running;
            updates.push(Update::Manifest(self.run, Box::new(manifest)));
        }
        Ok(())
    }

    fn list_checkpoints(&mut self, dir: &RunDir, updates: &mut Vec<Update>) {
        let version = Version::of(&dir.checkpoints());
        if self.checkpoints != version {
            // A folder that cannot be listed offers none: its run may be watched all the same.
            let listed = Checkpoints::new(dir.checkpoints(), 1).list().unwrap_or_default();
            updates.push(Update::Checkpoints(self.run, listed.into_iter().map(|(step, _)| step).collect()));
            self.checkpoints = version;
        }
    }

    fn read_samples(&mut self, dir: &RunDir, updates: &mut Vec<Update>) -> Result<(), String> {
        let version = Version::of(&dir.samples());
        if self.samples.0 != version {
            let read = Samples::read(&dir.samples()).map_err(|error| error.to_string()).map(|samples| {
                updates.extend(samples.map(|samples| Update::Samples(self.run, Box::new(samples))));
            });
            self.samples = (version, read);
        }
        self.samples.1.clone()
    }

    fn read_logs(&mut self, dir: &RunDir, updates: &mut Vec<Update>) -> Result<(), String> {
        let logs = self.logs.get_or_insert_with(|| Logs::new(dir));
        let Some(rows) = logs.metrics.read().transpose() else { return self.restart(updates) };
        let (rows, problem) = match rows {
            Ok(rows) => (Some(rows), Ok(())),
            Err(error) => (None, Err(error.to_string())),
        };
        let mut more = false;
        if let Some(rows) = rows {
            more = rows.more;
            logs.step = rows.items.last().map_or(logs.step, |row| row.step);
            if !rows.items.is_empty() {
                updates.push(Update::Metrics(self.run, rows.items));
            }
        }
        self.busy = more;
        if logs.waiting.is_empty() {
            let Some(entries) = logs.episodes.read().map_err(|error| error.to_string())? else {
                return self.restart(updates);
            };
            logs.waiting = entries.items;
            self.busy |= entries.more;
        }
        let early = |entry: &EpisodeEntry| entry.start_step > logs.step;
        let ready = if more { logs.waiting.iter().position(early) } else { None };
        let rest = logs.waiting.split_off(ready.unwrap_or(logs.waiting.len()));
        let ready = std::mem::replace(&mut logs.waiting, rest);
        if !ready.is_empty() {
            updates.push(Update::Episodes(self.run, ready));
        }
        problem
    }

    /// The logs were cut, as by a resume.
    fn restart(&mut self, updates: &mut Vec<Update>) -> Result<(), String> {
        updates.push(Update::Restarted(self.run));
        self.logs = None;
        self.busy = true;
        Ok(())
    }
}

impl Logs {
    fn new(dir: &RunDir) -> Self {
        Self {
            metrics: MetricsTail::new(&dir.metrics(), METRICS),
            episodes: EpisodeTail::new(&dir.episode_index(), EPISODES),
            step: 0,
            waiting: Vec::new(),
        }
    }
}

impl Version {
    /// None for a file that cannot be looked at: reading it says why.
    fn of(path: &Path) -> Option<Self> {
        let file: Metadata = path.metadata().ok()?;
        Some(Self { modified: file.modified().ok(), length: file.len() })
    }
}

#[cfg(test)]
mod tests;
