//! A run's folder: made, found again, locked and listed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::atomic::sync_folder;
use super::clock::compact;
use super::error::RunError;
use super::lock::{self, RunLock};
use super::manifest::Manifest;

const CONFIG: &str = "config.toml";
const MANIFEST: &str = "run.json";

/// The folder of one run. It knows the names of what is inside; the other modules know the contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

/// One line of a list of runs.
#[derive(Debug)]
pub struct RunSummary {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// Its `run.json`, or why it could not be read.
    pub manifest: Result<Manifest, RunError>,
}

/// Writes the files that a new run begins with.
pub type Fill<'a> = &'a dyn Fn(&RunDir) -> Result<(), RunError>;

/// Renames a folder to a name that nothing has.
fn rename_new(from: &Path, to: &Path) -> Result<(), RunError> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Some network file systems cannot refuse by themselves.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !to.exists() => {
            fs::rename(from, to).map_err(RunError::io("create", to))
        }
        Err(Errno::EXIST | Errno::NOTEMPTY | Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            Err(RunError::Exists { path: to.to_owned() })
        }
        Err(other) => Err(RunError::io("create", to)(other.into())),
    }
}

impl RunDir {
    /// Makes the folder of a new run, and `runs_dir` where it is not there yet, with what `fill` writes into it. The
    /// folder appears whole or not at all: a process that is killed meanwhile leaves the name free. A name that is taken
    /// is refused.
    pub fn create(runs_dir: &Path, name: &str, fill: Fill<'_>) -> Result<Self, RunError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        if !is_plain(name) {
            return Err(RunError::BadName { name: name.to_owned() });
        }
        let run = Self { path: runs_dir.join(name) };
        if run.path.exists() {
            return Err(RunError::Exists { path: run.path });
        }
        fs::create_dir_all(runs_dir).map_err(RunError::io("create the folder", runs_dir))?;
        let hidden = format!(".{name}.{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let staged = Self { path: runs_dir.join(hidden) };
        let made = staged.make(runs_dir, fill).and_then(|()| rename_new(&staged.path, &run.path));
        if made.is_err() {
            // What is wrong with the disk is told already.
            let _ = fs::remove_dir_all(&staged.path);
        }
        made?;
        sync_folder(runs_dir).map_err(RunError::io("sync the folder", runs_dir))?;
        Ok(run)
    }

    fn make(&self, runs_dir: &Path, fill: Fill<'_>) -> Result<(), RunError> {
        fs::create_dir(&self.path).map_err(RunError::io("create a run in", runs_dir))?;
        let checkpoints = self.checkpoints();
        fs::create_dir(&checkpoints).map_err(RunError::io("create the folder", &checkpoints))?;
        fill(self)?;
        sync_folder(&self.path).map_err(RunError::io("sync the folder", &self.path))
    }

    /// As [`RunDir::create`], but a name that is taken gets `-2`, `-3`, ... at its end.
    pub fn create_unique(runs_dir: &Path, name: &str, fill: Fill<'_>) -> Result<Self, RunError> {
        let mut tried = Self::create(runs_dir, name, fill);
        for number in 2_u64.. {
            match tried {
                Err(RunError::Exists { .. }) => {
                    tried = Self::create(runs_dir, &format!("{name}-{number}"), fill);
                }
                other => return other,
            }
        }
        tried
    }

    /// The folder of a run that another process writes, wherever it is from there: nothing of it is looked at.
    pub(crate) fn of_another(path: PathBuf) -> Self {
        Self { path }
    }

    /// Finds a run again: a folder that holds `config.toml` and `run.json`.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, RunError> {
        let path = path.into();
        let missing: Vec<_> = [CONFIG, MANIFEST].into_iter().filter(|name| !path.join(name).is_file()).collect();
        if missing.is_empty() { Ok(Self { path }) } else { Err(RunError::NotARun { path, missing }) }
    }

    /// All runs in `runs_dir`, the oldest first; folders that are not readable as runs come last, by name. There being
    /// no
    /// `runs_dir` means that there are no runs yet.
    pub fn list(runs_dir: &Path) -> Result<Vec<RunSummary>, RunError> {
        let failed = |cause| RunError::io("list the runs in", runs_dir)(cause);
        let entries = match fs::read_dir(runs_dir) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') {
                let manifest = Self::open(&path).and_then(|run| Manifest::load(&run.manifest()));
                runs.push(RunSummary { name, path, manifest });
            }
        }
        runs.sort_by_cached_key(|run| {
            let started = run.manifest.as_ref().ok().map(|manifest| manifest.started.clone());
            (started.is_none(), started, run.name.clone())
        });
        Ok(runs)
    }

    /// Claims the run for this process until the lock is dropped.
    pub fn lock(&self) -> Result<RunLock, RunError> {
        RunLock::take(&self.path)
    }

    /// Whether a process has claimed the run. A run that is `Running` by its manifest and not locked was killed.
    pub fn is_locked(&self) -> bool {
        lock::is_taken(&self.path)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's name, by which people know the run.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// `config.toml`: everything resolved, enough to repeat the run.
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// `run.json`: see [`Manifest`].
    pub fn manifest(&self) -> PathBuf {
        self.path.join(MANIFEST)
    }

    /// `metrics.jsonl`: see [`MetricsLog`](super::MetricsLog).
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// `episodes.bin`: see [`EpisodeLog`](super::EpisodeLog).
    pub fn episodes(&self) -> PathBuf {
        self.path.join(super::episodes::LOG)
    }

    /// `episodes.idx`: see [`EpisodeEntry`](super::EpisodeEntry).
    pub fn episode_index(&self) -> PathBuf {
        self.path.join(super::episodes::INDEX)
    }

    /// `samples.bin`: see [`Samples`](crate::supervised::Samples).
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples.bin")
    }

    /// `profile.json`: where the time of some steps went.
    pub fn profile(&self) -> PathBuf {
        self.path.join("profile.json")
    }

    /// `watch.json`: where a viewer finds a live run.
    pub fn watch(&self) -> PathBuf {
        self.path.join("watch.json")
    }

    /// `checkpoints/`: see [`Checkpoints`](super::Checkpoints).
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// `checkpoints/latest.safetensors`: the weights at the last checkpoint.
    pub fn latest_weights(&self) -> PathBuf {
        self.checkpoints().join("latest.safetensors")
    }

    /// `checkpoints/best.safetensors`: the weights that did best in evaluation.
    pub fn best_weights(&self) -> PathBuf {
        self.checkpoints().join("best.safetensors")
    }
}

/// The name of a run that was not given one, such as `CartPole-v1-dqn-s1-20261123-191500`. What an environment's id may
/// hold and a folder's name may not (`/`, `:`) becomes `-`; of one in a shared library the file's name is enough.
pub(crate) fn default_name(env_id: &str, algo: &str, seed: u64, now: SystemTime) -> String {
    let library = env_id.strip_prefix("c:").and_then(|path| Path::new(path).file_stem()?.to_str());
    let env: String = library.unwrap_or(env_id).chars().map(|c| if is_plain_char(c) { c } else { '-' }).collect();
    format!("{}-{algo}-s{seed}-{}", env.trim_start_matches('.'), compact(now))
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && name.chars().all(is_plain_char)
}

fn is_plain_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Outcome;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_name_is_taken_once() {
        let runs = tempfile::tempdir().unwrap();
        let runs = runs.path().join("not/there/yet");
        let run = RunDir::create(&runs, "a", &|_| Ok(())).unwrap();
        assert!(run.checkpoints().is_dir());
        assert!(matches!(RunDir::create(&runs, "a", &|_| Ok(())), Err(RunError::Exists { .. })));
        assert_eq!(RunDir::create_unique(&runs, "a", &|_| Ok(())).unwrap().name(), "a-2");
        assert_eq!(RunDir::create_unique(&runs, "a", &|_| Ok(())).unwrap().name(), "a-3");
        assert_eq!(RunDir::create_unique(&runs, "b", &|_| Ok(())).unwrap().name(), "b");
    }

    #[test]
    fn a_name_stays_inside_the_folder() {
        let runs = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", ".hidden", "a/b", "../a", "a b", "a\n"] {
            assert!(
                matches!(RunDir::create(runs.path(), name, &|_| Ok(())), Err(RunError::BadName { .. })),
                "{name:?}"
            );
        }
    }

    #[test]
    fn an_unusable_folder_is_named() {
        let error = RunDir::create(Path::new("/proc/runs"), "a", &|_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("/proc/runs"), "{error}");
    }

    #[test]
    fn open_says_what_is_missing() {
        let runs = tempfile::tempdir().unwrap();
        let run = RunDir::create(runs.path(), "a", &|_| Ok(())).unwrap();
        let error = RunDir::open(run.path()).unwrap_err();
        assert!(error.to_string().contains("no config.toml and no run.json"), "{error}");
        fs::write(run.config(), "").unwrap();
        let RunError::NotARun { missing, .. } = RunDir::open(run.path()).unwrap_err() else { panic!() };
        assert_eq!(missing, ["run.json"]);
        fs::write(run.manifest(), "{}").unwrap();
        assert_eq!(RunDir::open(run.path()).unwrap(), run);
    }

    #[test]
    fn the_list_is_sorted_and_shows_broken_runs() {
        let runs = tempfile::tempdir().unwrap();
        assert!(RunDir::list(&runs.path().join("none")).unwrap().is_empty());
        for (name, started) in [("late", "2026-02-01T00:00:00Z"), ("early", "2026-01-01T00:00:00Z")] {
            let run = RunDir::create(runs.path(), name, &|_| Ok(())).unwrap();
            fs::write(run.config(), "").unwrap();
            let mut manifest = Manifest::start("CartPole-v1", "dqn", 1, "none");
            manifest.started = started.to_owned();
            manifest.end(Outcome::Finished, None);
            manifest.save(&run.manifest()).unwrap();
        }
        let torn = RunDir::create(runs.path(), "a-torn", &|_| Ok(())).unwrap();
        fs::write(torn.config(), "").unwrap();
        fs::write(torn.manifest(), "{\"format").unwrap();
        RunDir::create(runs.path(), "a-bare", &|_| Ok(())).unwrap();
        fs::write(runs.path().join("notes.txt"), "").unwrap();

        let list = RunDir::list(runs.path()).unwrap();
        let names: Vec<_> = list.iter().map(|run| (run.name.as_str(), run.manifest.is_ok())).collect();
        assert_eq!(names, [("early", true), ("late", true), ("a-bare", false), ("a-torn", false)]);
        assert!(matches!(list[2].manifest, Err(RunError::NotARun { .. })));
        assert!(matches!(list[3].manifest, Err(RunError::Malformed { .. })));
    }

    #[test]
    fn default_names() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_461_300);
        assert_eq!(default_name("CartPole-v1", "dqn", 1, now), "CartPole-v1-dqn-s1-20261123-191500");
        assert_eq!(default_name("c:/a/libmaze.so", "ppo", 1, now), "libmaze-ppo-s1-20261123-191500");
        let odd = default_name("../ALE/Pong:v5", "dqn", 7, now);
        assert_eq!(odd, "-ALE-Pong-v5-dqn-s7-20261123-191500");
        assert!(is_plain(&odd));
    }
}
