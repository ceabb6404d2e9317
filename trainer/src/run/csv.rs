//! `progress.csv`: the metrics as a table, for pandas and spreadsheets.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::append::AppendFile;
use super::atomic::write_atomic;
use super::metrics::MetricsRow;
use super::row_log::{RowLog, counts};

/// Writes one line a row and one column a metric, as the CSV logger of Stable-Baselines3 does. A cell of what a row does
/// not tell is empty. A metric that comes late is a new column at the right: the file is then written anew, with empty
/// cells above.
///
/// The first columns are `time/total_timesteps`, `time/episodes`, `train/n_updates` and `time/time_elapsed`.
#[derive(Debug)]
pub(super) struct CsvLog {
    file: AppendFile,
    columns: Vec<String>,
}

impl CsvLog {
    /// Starts the file anew.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut log = Self { file: AppendFile::open(path, 0)?, columns: Vec::new() };
        let first = counts(&MetricsRow::default()).map(|(name, _)| name.to_owned());
        log.columns = first.into_iter().chain(["time/time_elapsed".to_owned()]).collect();
        log.file.append(line(&log.columns).as_bytes())?;
        Ok(log)
    }

    /// Makes columns of metrics that have none.
    fn widen(&mut self, row: &MetricsRow) -> io::Result<()> {
        let new: Vec<String> = row.metrics.keys().filter(|name| !self.columns.contains(name)).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        let columns = [&self.columns[..], &new[..]].concat();
        self.file.flush()?;
        let path = self.file.path().to_owned();
        let text = fs::read_to_string(&path)?;
        let empty = ",".repeat(new.len());
        let cost = write_atomic(&path, |file| {
            file.write_all(line(&columns).as_bytes())?;
            text.lines().skip(1).try_for_each(|row| writeln!(file, "{row}{empty}"))
        })?;
        self.file = AppendFile::open(&path, cost.bytes)?;
        self.columns = columns;
        Ok(())
    }
}

impl RowLog for CsvLog {
    fn append(&mut self, row: &MetricsRow) -> io::Result<()> {
        // Where there is no room for new columns, the others are still written.
        let widened = self.widen(row);
        let counts = counts(row).map(|(_, count)| count.to_string());
        // As Rust's debug format and Python write it, with an exponent where that is shorter.
        let number = |value: &f64| format!("{value:?}");
        let first = counts.into_iter().chain([number(&row.wall_s)]);
        let metrics = self.columns[4..].iter();
        let metrics = metrics.map(|name| row.metrics.get(name).map_or_else(String::new, number));
        self.file.append(line(&first.chain(metrics).collect::<Vec<_>>()).as_bytes())?;
        widened
    }

    fn file(&mut self) -> &mut AppendFile {
        &mut self.file
    }
}

/// Cells as a line. Names of metrics hold no commas, and numbers none either.
fn line(cells: &[String]) -> String {
    cells.join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64, metrics: &[(&str, f64)]) -> MetricsRow {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        MetricsRow { step, updates: 2, episodes: 3, wall_s: 0.5, metrics }
    }

    #[test]
    fn late_metrics_become_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.csv");
        fs::write(&path, "what another run left").unwrap();
        let mut log = CsvLog::open(&path).unwrap();
        log.append(&row(10, &[("b", 1.5)])).unwrap();
        log.append(&row(20, &[("a", f64::NAN), ("c", -2e-7)])).unwrap();
        log.append(&row(30, &[("b", 1.0)])).unwrap();
        log.file.sync().unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "time/total_timesteps,time/episodes,train/n_updates,time/time_elapsed,b,a,c\n\
             10,3,2,0.5,1.5,,\n20,3,2,0.5,,NaN,-2e-7\n30,3,2,0.5,1.0,,\n"
        );
    }

    #[test]
    fn where_no_column_can_be_added_the_others_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.csv");
        let mut log = CsvLog::open(&path).unwrap();
        log.append(&row(10, &[("a", 1.0)])).unwrap();
        // Nothing can be written beside it while a folder has that name.
        let beside = super::super::atomic::temporary_beside(&path).unwrap();
        fs::create_dir(&beside).unwrap();
        log.append(&row(20, &[("a", 2.0), ("b", 9.0)])).unwrap_err();
        fs::remove_dir(&beside).unwrap();
        log.append(&row(30, &[("b", 3.0)])).unwrap();
        log.file.sync().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let rows: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(rows, ["10,3,2,0.5,1.0,", "20,3,2,0.5,2.0,", "30,3,2,0.5,,3.0"]);
    }
}
