//! One process a run: two would write over each other's logs and checkpoints.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::RunError;

/// A claim on a run, given up when dropped. The operating system gives it up for a process that is killed, so there is
/// no stale lock to remove; the file itself stays.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Claims the run in `folder`, or tells which process has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, RunError> {
        let path = file_in(folder);
        let failed = |cause| RunError::io("lock", &path)(cause);
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
        let mut claim = file.try_lock();
        if matches!(claim, Err(TryLockError::WouldBlock)) {
            // It may have been `is_taken` in another process, which holds it for an instant.
            std::thread::sleep(Duration::from_millis(50));
            claim = file.try_lock();
        }
        match claim {
            Ok(()) => {}
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(RunError::Locked { path: folder.to_owned(), pid });
            }
        }
        // The number only serves the message above.
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Whether a process has claimed the run in `folder`.
pub(super) fn is_taken(folder: &Path) -> bool {
    let Ok(file) = File::open(file_in(folder)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join("lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_taken(folder.path()));
        let lock = RunLock::take(folder.path()).unwrap();
        assert!(is_taken(folder.path()));
        let error = RunLock::take(folder.path()).unwrap_err();
        let RunError::Locked { pid, .. } = &error else { panic!("{error}") };
        assert_eq!(*pid, Some(std::process::id()));
        assert!(error.to_string().contains(&std::process::id().to_string()));

        drop(lock);
        assert!(!is_taken(folder.path()));
        RunLock::take(folder.path()).unwrap();
    }

    /// The other process of the test below: this test program again, running only this.
    #[test]
    #[ignore = "started by a_killed_process_leaves_no_claim"]
    fn holds_until_killed() {
        let Some(folder) = std::env::var_os("CARTWHEEL_TEST_LOCK") else { return };
        let _lock = RunLock::take(Path::new(&folder)).unwrap();
        std::thread::sleep(Duration::from_secs(60));
    }

    #[test]
    fn a_killed_process_leaves_no_claim() {
        let folder = tempfile::tempdir().unwrap();
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut other = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", &format!("{module}::holds_until_killed")])
            .env("CARTWHEEL_TEST_LOCK", folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while !is_taken(folder.path()) {
            assert!(other.try_wait().unwrap().is_none(), "the other process ended early");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(matches!(RunLock::take(folder.path()), Err(RunError::Locked { .. })));
        other.kill().unwrap();
        other.wait().unwrap();
        RunLock::take(folder.path()).unwrap();
    }
}
