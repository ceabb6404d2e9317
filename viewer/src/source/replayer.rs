//! Plays recorded episodes again. See [`EpisodeRecord`] for why that works.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cartwheel_envs::{Generator, OwnedAction};
use cartwheel_trainer::Settings;
use cartwheel_trainer::run::{ActionLog, EpisodeEntry, EpisodeRecord, Episodes, RunDir, RunError};
use cartwheel_trainer::watch::WeightsReply;

use super::checkpoint::Checkpoint;
use super::film::{Film, Moment};
use super::sandbox::{Sandbox, Stepped};
use crate::model::RunId;
use crate::{memory, text};

/// Steps from one look for a newer request to the next.
const LOOK_EVERY: usize = 128;

/// An episode of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EpisodeOf {
    /// The run.
    pub(crate) run: RunId,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The episode's place among the run's.
    pub(crate) episode: usize,
    /// Whose weights judge it.
    pub(crate) judge: Checkpoint,
}

/// Plays episodes again, and keeps the last films.
#[derive(Debug)]
pub(crate) struct Replayer {
    /// Bytes of all films, the one that is being played included: that, and all others, may take a half.
    budget: usize,
    /// The one last asked for is at the end.
    films: VecDeque<(Key, Arc<Film>)>,
}

/// What makes a film another one: the episode, what is recorded of it, and when the weights were written.
type Key = (EpisodeOf, Option<EpisodeEntry>, Option<SystemTime>);

impl Default for Replayer {
    fn default() -> Self {
        Self { budget: memory::FILMS, films: VecDeque::new() }
    }
}

impl Replayer {
    /// The episode, played again; what kept it from being so is in its note. `None` if `overtaken` by a newer request.
    pub(crate) fn film(&mut self, wanted: &EpisodeOf, overtaken: &dyn Fn() -> bool) -> Option<Arc<Film>> {
        let weights = wanted.judge.file(&wanted.folder).ok().flatten();
        let modified = weights.and_then(|file| file.metadata().ok()?.modified().ok());
        let record = read(wanted);
        let key = (wanted.clone(), record.as_ref().ok().map(|(entry, _)| *entry), modified);
        if let Some(at) = self.films.iter().position(|(kept, _)| *kept == key) {
            let found = self.films.remove(at)?;
            let film = found.1.clone();
            self.films.push_back(found);
            return Some(film);
        }
        self.forget(self.budget / 2);
        let shot = catch_unwind(AssertUnwindSafe(|| shoot(wanted, record, self.budget / 2, overtaken)));
        let film = Arc::new(shot.unwrap_or_else(|panic| Some(blank(wanted, &text::panicked(&*panic))))?);
        self.films.push_back((key, film.clone()));
        Some(film)
    }

    /// Forgets the films that were not asked for for longest, until the others take at most so many bytes.
    fn forget(&mut self, most: usize) {
        let mut bytes: usize = self.films.iter().map(|(_, film)| film.bytes()).sum();
        while bytes > most {
            let Some((_, film)) = self.films.pop_front() else { return };
            bytes -= film.bytes();
        }
    }
}

fn shoot(
    wanted: &EpisodeOf,
    record: Result<(EpisodeEntry, EpisodeRecord), String>,
    budget: usize,
    overtaken: &dyn Fn() -> bool,
) -> Option<Film> {
    let mut film = blank(wanted, "");
    let prepared = record.and_then(|(entry, record)| {
        film.entry = entry;
        let judge = wanted.judge.load(&wanted.folder)?;
        if let Some(judge) = &judge {
            film.judge = wanted.judge.name();
            film.weights = Some(Arc::new(WeightsReply { version: 0, parameters: judge.parameters().to_vec() }));
        }
        Ok((record, Sandbox::new(&settings(&wanted.folder)?, judge)?))
    });
    match prepared {
        Err(problem) => Some(blank(wanted, &problem)),
        Ok((record, mut sandbox)) => {
            film.real_time = sandbox.real_time();
            (film.moments, film.note) = reenact(&mut sandbox, &record, budget, overtaken)?;
            Some(film)
        }
    }
}

/// A film of nothing, and why.
fn blank(wanted: &EpisodeOf, problem: &str) -> Film {
    Film {
        run: wanted.run,
        episode: wanted.episode,
        entry: EpisodeEntry { offset: 0, env: 0, length: 0, return_: 0.0, start_step: 0 },
        judge: String::new(),
        weights: None,
        note: Some(text::cannot_replay(problem)),
        real_time: 1.0,
        moments: Vec::new(),
    }
}

/// The record of an episode, and what the index says of it.
///
/// # Errors
/// If it cannot be read, in words for people.
pub(crate) fn read(wanted: &EpisodeOf) -> Result<(EpisodeEntry, EpisodeRecord), String> {
    let read = || {
        RunDir::open(&wanted.folder)?;
        let episodes = Episodes::open(&wanted.folder)?;
        let record = episodes.read(wanted.episode)?;
        Ok((episodes.index()[wanted.episode], record))
    };
    read().map_err(|error: RunError| error.to_string())
}

/// The settings of the run in `folder`.
///
/// # Errors
/// If they cannot be read, in words for people.
pub(crate) fn settings(folder: &Path) -> Result<Settings, String> {
    let run = RunDir::open(folder).map_err(|error| error.to_string())?;
    Settings::from_file(&run.config()).map_err(|error| error.to_string())
}

/// Plays an episode again: its states, of which those are kept that fit into `budget` bytes, and what is amiss with
/// them. `None` if overtaken.
pub(crate) fn reenact(
    sandbox: &mut Sandbox,
    record: &EpisodeRecord,
    budget: usize,
    overtaken: &dyn Fn() -> bool,
) -> Option<(Vec<Moment>, Option<String>)> {
    let mut moments = match sandbox.reset(Generator::from_state(record.generator)) {
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
            sandbox.play(&action, &mut moments).inspect(|_| bytes += moments.last().map_or(0, Moment::bytes))
        } else {
            sandbox.step(action.as_action())
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
pub(crate) fn actions(log: &ActionLog) -> impl Iterator<Item = OwnedAction> + '_ {
    (0..log.len()).filter_map(|step| log.get(step)).map(cartwheel_envs::Action::to_owned)
}

#[cfg(test)]
#[path = "replayer_tests.rs"]
mod tests;
