//! `metrics.jsonl`: every number that a run reports, one JSON object a row.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use super::append::{AppendFile, warn_of_loss};
use super::error::RunError;

/// The numbers of one moment of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricsRow {
    /// Environment steps so far, over all environments.
    pub step: u64,
    /// Gradient updates so far.
    pub updates: u64,
    /// Episodes that ended so far.
    pub episodes: u64,
    /// Seconds since the start, those of earlier parts of a resumed run included.
    pub wall_s: f64,
    /// The numbers by name; names are as in Stable-Baselines3: `rollout/ep_rew_mean`, `train/loss`,
    /// `eval/mean_reward`, `time/fps`. JSON has no NaN and no infinity: those are written as
    /// `null`, and read as NaN.
    #[serde(deserialize_with = "null_as_nan")]
    pub metrics: BTreeMap<String, f64>,
}

fn null_as_nan<'de, D: Deserializer<'de>>(de: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let metrics = BTreeMap::<String, Option<f64>>::deserialize(de)?;
    Ok(metrics.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

/// Appends rows to `metrics.jsonl`.
#[derive(Debug)]
pub struct MetricsLog {
    file: AppendFile,
    /// The row being written, kept for its memory.
    line: Vec<u8>,
}

impl MetricsLog {
    /// Opens the log. `keep_bytes` is its length at the checkpoint that a run resumes from, rows
    /// past which are cut; without it the log starts empty.
    pub fn open(path: &Path, keep_bytes: Option<u64>) -> io::Result<Self> {
        let keep = keep_bytes.map_or(Ok(0), |keep| whole_up_to(path, keep))?;
        Ok(Self { file: AppendFile::open(path, keep)?, line: Vec::new() })
    }

    /// Adds a row for the next flush.
    pub fn append(&mut self, row: &MetricsRow) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, row)?;
        self.line.push(b'\n');
        self.file.append(&self.line)
    }

    /// Hands the rows to the operating system, so that other processes see them. After a failure
    /// the rows are still there for the next flush.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Flushes, and waits until the disk has the rows.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    /// The log's length in bytes once it is flushed: what [`MetricsLog::open`] keeps on resuming.
    pub fn bytes(&self) -> u64 {
        self.file.len()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads a log, of a finished run or of one that is being written: a last row that is not
    /// whole is left out.
    pub fn read(path: &Path) -> Result<Vec<MetricsRow>, RunError> {
        let bytes = fs::read(path).map_err(RunError::reading(path))?;
        let lines = whole_lines(&bytes).split_inclusive(|byte| *byte == b'\n');
        lines
            .enumerate()
            .map(|(number, line)| {
                serde_json::from_slice(line).map_err(|error| RunError::Malformed {
                    file: path.to_owned(),
                    problem: format!("row {}: {error}", number + 1),
                })
            })
            .collect()
    }
}

/// `keep`, or where the file is shorter than that, the end of its last whole row.
fn whole_up_to(path: &Path, keep: u64) -> io::Result<u64> {
    let bytes = match fs::read(path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    if bytes.len() as u64 >= keep {
        return Ok(keep);
    }
    let whole = whole_lines(&bytes).len() as u64;
    warn_of_loss(path, whole, keep);
    Ok(whole)
}

/// Up to and with the last end of a line.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64) -> MetricsRow {
        let metrics = [("rollout/ep_rew_mean", step as f64 / 2.0), ("train/loss", 0.25)];
        MetricsRow {
            step,
            updates: step / 4,
            episodes: step / 10,
            wall_s: 1.5,
            metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    fn written(path: &Path, rows: u64) -> Vec<MetricsRow> {
        let mut log = MetricsLog::open(path, None).unwrap();
        let rows: Vec<_> = (0..rows).map(|i| row(i * 10)).collect();
        rows.iter().for_each(|row| log.append(row).unwrap());
        log.flush().unwrap();
        assert_eq!(log.bytes(), fs::metadata(path).unwrap().len());
        rows
    }

    #[test]
    fn one_json_object_a_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, None).unwrap();
        let mut odd = row(20);
        odd.metrics.insert("train/loss".into(), f64::NAN);
        odd.metrics.insert("train/max".into(), f64::INFINITY);
        log.append(&odd).unwrap();
        log.sync().unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\"step\":20,\"updates\":5,\"episodes\":2,\"wall_s\":1.5,\"metrics\":\
             {\"rollout/ep_rew_mean\":10.0,\"train/loss\":null,\"train/max\":null}}\n"
        );
        let back = MetricsLog::read(&path).unwrap();
        assert_eq!(back[0].metrics["rollout/ep_rew_mean"], 10.0);
        assert!(back[0].metrics["train/loss"].is_nan() && back[0].metrics["train/max"].is_nan());
    }

    #[test]
    fn torn_at_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let rows = written(&path, 4);
        let bytes = fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(MetricsLog::read(&path).unwrap(), rows[..whole]);

            // Resuming from a checkpoint that says more than is there adds whole rows after it.
            let mut log = MetricsLog::open(&path, Some(bytes.len() as u64)).unwrap();
            log.append(&row(99)).unwrap();
            log.flush().unwrap();
            let back = MetricsLog::read(&path).unwrap();
            assert_eq!((&back[..whole], &back[whole]), (&rows[..whole], &row(99)));
        }
    }

    #[test]
    fn rows_past_the_checkpoint_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut rows = written(&path, 2);
        let keep = fs::metadata(&path).unwrap().len();
        let mut log = MetricsLog::open(&path, Some(keep)).unwrap();
        log.append(&row(777)).unwrap();
        log.flush().unwrap();
        drop(log);

        let mut log = MetricsLog::open(&path, Some(keep)).unwrap();
        log.append(&row(20)).unwrap();
        log.flush().unwrap();
        rows.push(row(20));
        assert_eq!(MetricsLog::read(&path).unwrap(), rows);
    }

    #[test]
    fn a_broken_row_is_numbered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        written(&path, 1);
        let good = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{good}{{\"step\":\n{good}")).unwrap();
        let error = MetricsLog::read(&path).unwrap_err().to_string();
        assert!(error.contains("row 2"), "{error}");
    }
}
