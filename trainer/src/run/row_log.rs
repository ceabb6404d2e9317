//! Logs of metrics in the formats of other tools, beside `metrics.jsonl`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, ErrorKind};
use std::path::Path;

use super::append::AppendFile;
use super::csv::CsvLog;
use super::dir::RunDir;
use super::error::RunError;
use super::metrics::MetricsRow;
use super::wandb::{WandbLog, WandbRun};

/// A log that gets every row of metrics.
pub(super) trait RowLog: Send {
    /// Adds a row for the next flush of the file.
    fn append(&mut self, row: &MetricsRow) -> io::Result<()>;

    /// The file.
    fn file(&mut self) -> &mut AppendFile;

    /// The run has ended; `failed` if in an error.
    fn end(&mut self, _failed: bool) -> io::Result<()> {
        Ok(())
    }
}

/// The logs that a run writes on demand.
#[derive(Clone, Debug, Default)]
pub struct ExtraLogs {
    /// `progress.csv`.
    pub csv: bool,
    /// An offline run of Weights & Biases.
    pub wandb: Option<WandbRun>,
}

impl ExtraLogs {
    /// Starts these logs with the rows that `metrics.jsonl` holds by now. A run that resumes has cut that to its
    /// checkpoint, so that here, too, no row is lost and none is there twice.
    pub(super) fn open(&self, run: &RunDir) -> Result<Vec<Box<dyn RowLog>>, RunError> {
        let mut logs: Vec<Box<dyn RowLog>> = Vec::new();
        if self.csv {
            let path = run.path().join("progress.csv");
            logs.push(Box::new(CsvLog::open(&path).map_err(RunError::io("open", &path))?));
        }
        if let Some(wandb) = &self.wandb {
            let log = WandbLog::open(run.path(), wandb);
            logs.push(Box::new(log.map_err(RunError::io("make a W&B run in", run.path()))?));
        }
        for log in &mut logs {
            repeat(&run.metrics(), log.as_mut())?;
        }
        Ok(logs)
    }
}

/// Writes the rows of `metrics.jsonl` to `log`. Row by row: there may be millions.
fn repeat(metrics: &Path, log: &mut dyn RowLog) -> Result<(), RunError> {
    let file = match File::open(metrics) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(RunError::io("read", metrics))?,
    };
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(RunError::io("read", metrics))?;
        let row: MetricsRow = serde_json::from_str(&line).map_err(|error| RunError::Malformed {
            file: metrics.to_owned(),
            problem: format!("row {}: {error}", number + 1),
        })?;
        // What waits to be written is bounded.
        let flushed = if number % 1000 == 999 { log.file().flush() } else { Ok(()) };
        flushed.and_then(|()| log.append(&row)).map_err(|cause| RunError::io("write", log.file().path())(cause))?;
    }
    Ok(())
}

/// What a row counts, by the names of Stable-Baselines3.
pub(super) fn counts(row: &MetricsRow) -> [(&'static str, u64); 3] {
    [("time/total_timesteps", row.step), ("time/episodes", row.episodes), ("train/n_updates", row.updates)]
}
