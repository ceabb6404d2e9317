//! Parts of the run's files, for viewers on other machines. Which files there are is fixed, so that no request leads
//! out of the run's folder.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use super::protocol::{Reply, RunFile};
use crate::run::RunDir;

/// The most bytes of a file in one reply.
const MOST: u32 = 1 << 20;

/// At most `limit` bytes of `file` from `offset` on. A file that is not there, or cannot be read, has length 0.
pub(super) fn read(run: &RunDir, file: RunFile, offset: u64, limit: u32) -> Reply {
    let (length, modified, bytes) = part(&path(run, file), offset, limit).unwrap_or_default();
    Reply::Bytes { file, offset, length, modified, bytes }
}

fn part(path: &PathBuf, offset: u64, limit: u32) -> io::Result<(u64, u64, Vec<u8>)> {
    // Neither a link out of the folder nor a pipe that would be waited for.
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok((0, 0, Vec::new()));
    }
    let mut file = File::open(path)?;
    let about = file.metadata()?;
    let length = about.len();
    let modified = about.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let mut bytes = Vec::new();
    // No file system seeks as far as a number goes.
    file.seek(SeekFrom::Start(offset.min(length)))?;
    file.take(limit.min(MOST).into()).read_to_end(&mut bytes)?;
    Ok((length, modified, bytes))
}

fn path(run: &RunDir, file: RunFile) -> PathBuf {
    match file {
        RunFile::Config => run.config(),
        RunFile::Manifest => run.manifest(),
        RunFile::Metrics => run.metrics(),
        RunFile::Episodes => run.episodes(),
        RunFile::EpisodeIndex => run.episode_index(),
        RunFile::LatestWeights => run.latest_weights(),
        RunFile::BestWeights => run.best_weights(),
        RunFile::Samples => run.samples(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_files_are_read_and_nothing_outside() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path(), "a", &|run| {
            fs::write(run.config(), "0123456789").unwrap();
            fs::write(run.manifest(), "").unwrap();
            Ok(())
        });
        let run = run.unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), run.metrics()).unwrap();
        let read = |file, offset, limit| {
            let Reply::Bytes { length, bytes, .. } = read(&run, file, offset, limit) else { panic!("bytes") };
            (length, String::from_utf8(bytes).unwrap())
        };
        let text = |length, text: &str| (length, text.to_string());
        assert_eq!(read(RunFile::Config, 0, u32::MAX), text(10, "0123456789"));
        assert_eq!(read(RunFile::Config, 3, 4), text(10, "3456"));
        assert_eq!(read(RunFile::Config, 10, 4), text(10, ""));
        assert_eq!(read(RunFile::Config, u64::MAX, 4), text(10, ""));
        for file in [RunFile::Metrics, RunFile::Episodes, RunFile::BestWeights] {
            assert_eq!(read(file, 0, 100), text(0, ""), "{file:?}");
        }
        let modified = || match super::read(&run, RunFile::Config, 0, 0) {
            Reply::Bytes { modified, length: 10, bytes, .. } if bytes.is_empty() => modified,
            other => panic!("{other:?}"),
        };
        let before = modified();
        assert_eq!(before, modified());
        let file = fs::File::options().write(true).open(run.config()).unwrap();
        file.set_modified(UNIX_EPOCH + std::time::Duration::from_nanos(77)).unwrap();
        assert_eq!(modified(), 77, "it was {before}");
    }
}
