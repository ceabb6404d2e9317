//! Plays recorded episodes again. See [`EpisodeRecord`] for why that works.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use cartwheel_envs::{Generator, OwnedAction};
use cartwheel_trainer::Settings;
use cartwheel_trainer::run::{ActionLog, EpisodeEntry, EpisodeRecord, Episodes};

use super::checkpoint::Checkpoint;
use super::film::{Film, Moment};
use super::stage::{Stage, Stepped};
use crate::model::RunId;
use crate::text;

/// The memory of all films that are kept, in bytes, and so of the longest one.
const BUDGET: usize = 128 << 20;
/// Steps from one look for a newer request to the next.
const LOOK_EVERY: usize = 128;

/// An episode of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeOf {
    /// The run.
    pub run: RunId,
    /// Its folder.
    pub folder: PathBuf,
    /// Its settings.
    pub settings: Arc<Settings>,
    /// The episode's place among the run's.
    pub episode: usize,
    /// What the index says of it.
    pub entry: EpisodeEntry,
    /// Whose weights judge it.
    pub judge: Checkpoint,
}

/// Plays episodes again, and keeps the last films.
#[derive(Debug)]
pub(crate) struct Replayer {
    budget: usize,
    /// The one last asked for is at the end.
    films: VecDeque<(EpisodeOf, Option<SystemTime>, Arc<Film>)>,
}

impl Default for Replayer {
    fn default() -> Self {
        Self { budget: BUDGET, films: VecDeque::new() }
    }
}

impl Replayer {
    /// The episode, played again; what kept it from being so is in its note. `None` if `overtaken` by a newer request.
    pub(crate) fn film(&mut self, wanted: &EpisodeOf, overtaken: &dyn Fn() -> bool) -> Option<Arc<Film>> {
        let weights_of = wanted.judge.file(&wanted.folder).ok().flatten();
        let modified = weights_of.and_then(|file| file.metadata().ok()?.modified().ok());
        if let Some(at) = self.films.iter().position(|(kept, of, _)| kept == wanted && *of == modified) {
            let found = self.films.remove(at)?;
            let film = found.2.clone();
            self.films.push_back(found);
            return Some(film);
        }
        let film = Arc::new(shoot(wanted, self.budget, overtaken)?);
        self.films.push_back((wanted.clone(), modified, film.clone()));
        let mut bytes: usize = self.films.iter().map(|(_, _, film)| film.bytes()).sum();
        while bytes > self.budget && self.films.len() > 1 {
            bytes -= self.films.pop_front().map_or(0, |(_, _, film)| film.bytes());
        }
        Some(film)
    }
}

fn shoot(wanted: &EpisodeOf, budget: usize, overtaken: &dyn Fn() -> bool) -> Option<Film> {
    let mut film = Film {
        run: wanted.run,
        episode: wanted.episode,
        entry: wanted.entry,
        judge: String::new(),
        note: None,
        real_time: 1.0,
        moments: Vec::new(),
    };
    let prepared = wanted.judge.load(&wanted.folder).and_then(|judge| {
        film.judge = judge.as_ref().map_or_else(String::new, |_| wanted.judge.name());
        Ok((read(wanted)?, Stage::new(&wanted.settings, judge)?))
    });
    match prepared {
        Err(problem) => film.note = Some(text::cannot_replay(&problem)),
        Ok((record, mut stage)) => {
            film.real_time = stage.real_time();
            (film.moments, film.note) = reenact(&mut stage, &record, budget, overtaken)?;
        }
    }
    Some(film)
}

/// The record of an episode.
///
/// # Errors
/// If it cannot be read or is of another episode by now, in words for people.
pub(crate) fn read(wanted: &EpisodeOf) -> Result<EpisodeRecord, String> {
    let episodes = Episodes::open(&wanted.folder).map_err(|error| error.to_string())?;
    // A run that was resumed has forgotten the episodes after its checkpoint, and others are in their places.
    if episodes.index().get(wanted.episode).is_some_and(|entry| *entry != wanted.entry) {
        return Err(text::EPISODE_REPLACED.to_owned());
    }
    episodes.read(wanted.episode).map_err(|error| error.to_string())
}

/// Plays an episode again: its states, of which those are kept that fit into `budget` bytes, and what is amiss with
/// them. `None` if overtaken.
pub(crate) fn reenact(
    stage: &mut Stage,
    record: &EpisodeRecord,
    budget: usize,
    overtaken: &dyn Fn() -> bool,
) -> Option<(Vec<Moment>, Option<String>)> {
    let mut moments = match stage.reset(Generator::from_state(record.generator)) {
        Ok(first) => vec![first],
        Err(error) => return Some((Vec::new(), Some(text::cannot_replay(&error.to_string())))),
    };
    let total = record.actions.len();
    let mut bytes = moments[0].bytes();
    let mut return_ = 0.0;
    let mut last: Option<Stepped> = None;
    for (step, action) in actions(&record.actions).enumerate() {
        if step % LOOK_EVERY == 0 && overtaken() {
            return None;
        }
        if last.is_some_and(Stepped::ended) {
            return Some((moments, Some(text::ended_early(step, total))));
        }
        // What does not fit is stepped through all the same: whether it is the same episode is known at its end.
        let stepped = if bytes < budget {
            stage.play(&action, &mut moments).inspect(|_| bytes += moments.last().map_or(0, Moment::bytes))
        } else {
            stage.step(action.as_action())
        };
        match stepped {
            Ok(stepped) => {
                return_ += f64::from(stepped.reward);
                last = Some(stepped);
            }
            Err(error) => return Some((moments, Some(text::step_failed(step, &error.to_string())))),
        }
    }
    let ending = last.map_or((false, false), |last| (last.terminated, last.truncated));
    let note = if return_ != record.return_ || ending != (record.terminated, record.truncated) {
        Some(text::unfaithful(return_, record.return_))
    } else {
        (moments.len() <= total).then(|| text::cut_off(moments.len() - 1, total))
    };
    Some((moments, note))
}

/// The actions of an episode, in order.
pub(crate) fn actions(log: &ActionLog) -> Box<dyn Iterator<Item = OwnedAction> + '_> {
    match log {
        ActionLog::Discrete(actions) => Box::new(actions.iter().map(|action| OwnedAction::Discrete(*action))),
        ActionLog::Continuous { width, values } => {
            let rows = values.chunks_exact((*width).max(1) as usize);
            Box::new(rows.map(|row| OwnedAction::Continuous(row.to_vec())))
        }
    }
}

#[cfg(test)]
#[path = "replayer_tests.rs"]
mod tests;
