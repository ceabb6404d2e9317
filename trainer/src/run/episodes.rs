//! `episodes.bin` and `episodes.idx`: every episode, so that any can be shown again.
//!
//! An environment started from the same generator state and given the same actions does the same again, so a record is
//! those two and little else. The log is a sequence of records: length of the payload (4 bytes, little-endian as all
//! here), its CRC-32C (4 bytes), the payload in postcard. The index has an entry of 32 bytes for each, so that a list
//! of a million episodes opens at once; it can be made again from the log.

use std::io::{self, ErrorKind};
use std::path::Path;

use cartwheel_envs::{Action, Space};
use serde::{Deserialize, Serialize};

use super::append::{AppendFile, warn_of_loss};
use super::episode_reader::Episodes;
use crate::episode_info::EpisodeInfo;

/// The name of the log in a run's folder.
pub(super) const LOG: &str = "episodes.bin";
/// The name of the index in a run's folder.
pub(super) const INDEX: &str = "episodes.idx";

/// Length and checksum in front of a payload.
pub(super) const FRAME: u64 = 8;
/// The size of an entry of the index.
pub(super) const ENTRY: usize = 32;

/// All that is needed to show an episode again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRecord {
    /// The environment's number among those of the run.
    pub env: u32,
    /// The episode's number among those of the environment.
    pub episode: u64,
    /// The run's environment steps at its start.
    pub start_step: u64,
    /// The state of the environment's generator before the reset.
    pub generator: [u64; 4],
    /// The version of the policy at its start.
    pub policy_version: u64,
    /// The sum of its rewards.
    pub return_: f64,
    /// Whether it ended by the environment's rules.
    pub terminated: bool,
    /// Whether it was ended from outside, such as by a limit of steps.
    pub truncated: bool,
    /// What was done at each step.
    pub actions: ActionLog,
    /// What its last info told. It follows the other fields in the log, and only where there is anything: so records
    /// are read that were written before there was this one.
    #[serde(skip)]
    pub info: EpisodeInfo,
}

/// The actions of an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ActionLog {
    /// One number a step.
    Discrete(Vec<i32>),
    /// One vector a step.
    Continuous {
        /// The vectors' length.
        width: u32,
        /// The vectors, one after another.
        values: Vec<f32>,
    },
    /// Several integers a step.
    Multi {
        /// How many.
        width: u32,
        /// Those of one step after another.
        values: Vec<i32>,
    },
}

impl ActionLog {
    /// An empty one for actions of `space`.
    pub fn for_space(space: &Space) -> Self {
        let width = space.width() as u32;
        match space {
            Space::Discrete { .. } => Self::Discrete(Vec::new()),
            Space::MultiDiscrete { .. } | Space::MultiBinary { .. } => Self::Multi { width, values: Vec::new() },
            _ => Self::Continuous { width, values: Vec::new() },
        }
    }

    /// An empty one for actions of the same kind.
    #[must_use]
    pub fn begun_anew(&self) -> Self {
        match *self {
            Self::Discrete(_) => Self::Discrete(Vec::new()),
            Self::Continuous { width, .. } => Self::Continuous { width, values: Vec::new() },
            Self::Multi { width, .. } => Self::Multi { width, values: Vec::new() },
        }
    }

    /// Adds what was done at a step. An action of another kind is left out.
    #[inline]
    pub fn push(&mut self, action: Action<'_>) {
        match (self, action) {
            (Self::Discrete(actions), Action::Discrete(action)) => actions.push(action),
            (Self::Continuous { values, .. }, Action::Continuous(action)) => values.extend_from_slice(action),
            (Self::Multi { values, .. }, Action::Multi(action)) => values.extend_from_slice(action),
            _ => {}
        }
    }

    /// What was done at step `i`; nothing beyond the last.
    pub fn get(&self, i: usize) -> Option<Action<'_>> {
        match self {
            Self::Discrete(actions) => actions.get(i).copied().map(Action::Discrete),
            Self::Continuous { width, values } => {
                values.chunks_exact((*width).max(1) as usize).nth(i).map(Action::Continuous)
            }
            Self::Multi { width, values } => values.chunks_exact((*width).max(1) as usize).nth(i).map(Action::Multi),
        }
    }

    /// The number of steps.
    pub fn len(&self) -> usize {
        match self {
            Self::Discrete(actions) => actions.len(),
            Self::Continuous { width, values } => values.len() / (*width).max(1) as usize,
            Self::Multi { width, values } => values.len() / (*width).max(1) as usize,
        }
    }

    /// Whether there was no step.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What the index says of an episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeEntry {
    /// Where its record starts in the log.
    pub offset: u64,
    /// See [`EpisodeRecord::env`].
    pub env: u32,
    /// Its number of steps.
    pub length: u32,
    /// See [`EpisodeRecord::return_`].
    pub return_: f64,
    /// See [`EpisodeRecord::start_step`].
    pub start_step: u64,
}

impl EpisodeEntry {
    pub(super) fn of(record: &EpisodeRecord, offset: u64) -> Self {
        Self {
            offset,
            env: record.env,
            length: u32::try_from(record.actions.len()).unwrap_or(u32::MAX),
            return_: record.return_,
            start_step: record.start_step,
        }
    }

    fn to_bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.env.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.return_.to_le_bytes());
        bytes[24..].copy_from_slice(&self.start_step.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; ENTRY]) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let half = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self {
            offset: word(0),
            env: half(8),
            length: half(12),
            return_: f64::from_bits(word(16)),
            start_step: word(24),
        }
    }
}

/// Appends episodes to a run.
#[derive(Debug)]
pub struct EpisodeLog {
    log: AppendFile,
    index: AppendFile,
}

impl EpisodeLog {
    /// Opens the log in a run's folder. `keep` are the lengths of the log and its index at the checkpoint that a run
    /// resumes from, past which both are cut; without it the log starts empty.
    pub fn open(folder: &Path, keep: Option<(u64, u64)>) -> io::Result<Self> {
        let (log, index) = (folder.join(LOG), folder.join(INDEX));
        let Some((keep_log, keep_index)) = keep else {
            return Ok(Self { log: AppendFile::open(&log, 0)?, index: AppendFile::open(&index, 0)? });
        };
        let found = Episodes::scan(folder, keep_log)?;
        if found.end < keep_log {
            warn_of_loss(&log, found.end, keep_log);
        }
        let from_file = found.indexed.min(keep_index / ENTRY as u64);
        let mut opened = Self {
            log: AppendFile::open(&log, found.end)?,
            index: AppendFile::open(&index, from_file * ENTRY as u64)?,
        };
        for entry in found.index.iter().skip(from_file as usize) {
            opened.index.append(&entry.to_bytes())?;
        }
        Ok(opened)
    }

    /// Adds an episode for the next flush.
    pub fn append(&mut self, record: &EpisodeRecord) -> io::Result<()> {
        let mut bytes = vec![0; FRAME as usize];
        bytes = postcard::to_extend(record, bytes).map_err(invalid)?;
        if !record.info.is_empty() {
            bytes = postcard::to_extend(&record.info, bytes).map_err(invalid)?;
        }
        let (frame, payload) = bytes.split_at_mut(FRAME as usize);
        let length = u32::try_from(payload.len()).map_err(invalid)?;
        frame[..4].copy_from_slice(&length.to_le_bytes());
        frame[4..].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
        let entry = EpisodeEntry::of(record, self.log.len());
        self.log.append(&bytes)?;
        self.index.append(&entry.to_bytes())
    }

    /// Hands the episodes to the operating system, so that other processes see them; the log first, so that the index
    /// never names what is not there.
    pub fn flush(&mut self) -> io::Result<()> {
        self.log.flush()?;
        self.index.flush()
    }

    /// Flushes, and waits until the disk has the episodes.
    pub fn sync(&mut self) -> io::Result<()> {
        self.log.sync()?;
        self.index.sync()
    }

    /// The lengths in bytes of log and index once they are flushed: what [`EpisodeLog::open`] keeps on resuming.
    pub fn bytes(&self) -> (u64, u64) {
        (self.log.len(), self.index.len())
    }

    /// The log's file.
    pub fn path(&self) -> &Path {
        self.log.path()
    }
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs;

    pub(crate) fn record(number: u64) -> EpisodeRecord {
        EpisodeRecord {
            env: number as u32 % 2,
            episode: number / 2,
            start_step: number * 100,
            generator: [number, 2, 3, u64::MAX],
            policy_version: number * 10,
            return_: number as f64 - 0.5,
            terminated: number.is_multiple_of(2),
            truncated: !number.is_multiple_of(2),
            actions: if number.is_multiple_of(2) {
                ActionLog::Discrete((0..number as i32 + 3).map(|a| a - 1).collect())
            } else {
                ActionLog::Continuous { width: 2, values: vec![0.25; 2 * number as usize] }
            },
            info: if number.is_multiple_of(3) {
                [("score".to_owned(), number as f64)].into()
            } else {
                EpisodeInfo::new()
            },
        }
    }

    pub(crate) fn write(folder: &Path, keep: Option<(u64, u64)>, numbers: std::ops::Range<u64>) -> (u64, u64) {
        let mut log = EpisodeLog::open(folder, keep).unwrap();
        numbers.for_each(|number| log.append(&record(number)).unwrap());
        log.sync().unwrap();
        log.bytes()
    }

    fn check(folder: &Path, numbers: &[u64]) {
        let episodes = Episodes::open(folder).unwrap();
        let read: Vec<_> = (0..episodes.index().len()).map(|i| episodes.read(i).unwrap()).collect();
        assert_eq!(read, numbers.iter().map(|number| record(*number)).collect::<Vec<_>>());
        for (entry, record) in episodes.index().iter().zip(&read) {
            assert_eq!(*entry, EpisodeEntry::of(record, entry.offset));
            assert_eq!(entry.length as usize, record.actions.len());
        }
    }

    #[test]
    fn come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), &[]);
        let (log, index) = write(folder.path(), None, 0..5);
        assert_eq!(log, fs::metadata(folder.path().join(LOG)).unwrap().len());
        assert_eq!(index, 5 * ENTRY as u64);
        check(folder.path(), &[0, 1, 2, 3, 4]);
        let episodes = Episodes::open(folder.path()).unwrap();
        assert_eq!(episodes.indexed, 5);
        assert!(episodes.read(5).unwrap_err().to_string().contains("below 5"));
    }

    #[test]
    fn past_the_checkpoint_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let keep = write(folder.path(), None, 0..2);
        write(folder.path(), Some(keep), 5..9);
        check(folder.path(), &[0, 1, 5, 6, 7, 8]);
        let after = write(folder.path(), Some(keep), 2..3);
        check(folder.path(), &[0, 1, 2]);
        assert_eq!(after.1, 3 * ENTRY as u64);
        write(folder.path(), None, 3..4);
        check(folder.path(), &[3]);
    }

    /// Cuts `file` at every byte; checks what is read, and what is after a resume that adds an episode.
    fn torn(file: &str, whole_at: impl Fn(u64) -> usize) {
        let folder = tempfile::tempdir().unwrap();
        let keep = write(folder.path(), None, 0..4);
        let whole = [LOG, INDEX].map(|name| (name, fs::read(folder.path().join(name)).unwrap()));
        let length = fs::metadata(folder.path().join(file)).unwrap().len();
        for cut in 0..=length {
            for (name, bytes) in &whole {
                let end = if *name == file { cut as usize } else { bytes.len() };
                fs::write(folder.path().join(name), &bytes[..end]).unwrap();
            }
            let mut numbers: Vec<_> = (0..4).take(whole_at(cut)).collect();
            check(folder.path(), &numbers);
            let (_, index) = write(folder.path(), Some(keep), 9..10);
            numbers.push(9);
            check(folder.path(), &numbers);
            assert_eq!(index as usize, numbers.len() * ENTRY);
            assert_eq!(index, fs::metadata(folder.path().join(INDEX)).unwrap().len());
        }
    }

    #[test]
    fn log_torn_at_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let ends: Vec<_> = (1..=4).map(|n| write(folder.path(), None, 0..n).0).collect();
        torn(LOG, |cut| ends.iter().filter(|end| **end <= cut).count());
    }

    #[test]
    fn index_torn_at_every_byte_is_made_again() {
        torn(INDEX, |_| 4);
    }
}
