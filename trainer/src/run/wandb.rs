//! Offline runs of Weights & Biases, which `wandb sync` uploads.
//!
//! `wandb/offline-run-<time>-<id>/run-<id>.wandb` is a log of protocol buffers, one a `Record`, in the framing of
//! LevelDB's logs (<https://github.com/google/leveldb/blob/main/doc/log_format.md>), but with the CRC-32 of zlib, behind
//! seven bytes of its own. Of wandb's `wandb_internal.proto`, the messages below declare what a run of metrics needs.

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message as _;
use serde_json::Value;

use super::append::AppendFile;
use super::clock::compact;
use super::metrics::MetricsRow;
use super::row_log::{RowLog, counts};

/// What Weights & Biases is told of a run besides its metrics.
#[derive(Clone, Debug)]
pub struct WandbRun {
    /// The project that the run belongs to.
    pub project: String,
    /// The name that it is shown under.
    pub name: String,
    /// Its settings, by which runs are grouped and filtered.
    pub config: serde_json::Map<String, Value>,
    /// When it began.
    pub started: SystemTime,
}

/// `wandb_internal.Record`. What the original has in a `oneof` are optional fields here, which writes the same.
#[derive(Clone, PartialEq, prost::Message)]
struct Record {
    #[prost(int64, tag = "1")]
    num: i64,
    #[prost(message, optional, tag = "2")]
    history: Option<History>,
    #[prost(message, optional, tag = "3")]
    summary: Option<Items>,
    #[prost(message, optional, tag = "12")]
    metric: Option<Metric>,
    #[prost(message, optional, tag = "17")]
    run: Option<Run>,
    #[prost(message, optional, tag = "18")]
    exit: Option<Exit>,
    #[prost(message, optional, tag = "21")]
    header: Option<Header>,
}

/// `HistoryRecord`.
#[derive(Clone, PartialEq, prost::Message)]
struct History {
    #[prost(message, repeated, tag = "1")]
    item: Vec<Item>,
    #[prost(message, optional, tag = "2")]
    step: Option<Step>,
}

/// `HistoryStep`.
#[derive(Clone, PartialEq, prost::Message)]
struct Step {
    #[prost(int64, tag = "1")]
    num: i64,
}

/// `ConfigRecord` and `SummaryRecord`.
#[derive(Clone, PartialEq, prost::Message)]
struct Items {
    #[prost(message, repeated, tag = "1")]
    update: Vec<Item>,
}

/// `HistoryItem`, `ConfigItem` and `SummaryItem`.
#[derive(Clone, PartialEq, prost::Message)]
struct Item {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "16")]
    value_json: String,
}

/// `MetricRecord`: what metrics are drawn over.
#[derive(Clone, PartialEq, prost::Message)]
struct Metric {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    glob_name: String,
    #[prost(string, tag = "4")]
    step_metric: String,
    #[prost(message, optional, tag = "6")]
    options: Option<MetricOptions>,
}

/// `MetricOptions`.
#[derive(Clone, PartialEq, prost::Message)]
struct MetricOptions {
    #[prost(bool, tag = "1")]
    step_sync: bool,
    #[prost(bool, tag = "3")]
    defined: bool,
}

/// `RunRecord`.
#[derive(Clone, PartialEq, prost::Message)]
struct Run {
    #[prost(string, tag = "1")]
    run_id: String,
    #[prost(string, tag = "3")]
    project: String,
    #[prost(message, optional, tag = "4")]
    config: Option<Items>,
    #[prost(string, tag = "8")]
    display_name: String,
    #[prost(message, optional, tag = "17")]
    start_time: Option<Timestamp>,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, prost::Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// `RunExitRecord`.
#[derive(Clone, PartialEq, prost::Message)]
struct Exit {
    #[prost(int32, tag = "1")]
    exit_code: i32,
    #[prost(int32, tag = "2")]
    runtime: i32,
}

/// `HeaderRecord`.
#[derive(Clone, PartialEq, prost::Message)]
struct Header {
    #[prost(message, optional, tag = "1")]
    version_info: Option<VersionInfo>,
}

/// `VersionInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct VersionInfo {
    #[prost(string, tag = "1")]
    producer: String,
}

/// How a file of wandb's begins: its mark, a number of its own, and the version of the framing.
const BEGIN: [u8; 7] = [b':', b'W', b'&', b'B', 0xe1, 0xbe, 0];
/// What metrics are drawn over, as in CleanRL; wandb's own step counts rows.
const GLOBAL_STEP: &str = "global_step";

/// Writes the metrics of a run as an offline run of Weights & Biases.
#[derive(Debug)]
pub(super) struct WandbLog {
    file: AppendFile,
    records: i64,
    rows: i64,
    started: f64,
    /// Seconds trained at the last row.
    runtime: f64,
}

impl WandbLog {
    /// Starts the file anew. A run that resumes keeps the id that it was given, and so stays one run when it is
    /// uploaded again.
    pub(super) fn open(folder: &Path, run: &WandbRun) -> io::Result<Self> {
        let (path, id) = find_or_make(&folder.join("wandb"), run.started)?;
        // wandb's notes of how much of the file is uploaded.
        for note in ["wandb.synced", "wandb.syncstate"] {
            match fs::remove_file(path.with_extension(note)) {
                Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
        }
        let started = run.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let file = AppendFile::open(&path, 0)?;
        let mut log = Self { file, records: 0, rows: 0, started: started.as_secs_f64(), runtime: 0.0 };
        log.file.append(&BEGIN)?;
        let producer = concat!("cartwheel ", env!("CARGO_PKG_VERSION")).to_owned();
        let header = Some(Header { version_info: Some(VersionInfo { producer }) });
        log.record(Record { header, ..Record::default() })?;
        let config = run.config.iter().map(|(key, value)| Item { key: key.clone(), value_json: value.to_string() });
        let described = Run {
            run_id: id,
            project: run.project.clone(),
            config: Some(Items { update: config.collect() }),
            display_name: run.name.clone(),
            start_time: Some(Timestamp { seconds: started.as_secs() as i64 }),
        };
        log.record(Record { run: Some(described), ..Record::default() })?;
        // wandb.define_metric("global_step"), and define_metric("*", step_metric="global_step").
        let defined = |step_sync| Some(MetricOptions { step_sync, defined: true });
        for metric in [
            Metric { name: GLOBAL_STEP.to_owned(), options: defined(false), ..Metric::default() },
            Metric {
                glob_name: "*".to_owned(),
                step_metric: GLOBAL_STEP.to_owned(),
                options: defined(true),
                ..Metric::default()
            },
        ] {
            log.record(Record { metric: Some(metric), ..Record::default() })?;
        }
        Ok(log)
    }

    fn record(&mut self, record: Record) -> io::Result<()> {
        let record = Record { num: self.records + 1, ..record };
        self.file.append(&frames(self.file.len(), &record.encode_to_vec()))?;
        self.records += 1;
        Ok(())
    }
}

impl RowLog for WandbLog {
    fn append(&mut self, row: &MetricsRow) -> io::Result<()> {
        self.runtime = row.wall_s;
        let numbers = row.metrics.iter().map(|(name, value)| item(name, *value));
        let counts = counts(row).map(|(name, count)| Item { key: name.to_owned(), value_json: count.to_string() });
        let whole = [(GLOBAL_STEP, row.step as i64), ("_step", self.rows)];
        let whole = whole.map(|(key, value)| Item { key: key.to_owned(), value_json: value.to_string() });
        let times = [("_runtime", row.wall_s), ("_timestamp", self.started + row.wall_s)];
        let times = times.map(|(name, value)| item(name, value));
        let items: Vec<Item> = numbers.chain(counts).chain(whole).chain(times).collect();
        // The summary is the newest of each: wandb makes it as it logs, not as it uploads.
        self.record(Record { summary: Some(Items { update: items.clone() }), ..Record::default() })?;
        let history = History { item: items, step: Some(Step { num: self.rows }) };
        self.record(Record { history: Some(history), ..Record::default() })?;
        self.rows += 1;
        Ok(())
    }

    fn file(&mut self) -> &mut AppendFile {
        &mut self.file
    }

    fn end(&mut self, failed: bool) -> io::Result<()> {
        let exit = Exit { exit_code: i32::from(failed), runtime: self.runtime as i32 };
        self.record(Record { exit: Some(exit), ..Record::default() })
    }
}

/// A number, in the JSON of Python, which has what JSON has not.
fn item(key: &str, value: f64) -> Item {
    let value_json = match value {
        nan if nan.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        finite => format!("{finite:?}"),
    };
    Item { key: key.to_owned(), value_json }
}

/// The file of the offline run in `folder`, and its id: the one that is there, or new ones.
fn find_or_make(folder: &Path, started: SystemTime) -> io::Result<(PathBuf, String)> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some((_, id)) = name.strip_prefix("offline-run-").and_then(|rest| rest.rsplit_once('-')) {
            return Ok((folder.join(&name).join(format!("run-{id}.wandb")), id.to_owned()));
        }
    }
    let id = random_id();
    let run = folder.join(format!("offline-run-{}-{id}", compact(started).replace('-', "_")));
    // `files` is where wandb looks for more to upload.
    fs::create_dir_all(run.join("files"))?;
    Ok((run.join(format!("run-{id}.wandb")), id))
}

/// Eight digits and small letters, as wandb's. Not of the run's seed: runs of the same seed are different runs.
fn random_id() -> String {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // The standard library keys its hash maps with what the operating system has of randomness.
    let mut random = RandomState::new().build_hasher().finish();
    let letters = (0..8).map(|_| {
        let letter = LETTERS[(random % 36) as usize];
        random /= 36;
        char::from(letter)
    });
    letters.collect()
}

/// A block of LevelDB's log, and the head of a fragment: checksum, length, type.
const BLOCK: u64 = 32 * 1024;
const HEAD: u64 = 7;

/// `payload` in LevelDB's framing, at the place `at` in the file: in fragments, none of which crosses the end of a block.
fn frames(at: u64, payload: &[u8]) -> Vec<u8> {
    const FULL: u8 = 1;
    const FIRST: u8 = 2;
    const MIDDLE: u8 = 3;
    const LAST: u8 = 4;
    let mut out = Vec::with_capacity(payload.len() + HEAD as usize);
    let (mut rest, mut first) = (payload, true);
    loop {
        let mut room = BLOCK - (at + out.len() as u64) % BLOCK;
        if room < HEAD {
            out.resize(out.len() + room as usize, 0);
            room = BLOCK;
        }
        let (fragment, after) = rest.split_at(rest.len().min((room - HEAD) as usize));
        let kind = match (first, after.is_empty()) {
            (true, true) => FULL,
            (true, false) => FIRST,
            (false, false) => MIDDLE,
            (false, true) => LAST,
        };
        let mut crc = crc32fast::Hasher::new();
        crc.update(&[kind]);
        crc.update(fragment);
        out.extend_from_slice(&crc.finalize().to_le_bytes());
        out.extend_from_slice(&(fragment.len() as u16).to_le_bytes());
        out.push(kind);
        out.extend_from_slice(fragment);
        (rest, first) = (after, false);
        if rest.is_empty() {
            return out;
        }
    }
}

#[cfg(test)]
#[path = "wandb_tests.rs"]
mod tests;
