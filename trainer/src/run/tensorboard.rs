//! Event files that TensorBoard opens.
//!
//! A file is a sequence of records (length, its checksum, payload, its checksum), each payload a protocol buffer. Of
//! TensorFlow's `event.proto`, `summary.proto` and `session_log`, the messages below declare the few fields that
//! scalars need.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message as _;

use super::append::AppendFile;
use super::metrics::MetricsRow;
use super::row_log::RowLog;

/// `tensorflow.Event`. What the original has in a `oneof` are optional fields here, which reads and writes the same.
#[derive(Clone, PartialEq, prost::Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

/// `tensorflow.Summary`.
#[derive(Clone, PartialEq, prost::Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

/// `tensorflow.Summary.Value`. Optional, because a plain zero would not be written at all.
#[derive(Clone, PartialEq, prost::Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// `tensorflow.SessionLog`.
#[derive(Clone, PartialEq, prost::Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `tensorflow.SessionLog.SessionStatus.START`.
const START: i32 = 1;

/// How TensorBoard knows an event file.
const PREFIX: &str = "events.out.tfevents.";

/// Writes the metrics of a run for TensorBoard.
#[derive(Debug)]
pub(super) struct TensorBoard {
    file: AppendFile,
}

impl TensorBoard {
    /// Starts an event file in `folder`: a new one each time a run starts or resumes, which TensorBoard shows as one.
    ///
    /// A run that resumes from a checkpoint at `resume_step` repeats the steps after it; TensorBoard is told to forget
    /// what earlier files say of those.
    pub(super) fn open(folder: &Path, resume_step: Option<u64>) -> io::Result<Self> {
        let path = new_file(folder)?;
        let mut board = Self { file: AppendFile::open(&path, 0)? };
        board.event(Event { file_version: Some("brain.Event:2".to_owned()), ..Event::default() })?;
        // Readers forget this step and those after it, so that the checkpoint's own step stays. Some take a folder's
        // first START for the beginning and ignore it: so a run that begins has one too.
        let step = resume_step.map_or(0, |step| to_step(step.saturating_add(1)));
        let session_log = Some(SessionLog { status: START });
        board.event(Event { step, session_log, ..Event::default() })?;
        Ok(board)
    }

    /// Removes the event files in `folder`: a run that starts over would show twice.
    pub(super) fn remove_all(folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        let event = Event { wall_time: since_1970().as_secs_f64(), ..event };
        self.file.append(&record(&event.encode_to_vec()))
    }
}

impl RowLog for TensorBoard {
    /// Under the row's environment steps.
    fn append(&mut self, row: &MetricsRow) -> io::Result<()> {
        let value =
            row.metrics.iter().map(|(name, value)| Value { tag: name.clone(), simple_value: Some(*value as f32) });
        self.event(Event {
            step: to_step(row.step),
            summary: Some(Summary { value: value.collect() }),
            ..Event::default()
        })
    }

    fn file(&mut self) -> &mut AppendFile {
        &mut self.file
    }
}

/// A payload in TensorFlow's TFRecord framing.
fn record(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), payload, &masked_crc(payload)].concat()
}

/// A checksum of data that may itself hold checksums is rotated and shifted, so that the two do not cancel.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

fn to_step(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

fn since_1970() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Makes `events.out.tfevents.<seconds>.<host>`, with a number behind it where a run resumes within a second.
/// TensorBoard reads a folder's files in the order of their names.
fn new_file(folder: &Path) -> io::Result<PathBuf> {
    let name = format!("{PREFIX}{}.{}", since_1970().as_secs(), host());
    let mut path = folder.join(&name);
    for number in 1_u64.. {
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
                path = folder.join(format!("{name}.{number}"));
            }
            made => {
                made?;
                break;
            }
        }
    }
    Ok(path)
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain: String =
        name.trim().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    if plain.is_empty() { "localhost".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes a file, checking every checksum.
    fn events(path: &Path) -> Vec<Event> {
        let bytes = fs::read(path).unwrap();
        let mut rest = &bytes[..];
        let mut events = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_at(8);
            let (crc, after) = after.split_at(4);
            assert_eq!(crc, masked_crc(length));
            let (payload, after) = after.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
            let (crc, after) = after.split_at(4);
            assert_eq!(crc, masked_crc(payload));
            events.push(Event::decode(payload).unwrap());
            rest = after;
        }
        events
    }

    fn row(step: u64) -> MetricsRow {
        let metrics = [("train/loss", 0.0), ("rollout/ep_rew_mean", step as f64), ("odd/nan", f64::NAN)];
        let metrics = metrics.map(|(name, value)| (name.to_owned(), value)).into();
        MetricsRow { step, metrics, ..MetricsRow::default() }
    }

    #[test]
    fn masked_checksums_are_tensorflows() {
        // The version record that TensorFlow itself writes starts with these bytes (18 bytes, its masked checksum).
        let theirs = [0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22];
        assert_eq!(record(&[0; 0x18])[..12], theirs);
    }

    #[test]
    fn every_value_is_there_zeros_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut board = TensorBoard::open(folder.path(), None).unwrap();
        board.append(&row(100)).unwrap();
        board.file.flush().unwrap();
        let events = events(board.file.path());
        assert_eq!(events.len(), 3);
        assert_eq!(events[0].file_version.as_deref(), Some("brain.Event:2"));
        assert_eq!((events[1].step, events[1].session_log.clone()), (0, Some(SessionLog { status: START })));
        assert_eq!(events[2].step, 100);
        let summary = events[2].summary.as_ref().unwrap();
        let values: Vec<_> = summary.value.iter().map(|v| (v.tag.as_str(), v.simple_value.unwrap())).collect();
        assert!(values[0].0 == "odd/nan" && values[0].1.is_nan());
        assert_eq!(values[1..], [("rollout/ep_rew_mean", 100.0), ("train/loss", 0.0)]);
    }

    #[test]
    fn a_resumed_run_has_its_own_file_that_purges_later_steps() {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for resume in [None, Some(100), Some(100)] {
            let mut board = TensorBoard::open(folder.path(), resume).unwrap();
            board.append(&row(150)).unwrap();
            board.file.sync().unwrap();
            paths.push(board.file.path().to_owned());
        }
        assert!(paths.is_sorted() && paths[0] != paths[1] && paths[1] != paths[2]);
        let events = events(&paths[2]);
        assert_eq!((events[1].step, events[1].session_log.clone()), (101, Some(SessionLog { status: START })));
        assert_eq!(events[2].step, 150);
    }
}
