//! What is known of a run from its folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cartwheel_trainer::doctor::{Doctor, Finding};
use cartwheel_trainer::run::{EpisodeEntry, Manifest, MetricsRow, Outcome};
use cartwheel_trainer::supervised::{FitSummary, Samples};
use cartwheel_trainer::{EpisodeInfo, Settings, Summary};

use crate::series::{Clock, EPISODE_RETURN, Point, Series};
use crate::spaces::Spaces;
use crate::text;

/// Episodes whose infos are kept.
const INFOS: usize = 1000;
/// How far out of order episodes may be that ended on threads that run free.
const FREE: usize = 256;

/// A run's folder, as far as it was read.
#[derive(Debug)]
pub struct Run {
    /// The folder.
    pub path: PathBuf,
    /// The folder's name.
    pub name: String,
    /// Of a copy of a run on another machine, what `cartwheel watch` opens that by.
    pub mirrored: Option<String>,
    /// Its `config.toml`.
    pub settings: Option<Settings>,
    /// Its configuration as names and values, such as `train.seed` and `1`.
    pub config: Vec<(String, String)>,
    /// Whether it fits a model to data instead of learning in an environment.
    pub fit: bool,
    /// Of one that does: samples that are not learnt from, and what the model made of them.
    pub samples: Option<Samples>,
    /// Whether these were put aside, as all runs' take too much memory.
    pub put_aside: bool,
    /// What its environment's observations and actions look like, or why that is not known. Its source makes the
    /// environment once to learn it.
    pub spaces: Option<Result<Arc<Spaces>, String>>,
    /// Its `run.json`.
    pub manifest: Option<Manifest>,
    /// What it came to, once it has ended, as its manifest tells.
    pub summary: Option<Summary>,
    /// The same of one that fits a model to data.
    pub fitted: Option<FitSummary>,
    /// The steps of its checkpoints, in rising order.
    pub checkpoints: Vec<u64>,
    /// Whether a process has it.
    pub alive: bool,
    /// Each metric by its name, and the episodes' returns as [`EPISODE_RETURN`].
    pub metrics: BTreeMap<String, Series>,
    /// What is wrong with it by its metrics.
    pub findings: Vec<Finding>,
    /// Who finds it, once its settings are known.
    pub(super) doctor: Option<Doctor>,
    /// Environment steps so far.
    pub step: u64,
    /// When its steps were made.
    pub clock: Clock,
    /// Its episodes, in the order in which they ended; of very many, the newest.
    pub episodes: Vec<EpisodeEntry>,
    /// The place of the first of them among the run's.
    pub first_episode: usize,
    /// What the environment told of some of them, by their places among the run's: of those that were looked at last.
    pub infos: BTreeMap<usize, EpisodeInfo>,
    /// Whether all was read that was there when it was opened.
    pub read: bool,
    /// What could not be read, and why.
    pub problem: Option<String>,
    /// Whether its curves are shown.
    pub shown: bool,
}

impl Run {
    pub(crate) fn new(path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            path,
            name,
            mirrored: None,
            settings: None,
            config: Vec::new(),
            fit: false,
            samples: None,
            put_aside: false,
            spaces: None,
            manifest: None,
            summary: None,
            fitted: None,
            checkpoints: Vec::new(),
            alive: false,
            metrics: BTreeMap::new(),
            findings: Vec::new(),
            doctor: None,
            step: 0,
            clock: Clock::default(),
            episodes: Vec::new(),
            first_episode: 0,
            infos: BTreeMap::new(),
            read: false,
            problem: None,
            shown: true,
        }
    }

    /// How it is with it, in a word; nothing as long as its manifest is not read.
    pub fn outcome(&self) -> Option<&'static str> {
        let manifest = self.manifest.as_ref()?;
        Some(match (&manifest.outcome, &self.mirrored) {
            _ if self.alive => text::IS_LIVE,
            // It may train on: nothing is heard of it.
            (Outcome::Running, Some(_)) => text::NOT_CONNECTED,
            _ => manifest.status(false),
        })
    }

    /// Whether it ended as nobody wanted it to: killed, or by an error.
    pub fn went_wrong(&self) -> bool {
        let outcome = self.manifest.as_ref().map(|manifest| &manifest.outcome);
        let killed = matches!(outcome, Some(Outcome::Running)) && self.mirrored.is_none();
        !self.alive && (killed || matches!(outcome, Some(Outcome::Failed { .. })))
    }

    /// What it came to, in a sentence, and how to go on with it where it can; nothing for a run that is live.
    pub fn headline(&self) -> Option<String> {
        let (outcome, manifest) = (self.outcome().filter(|_| !self.alive)?, self.manifest.as_ref()?);
        // The last row of metrics is of a step before the end.
        let step = self.summary.as_ref().map_or(0, |summary| summary.steps).max(self.step);
        Some(match (&manifest.outcome, &self.summary) {
            (Outcome::Finished, Some(summary)) => text::came_to(summary),
            (Outcome::Interrupted | Outcome::Running, _) => match &self.mirrored {
                None => text::goes_on(outcome, step, self.fit, &self.path),
                Some(arguments) => text::goes_on_there(outcome, step, arguments),
            },
            (Outcome::Failed { message }, _) => text::run_failed(message),
            (Outcome::Finished, None) => self.fitted.as_ref().map_or_else(|| outcome.to_owned(), text::fitted),
        })
    }

    pub(super) fn set_manifest(&mut self, manifest: Manifest) {
        // One of another version is shown without it.
        self.summary = manifest.result.clone().and_then(|result| serde_json::from_value(result).ok());
        self.fitted = manifest.result.clone().and_then(|result| serde_json::from_value(result).ok());
        self.manifest = Some(manifest);
    }

    /// An episode by its place among the run's, while it is kept.
    pub fn episode(&self, number: usize) -> Option<&EpisodeEntry> {
        self.episodes.get(number.checked_sub(self.first_episode)?)
    }

    /// The recorded episode of an environment that has this one of the run's environment steps in it, by its place among the
    /// run's, and the step within it.
    pub(crate) fn place_of(&self, env: u32, step: u64) -> Option<(usize, u32)> {
        let envs = self.settings.as_ref().map_or(1, |settings| settings.env.n_envs).max(1) as u64;
        let end = |entry: &EpisodeEntry| entry.start_step.saturating_add(u64::from(entry.length).saturating_mul(envs));
        // In the order in which they ended, but for those of threads that run free.
        let first = self.episodes.partition_point(|entry| end(entry) <= step).saturating_sub(FREE);
        let here = self.episodes.iter().enumerate().skip(first);
        let (at, entry) = here.filter(|(_, entry)| entry.env == env).find(|(_, entry)| end(entry) > step)?;
        let within = step.checked_sub(entry.start_step)? / envs;
        Some((self.first_episode + at, u32::try_from(within).ok()?))
    }

    pub(super) fn extend(&mut self, rows: &[MetricsRow]) {
        for row in rows {
            self.step = self.step.max(row.step);
            self.clock.note(row.step, row.wall_s);
            self.findings.extend(self.doctor.iter_mut().flat_map(|doctor| doctor.examine(row)));
            for (name, value) in &row.metrics {
                if !self.metrics.contains_key(name) {
                    self.metrics.insert(name.clone(), Series::default());
                }
                if let Some(series) = self.metrics.get_mut(name) {
                    series.push(Point { step: row.step, episodes: row.episodes, wall_s: row.wall_s, value: *value });
                }
            }
        }
    }

    pub(super) fn add_episodes(&mut self, entries: Vec<EpisodeEntry>) {
        let envs = self.settings.as_ref().map_or(1, |settings| settings.env.n_envs) as u64;
        let returns = self.metrics.entry(EPISODE_RETURN.to_owned()).or_default();
        for entry in entries {
            self.episodes.push(entry);
            // As rows of metrics tell how many had ended.
            let episodes = (self.first_episode + self.episodes.len()) as u64;
            // All environments step together.
            let step = entry.start_step.saturating_add(u64::from(entry.length).saturating_mul(envs));
            returns.push(Point { step, episodes, wall_s: self.clock.at(step), value: entry.return_ });
        }
    }

    /// Whether its environment tells of episodes more than returns.
    pub fn has_infos(&self) -> bool {
        self.metrics.keys().any(|name| name == "rollout/success_rate" || name.starts_with("rollout/info/"))
    }

    pub(super) fn add_infos(&mut self, infos: Vec<(usize, EpisodeInfo)>) {
        if self.infos.len() + infos.len() > INFOS {
            self.infos.clear();
        }
        self.infos.extend(infos);
    }

    pub(super) fn forget(&mut self) {
        self.metrics.clear();
        self.episodes.clear();
        self.infos.clear();
        self.findings.clear();
        self.doctor = self.settings.as_ref().map(Doctor::new);
        (self.step, self.clock, self.first_episode) = (0, Clock::default(), 0);
    }
}
