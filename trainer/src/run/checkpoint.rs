//! The folder `checkpoints/`: which states are kept, and which one a run goes on from.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::atomic::WriteCost;
use super::dir::RunDir;
use super::error::RunError;
use super::state::{read_state, verify_state, write_state};

impl RunDir {
    /// Whether it has a checkpoint to go on from.
    pub(crate) fn has_checkpoint(&self) -> bool {
        Checkpoints::new(self.checkpoints(), 1).list().is_ok_and(|states| !states.is_empty())
    }
}

/// The states of a run, `step-000000012000.state` and so on.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

impl Checkpoints {
    /// The states in `folder`, of which the newest `keep` (at least one) are kept.
    pub fn new(folder: impl Into<PathBuf>, keep: usize) -> Self {
        Self { folder: folder.into(), keep: keep.max(1) }
    }

    /// Writes the state at `step`, and then removes what is no longer to be kept: all but the newest, and any of a
    /// later step, which a run that went back to an older checkpoint has given up.
    pub fn save<T: Serialize + ?Sized>(&self, step: u64, state: &T) -> Result<WriteCost, RunError> {
        let cost = write_state(&self.path(step), state)?;
        // What cannot be removed now will be after the next save; the new state is safe either way.
        if let Err(cause) = self.prune(step) {
            tracing::warn!("could not remove old checkpoints in {}: {cause}", self.folder.display());
        }
        Ok(cost)
    }

    /// The states that are there, the oldest first.
    pub fn list(&self) -> Result<Vec<(u64, PathBuf)>, RunError> {
        self.steps().map_err(RunError::io("list the checkpoints in", &self.folder))
    }

    /// Reads the newest state; none where there is no state yet. One that is cut off or damaged is an error that names
    /// the newest sound one before it, for the caller to offer: going back is not done silently.
    pub fn load_latest<T: DeserializeOwned>(&self) -> Result<Option<(u64, T)>, RunError> {
        let mut states = self.list()?;
        let Some((step, newest)) = states.pop() else { return Ok(None) };
        let reason = match self.load(&newest) {
            Ok(state) => return Ok(Some((step, state))),
            Err(RunError::Damaged { reason, .. }) => reason,
            Err(RunError::CutOff { expected, found, .. }) => {
                format!("it is cut off, expected {expected} bytes and found {found}")
            }
            Err(other) => return Err(other),
        };
        let last_good = states.into_iter().rev().map(|(_, file)| file).find(|file| verify_state(file).is_ok());
        Err(RunError::Damaged { file: newest, reason, last_good })
    }

    /// Reads a given state.
    pub fn load<T: DeserializeOwned>(&self, file: &Path) -> Result<T, RunError> {
        read_state(file)
    }

    /// The file of the state at `step`.
    pub fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:012}.state"))
    }

    fn steps(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut steps = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if let Some(step) = path.file_name().and_then(|name| step_of(name.to_str()?)) {
                steps.push((step, path));
            }
        }
        steps.sort_unstable();
        Ok(steps)
    }

    fn prune(&self, newest: u64) -> io::Result<()> {
        let (kept, given_up): (Vec<_>, Vec<_>) = self.steps()?.into_iter().partition(|(step, _)| *step <= newest);
        let old = kept.len().saturating_sub(self.keep);
        for (_, path) in kept.into_iter().take(old).chain(given_up) {
            fs::remove_file(path)?;
        }
        self.remove_leftovers()
    }

    /// A process killed while it wrote a state leaves the hidden file; the next one writes another step, under another
    /// name.
    fn remove_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let of_state = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp"));
            if of_state.and_then(step_of).is_some() {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn step_of(name: &str) -> Option<u64> {
    name.strip_prefix("step-")?.strip_suffix(".state")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::atomic::temporary_beside;

    fn checkpoints(keep: usize) -> (tempfile::TempDir, Checkpoints) {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path(), keep);
        (folder, checkpoints)
    }

    fn steps(checkpoints: &Checkpoints) -> Vec<u64> {
        checkpoints.list().unwrap().into_iter().map(|(step, _)| step).collect()
    }

    #[test]
    fn the_newest_are_kept() {
        let (folder, checkpoints) = checkpoints(2);
        assert!(checkpoints.load_latest::<String>().unwrap().is_none());
        let weights = folder.path().join("latest.safetensors");
        fs::write(&weights, "").unwrap();
        for step in [0, 500, 1_000, 1_000_000_000_000, 20_000_000_000_000] {
            checkpoints.save(step, &format!("at {step}")).unwrap();
        }
        assert_eq!(steps(&checkpoints), [1_000_000_000_000, 20_000_000_000_000]);
        let (step, state) = checkpoints.load_latest::<String>().unwrap().unwrap();
        assert_eq!((step, state.as_str()), (20_000_000_000_000, "at 20000000000000"));
        assert!(weights.exists());
    }

    #[test]
    fn the_first_file_is_named_as_promised() {
        let (_folder, checkpoints) = checkpoints(1);
        checkpoints.save(12_000, &()).unwrap();
        assert!(checkpoints.list().unwrap()[0].1.ends_with("step-000000012000.state"));
    }

    #[test]
    fn a_failed_save_removes_nothing() {
        let (_folder, checkpoints) = checkpoints(1);
        checkpoints.save(1, "one").unwrap();
        std::os::unix::fs::symlink("/dev/full", temporary_beside(&checkpoints.path(2)).unwrap()).unwrap();
        checkpoints.save(2, "two").unwrap_err();
        assert_eq!(checkpoints.load_latest::<String>().unwrap().unwrap(), (1, "one".into()));
    }

    #[test]
    fn going_back_gives_up_later_states_and_leftovers_go() {
        let (folder, checkpoints) = checkpoints(3);
        for step in [10, 20, 30] {
            checkpoints.save(step, "first try").unwrap();
        }
        fs::write(folder.path().join(".step-000000000040.state.tmp"), "half").unwrap();
        checkpoints.save(15, "second try").unwrap();
        assert_eq!(steps(&checkpoints), [10, 15]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_damaged_newest_names_the_last_good() {
        let (_folder, checkpoints) = checkpoints(4);
        for step in [1, 2, 3, 4] {
            checkpoints.save(step, &format!("at {step}")).unwrap();
        }
        fs::write(checkpoints.path(3), "nonsense").unwrap();
        let newest = checkpoints.path(4);
        let bytes = fs::read(&newest).unwrap();
        let mut flipped = bytes.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for broken in [&bytes[..bytes.len() - 1], &flipped[..]] {
            fs::write(&newest, broken).unwrap();
            let error = checkpoints.load_latest::<String>().unwrap_err();
            let RunError::Damaged { file, last_good: Some(good), .. } = &error else { panic!("{error}") };
            assert_eq!((file, good), (&newest, &checkpoints.path(2)));
            assert!(error.to_string().contains("step-000000000002.state"), "{error}");
            assert_eq!(checkpoints.load::<String>(good).unwrap(), "at 2");
        }
    }
}
