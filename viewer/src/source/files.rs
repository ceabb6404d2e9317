//! The thread that follows runs in their folders.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cartwheel_trainer::run::{Manifest, RunDir};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::run_follower::RunFollower;
use crate::model::Update;

/// How often a run that trains is looked at.
const ALIVE: Duration = Duration::from_millis(100);
/// How often a run is that does not: it may be resumed, or corrected.
const STILL: Duration = Duration::from_secs(3);
/// How often folders are looked through for new runs, and how often a run is looked at that has not ended, but that no
/// process has: it was killed, or begins just now.
const SCAN: Duration = Duration::from_secs(1);
/// Updates that may wait for the window; past this the thread waits, so that memory stays bounded.
const QUEUE: usize = 16;

/// Runs in their folders, followed on a thread of their own. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Files {
    targets: Sender<PathBuf>,
    updates: Receiver<Update>,
}

impl Files {
    /// Starts the thread, with nothing to follow yet.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub(crate) fn start() -> io::Result<Self> {
        // Targets come from a person's hand.
        let (targets, asked) = unbounded();
        let (sender, updates) = bounded(QUEUE);
        std::thread::Builder::new().name("run-files".to_owned()).spawn(move || follow(&asked, &sender))?;
        Ok(Self { targets, updates })
    }

    /// Follows a run's folder too, or all runs in a folder, those to come included.
    pub(crate) fn open(&self, target: PathBuf) {
        // The thread lives as long as `updates`, which is here.
        let _ = self.targets.send(target);
    }

    /// What the thread tells. Every [`Update::Opened`] of a model comes from one of these, so that runs keep their places.
    pub(crate) fn updates(&self) -> &Receiver<Update> {
        &self.updates
    }
}

/// The thread.
fn follow(targets: &Receiver<PathBuf>, updates: &Sender<Update>) {
    let mut follower = Follower::default();
    loop {
        match targets.recv_timeout(follower.rest(Instant::now())) {
            Ok(target) => follower.open(target),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        for update in follower.poll(Instant::now()) {
            if updates.send(update).is_err() {
                return;
            }
        }
    }
}

/// What the thread does, without the thread.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    targets: Vec<PathBuf>,
    runs: Vec<Followed>,
    known: BTreeSet<PathBuf>,
    /// When folders are looked through again.
    scan: Option<Instant>,
}

#[derive(Debug)]
struct Followed {
    run: RunFollower,
    /// When it is looked at again.
    due: Instant,
}

impl Follower {
    /// Follows a run's folder, or all runs in a folder.
    pub(crate) fn open(&mut self, target: PathBuf) {
        if !self.targets.contains(&target) {
            self.targets.push(target);
            self.scan = None;
        }
    }

    /// How long there is nothing to do.
    pub(crate) fn rest(&self, now: Instant) -> Duration {
        let scan = self.scan.unwrap_or(now);
        let first = self.runs.iter().map(|run| run.due).chain([scan]).min().unwrap_or(scan);
        first.saturating_duration_since(now)
    }

    /// Looks for new runs when it is time to, and reads a bounded part of the run that has waited longest.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<Update> {
        let mut updates = Vec::new();
        if self.scan.is_none_or(|scan| scan <= now) && !self.targets.is_empty() {
            for target in &self.targets {
                for path in runs_at(target, &self.known) {
                    self.known.insert(path.clone());
                    self.runs.push(Followed { run: RunFollower::new(self.runs.len(), path.clone()), due: now });
                    updates.push(Update::Opened(path));
                }
            }
        }
        if self.scan.is_none_or(|scan| scan <= now) {
            self.scan = Some(now + SCAN);
        }
        let due = self.runs.iter_mut().filter(|run| run.due <= now).min_by_key(|run| run.due);
        if let Some(followed) = due {
            updates.extend(followed.run.poll());
            followed.due = match &followed.run {
                run if run.is_busy() => now,
                run if run.is_alive() => now + ALIVE,
                run if run.has_ended() => now + STILL,
                _ => now + SCAN,
            };
        }
        updates
    }
}

/// The runs at a target that are not known: itself, or those in it, the newest first. A target that has none and is not
/// empty is taken for a run, and following it tells what is wrong with it; one that is not there may come.
fn runs_at(target: &Path, known: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let is_run = |path: &Path| known.contains(path) || looks_like_a_run(path);
    let entries = fs::read_dir(target).map(|entries| entries.flatten().map(|entry| entry.path()));
    if entries.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Vec::new();
    }
    let paths: Option<Vec<_>> = entries.ok().map(|paths| paths.filter(|path| !is_hidden(path)).collect());
    let had_runs = known.iter().any(|path| path.parent() == Some(target));
    let mut found = match paths {
        _ if looks_like_a_run(target) => vec![target.to_owned()],
        Some(paths) if paths.is_empty() || paths.iter().any(|path| is_run(path)) => paths,
        _ if had_runs => Vec::new(),
        _ => vec![target.to_owned()],
    };
    found.retain(|path| !known.contains(path) && (path == target || looks_like_a_run(path)));
    found.sort_by_cached_key(|path| Reverse((started(path), path.clone())));
    found
}

/// Whether a folder is a run, what is left of one, or may have runs in it: it has some, or nothing yet.
pub(crate) fn may_hold_runs(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return true };
    let names: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| !is_hidden(path)).collect();
    let remains = |path: &PathBuf| RUN_FILES.iter().any(|name| path.ends_with(name));
    names.is_empty() || looks_like_a_run(folder) || names.iter().any(|path| remains(path) || looks_like_a_run(path))
}

/// What runs leave, and little else does.
const RUN_FILES: [&str; 3] = ["metrics.jsonl", "episodes.bin", "checkpoints"];

/// Whether a folder is a run, if not a whole one.
fn looks_like_a_run(path: &Path) -> bool {
    ["config.toml", "run.json"].iter().any(|name| path.join(name).is_file())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn started(path: &Path) -> Option<String> {
    let run = RunDir::open(path).ok()?;
    Manifest::load(&run.manifest()).ok().map(|manifest| manifest.started)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use cartwheel_trainer::Settings;
    use cartwheel_trainer::run::Outcome;

    fn make(runs: &Path, name: &str, started: &str) -> RunDir {
        let dir = RunDir::create(runs, name, &|dir| {
            fs::write(dir.config(), Settings::default().to_toml(false)).unwrap();
            let mut manifest = Manifest::start("CartPole-v1", "dqn", 1, "none");
            manifest.started = started.to_owned();
            manifest.end(Outcome::Finished, None);
            manifest.save(&dir.manifest())
        });
        dir.unwrap()
    }

    /// All that is known once there is nothing more to do at `now`.
    fn settle(follower: &mut Follower, model: &mut Model, now: Instant) {
        loop {
            follower.poll(now).into_iter().for_each(|update| model.apply(update));
            if !follower.rest(now).is_zero() {
                return;
            }
        }
    }

    fn names(model: &Model) -> Vec<&str> {
        model.runs.iter().map(|run| run.name.as_str()).collect()
    }

    #[test]
    fn the_runs_of_a_folder_and_those_to_come() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path();
        let (mut follower, mut model) = (Follower::default(), Model::default());
        follower.open(runs.to_owned());
        let mut now = Instant::now();
        settle(&mut follower, &mut model, now);
        assert!(model.runs.is_empty());

        make(runs, "old", "2026-01-01T00:00:00Z");
        make(runs, "new", "2026-02-01T00:00:00Z");
        fs::create_dir(runs.join("pictures")).unwrap();
        settle(&mut follower, &mut model, now);
        assert!(model.runs.is_empty(), "folders are not looked through all the time");
        now += SCAN;
        settle(&mut follower, &mut model, now);
        assert_eq!(names(&model), ["new", "old"]);
        assert!(model.runs.iter().all(|run| run.manifest.is_some() && run.problem.is_none()));

        let torn = make(runs, "torn", "2026-03-01T00:00:00Z");
        fs::remove_file(torn.manifest()).unwrap();
        now += SCAN;
        settle(&mut follower, &mut model, now);
        assert_eq!(names(&model), ["new", "old", "torn"]);
        let problem = model.runs[2].problem.as_ref().unwrap();
        assert!(problem.contains("no run.json"), "{problem}");

        // The same folder again, or a run in it, is no news.
        follower.open(runs.join("old"));
        follower.open(runs.to_owned());
        settle(&mut follower, &mut model, now);
        assert_eq!(model.runs.len(), 3);
    }

    #[test]
    fn one_run_and_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let run = make(folder.path(), "only", "2026-01-01T00:00:00Z");
        make(folder.path(), "other", "2026-01-01T00:00:00Z");
        let (mut follower, mut model) = (Follower::default(), Model::default());
        follower.open(run.path().to_owned());
        follower.open(folder.path().join("nowhere"));
        follower.open(run.checkpoints());
        let now = Instant::now();
        settle(&mut follower, &mut model, now);
        assert_eq!(names(&model), ["only"], "an empty folder, and one that is not there, may get runs");

        let later = make(folder.path(), "nowhere", "2026-01-01T00:00:00Z");
        settle(&mut follower, &mut model, now + STILL);
        assert_eq!(model.runs[1].problem, None);
        assert_eq!(model.runs[1].path, later.path());
    }

    #[test]
    fn a_folder_of_other_things_holds_no_runs() {
        let folder = tempfile::tempdir().unwrap();
        assert!(may_hold_runs(folder.path()), "it is empty");
        fs::create_dir(folder.path().join("pictures")).unwrap();
        assert!(!may_hold_runs(folder.path()));
        fs::write(folder.path().join("metrics.jsonl"), "").unwrap();
        assert!(may_hold_runs(folder.path()), "what is left of a run");
        fs::remove_file(folder.path().join("metrics.jsonl")).unwrap();
        let run = make(folder.path(), "only", "2026-01-01T00:00:00Z");
        assert!(may_hold_runs(folder.path()) && may_hold_runs(run.path()));
    }

    #[test]
    fn a_folder_of_runs_that_comes_goes_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        let (mut follower, mut model) = (Follower::default(), Model::default());
        follower.open(runs.clone());
        let mut now = Instant::now();
        settle(&mut follower, &mut model, now);
        assert!(model.runs.is_empty(), "it is not there");
        make(&runs, "a", "2026-01-01T00:00:00Z");
        now += STILL;
        settle(&mut follower, &mut model, now);
        assert_eq!(names(&model), ["a"]);
        fs::rename(&runs, folder.path().join("away")).unwrap();
        now += STILL;
        settle(&mut follower, &mut model, now);
        assert!(model.runs[0].problem.is_some());
        fs::rename(folder.path().join("away"), &runs).unwrap();
        make(&runs, "b", "2026-01-01T00:00:00Z");
        now += STILL;
        settle(&mut follower, &mut model, now);
        assert_eq!(names(&model), ["a", "b"]);
        assert_eq!(model.runs[0].problem, None);
    }

    #[test]
    fn live_runs_are_looked_at_often_and_others_rarely() {
        let folder = tempfile::tempdir().unwrap();
        let run = make(folder.path(), "run", "2026-01-01T00:00:00Z");
        let mut follower = Follower::default();
        follower.open(run.path().to_owned());
        let mut now = Instant::now();
        settle(&mut follower, &mut Model::default(), now);
        // Folders are due first.
        assert_eq!(follower.rest(now), SCAN);
        let _lock = run.lock().unwrap();
        now += STILL;
        settle(&mut follower, &mut Model::default(), now);
        assert_eq!(follower.rest(now), ALIVE);
    }

    #[test]
    fn the_thread_tells_and_ends_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), "run", "2026-01-01T00:00:00Z");
        let files = Files::start().unwrap();
        files.open(folder.path().to_owned());
        let mut model = Model::default();
        while model.runs.first().is_none_or(|run| run.manifest.is_none()) {
            model.apply(files.updates().recv_timeout(Duration::from_secs(30)).unwrap());
        }
        let updates = files.updates().clone();
        drop(files);
        let end = loop {
            if let Err(end) = updates.recv_timeout(Duration::from_secs(30)) {
                break end;
            }
        };
        assert_eq!(end, RecvTimeoutError::Disconnected);
    }
}
