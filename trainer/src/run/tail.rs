//! Following logs that another process is writing: what was added since the last look, and nothing twice.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::episodes::{ENTRY, EpisodeEntry};
use super::error::RunError;
use super::metrics::MetricsRow;

/// Bytes before the cursor by which a log is known again: one that was cut and has grown past the cursor since differs
/// there, if in no more than in its times.
const SEAM: usize = 64;
/// The longest row that is waited for; what is longer is no row.
const LONGEST: usize = 16 << 20;

/// What was added to a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Added<T> {
    /// The whole rows or entries.
    pub items: Vec<T>,
    /// Whether there may be more already.
    pub more: bool,
}

/// The bytes of a log from a cursor on.
#[derive(Debug)]
struct Tail {
    path: PathBuf,
    at: u64,
    seam: Vec<u8>,
}

impl Tail {
    fn new(path: PathBuf) -> Self {
        Self { path, at: 0, seam: Vec::new() }
    }

    /// Up to `limit` bytes from the cursor on. None where the log is not the one that was read so far: it was cut.
    fn read(&self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let mut file = match File::open(&self.path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok((self.at == 0).then(Vec::new)),
            opened => opened?,
        };
        let length = file.metadata()?.len();
        if length <= self.at {
            return Ok((length == self.at).then(Vec::new));
        }
        file.seek(SeekFrom::Start(self.at - self.seam.len() as u64))?;
        let mut bytes = Vec::with_capacity(self.seam.len() + limit.min((length - self.at) as usize));
        file.take((self.seam.len() + limit) as u64).read_to_end(&mut bytes)?;
        Ok(bytes.starts_with(&self.seam).then(|| bytes.split_off(self.seam.len())))
    }

    /// Moves the cursor past bytes that were read from it.
    fn advance(&mut self, bytes: &[u8]) {
        self.at += bytes.len() as u64;
        self.seam.extend_from_slice(&bytes[bytes.len().saturating_sub(SEAM)..]);
        self.seam.drain(..self.seam.len().saturating_sub(SEAM));
    }
}

/// Follows `metrics.jsonl`.
#[derive(Debug)]
pub struct MetricsTail {
    tail: Tail,
    rows: usize,
    limit: usize,
}

impl MetricsTail {
    /// From the start of the log; it need not be there yet. Each read takes about `limit` bytes.
    pub fn new(path: &Path, limit: usize) -> Self {
        Self { tail: Tail::new(path.to_owned()), rows: 0, limit: limit.max(1) }
    }

    /// The whole rows that were added, up to the limit; a torn last one waits. None where the log was cut, as by a
    /// resume: read it anew.
    ///
    /// # Errors
    /// Where the log cannot be read, or a row does not parse. The cursor stays before that row, so a log that is
    /// corrected is read on.
    pub fn read(&mut self) -> Result<Option<Added<MetricsRow>>, RunError> {
        let mut limit = self.limit;
        let bytes = loop {
            let Some(bytes) = self.tail.read(limit).map_err(RunError::io("read", &self.tail.path))? else {
                return Ok(None);
            };
            // A row that is longer than the limit is read at once.
            if bytes.len() < limit || bytes.contains(&b'\n') {
                break bytes;
            }
            if limit > LONGEST {
                return Err(self.malformed(0, &format_args!("it has no end within {LONGEST} bytes")));
            }
            limit *= 4;
        };
        let more = bytes.len() == limit;
        let mut items = Vec::new();
        let mut end = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            match serde_json::from_slice(line) {
                Ok(row) => items.push(row),
                // The rows before it come first; the next read begins with it.
                Err(_) if !items.is_empty() => break,
                Err(error) => return Err(self.malformed(items.len(), &error)),
            }
            end += line.len();
        }
        self.rows += items.len();
        self.tail.advance(&bytes[..end]);
        Ok(Some(Added { items, more }))
    }

    fn malformed(&self, before: usize, problem: &dyn std::fmt::Display) -> RunError {
        let row = self.rows + before + 1;
        RunError::Malformed { file: self.tail.path.clone(), problem: format!("row {row}: {problem}") }
    }
}

/// Follows `episodes.idx`.
#[derive(Debug)]
pub struct EpisodeTail {
    tail: Tail,
    limit: usize,
}

impl EpisodeTail {
    /// From the start of the index; it need not be there yet. Each read takes at most `limit` entries.
    pub fn new(index: &Path, limit: usize) -> Self {
        Self { tail: Tail::new(index.to_owned()), limit: limit.max(1) }
    }

    /// The whole entries that were added, up to the limit. None where the index was cut, as by a resume: read it anew.
    ///
    /// # Errors
    /// Where the index cannot be read.
    pub fn read(&mut self) -> Result<Option<Added<EpisodeEntry>>, RunError> {
        let limit = self.limit * ENTRY;
        let Some(bytes) = self.tail.read(limit).map_err(RunError::io("read", &self.tail.path))? else {
            return Ok(None);
        };
        let (entries, torn) = bytes.as_chunks::<ENTRY>();
        let items = entries.iter().map(EpisodeEntry::from_bytes).collect();
        self.tail.advance(&bytes[..bytes.len() - torn.len()]);
        Ok(Some(Added { items, more: bytes.len() == limit }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::episodes::tests::write;
    use crate::run::{Episodes, MetricsLog};
    use std::fs;

    fn row(step: u64) -> MetricsRow {
        MetricsRow { step, wall_s: step as f64, metrics: [("a".into(), 0.5)].into(), ..MetricsRow::default() }
    }

    fn text(steps: std::ops::Range<u64>) -> Vec<u8> {
        steps.flat_map(|step| [serde_json::to_vec(&row(step)).unwrap(), b"\n".to_vec()].concat()).collect()
    }

    fn steps(added: Option<Added<MetricsRow>>) -> Vec<u64> {
        added.unwrap().items.iter().map(|row| row.step).collect()
    }

    #[test]
    fn a_log_that_grows_byte_by_byte_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut tail = MetricsTail::new(&path, 1 << 20);
        assert!(steps(tail.read().unwrap()).is_empty());
        let whole = text(0..4);
        let mut seen = Vec::new();
        for end in 0..=whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            seen.extend(steps(tail.read().unwrap()));
            let ends = whole[..end].iter().filter(|byte| **byte == b'\n').count() as u64;
            assert!(seen.iter().copied().eq(0..ends));
        }
    }

    #[test]
    fn a_long_log_comes_in_parts_and_long_rows_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, text(0..100)).unwrap();
        for limit in [1, 7, 100, 1000] {
            let mut tail = MetricsTail::new(&path, limit);
            let mut seen = Vec::new();
            loop {
                let added = tail.read().unwrap().unwrap();
                assert!(added.items.len() <= 1 + limit.max(300) / 50, "{limit}: {}", added.items.len());
                if added.items.is_empty() {
                    break;
                }
                seen.extend(added.items.iter().map(|row| row.step));
            }
            assert!(seen.into_iter().eq(0..100), "{limit}");
        }
    }

    #[test]
    fn a_log_that_was_cut_is_told_even_where_it_has_grown_past() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(&path, None).unwrap();
        let mut tail = MetricsTail::new(&path, 1 << 20);
        (0..9).for_each(|step| log.append(&row(step)).unwrap());
        log.flush().unwrap();
        assert_eq!(steps(tail.read().unwrap()).len(), 9);
        let keep = text(0..5).len();
        for added in [0, 3, 9] {
            fs::write(&path, [&text(0..5)[..], &text(105..105 + added)].concat()).unwrap();
            assert_eq!(tail.read().unwrap(), None, "{added} after {keep} bytes");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(tail.read().unwrap(), None);
    }

    #[test]
    fn a_broken_row_is_numbered_and_read_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut tail = MetricsTail::new(&path, 1 << 20);
        let mut bytes = text(0..6);
        let at = text(0..2).len();
        bytes[at] = b'x';
        fs::write(&path, &bytes).unwrap();
        assert_eq!(steps(tail.read().unwrap()), [0, 1]);
        for _ in 0..2 {
            let error = tail.read().unwrap_err().to_string();
            assert!(error.contains("row 3"), "{error}");
        }
        fs::write(&path, text(0..6)).unwrap();
        assert_eq!(steps(tail.read().unwrap()), [2, 3, 4, 5]);
    }

    #[test]
    fn episodes_as_their_index_says() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("episodes.idx");
        let mut tail = EpisodeTail::new(&index, 3);
        assert_eq!(tail.read().unwrap(), Some(Added { items: Vec::new(), more: false }));
        let keep = write(folder.path(), None, 0..4);
        let whole = fs::read(&index).unwrap();
        fs::write(&index, &whole[..whole.len() - 1]).unwrap();
        let mut seen = Vec::new();
        for (count, more) in [(3, true), (0, false)] {
            let added = tail.read().unwrap().unwrap();
            assert_eq!((added.items.len(), added.more), (count, more));
            seen.extend(added.items);
        }
        fs::write(&index, whole).unwrap();
        seen.extend(tail.read().unwrap().unwrap().items);
        assert_eq!(seen, Episodes::open(folder.path()).unwrap().index());
        write(folder.path(), Some(keep), 7..9);
        assert_eq!(tail.read().unwrap().unwrap().items.len(), 2);
        write(folder.path(), Some(keep), 9..9);
        assert_eq!(tail.read().unwrap(), None);
    }
}
