//! Parts of the run's files, for viewers on other machines. Which files there are is fixed, so that no request leads
//! out of the run's folder.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use super::protocol::{Reply, RunFile};
use crate::run::RunDir;

/// The most bytes of a file in one reply.
const MOST: u32 = 1 << 20;

/// At most `limit` bytes of `file` from `offset` on. A file that is not there, or cannot be read, has length 0.
pub(super) fn read(run: &RunDir, file: RunFile, offset: u64, limit: u32) -> Reply {
    let (length, bytes) = part(&path(run, file), offset, limit).unwrap_or_default();
    Reply::Bytes { file, offset, length, bytes }
}

fn part(path: &PathBuf, offset: u64, limit: u32) -> io::Result<(u64, Vec<u8>)> {
    // Neither a link out of the folder nor a pipe that would be waited for.
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok((0, Vec::new()));
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(limit.min(MOST).into()).read_to_end(&mut bytes)?;
    Ok((length, bytes))
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
    }
}
