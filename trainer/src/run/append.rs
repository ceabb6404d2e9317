//! A file that only grows, and survives a disk that is full for a while.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// How much may wait for a disk that takes nothing; what comes after is lost.
const PENDING_LIMIT: usize = 64 << 20;

/// Bytes collected in memory and appended to a file at each flush.
///
/// A flush that fails changes nothing: the next one writes the same bytes at the same place. So rows never tear in the
/// middle of the file, whatever the disk did between.
#[derive(Debug)]
pub(super) struct AppendFile {
    path: PathBuf,
    file: File,
    /// The bytes of the file that are settled.
    settled: u64,
    pending: Vec<u8>,
}

impl AppendFile {
    /// Opens `path`, made where it is not there, and drops what it holds past its first `keep` bytes; a shorter file
    /// stays as it is, for one that was lengthened would read as zeros.
    pub(super) fn open(path: &Path, keep: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
        let found = file.metadata()?.len();
        if found > keep {
            file.set_len(keep)?;
        }
        Ok(Self { path: path.to_owned(), file, settled: found.min(keep), pending: Vec::new() })
    }

    /// The file, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The length of the file once everything pending is written.
    pub(super) fn len(&self) -> u64 {
        self.settled + self.pending.len() as u64
    }

    /// Adds bytes for the next flush; all or, where too much is waiting already, none.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.pending.len() + bytes.len() > PENDING_LIMIT {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Hands everything pending to the operating system.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(self.settled))?;
        self.file.write_all(&self.pending)?;
        self.settled = self.len();
        self.pending.clear();
        Ok(())
    }

    /// Flushes, and waits until the disk has it.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.file.sync_data()
    }
}

/// Tells that a log has lost rows that its checkpoint counts: power went before the disk had them.
pub(super) fn warn_of_loss(path: &Path, found: u64, expected: u64) {
    tracing::warn!(
        "{} has {found} whole bytes where its checkpoint says {expected}: the rows between are lost, training is not",
        path.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_failed_flush_is_repeated_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = AppendFile::open(&path, 0).unwrap();
        log.append(b"one ").unwrap();
        log.flush().unwrap();
        log.append(b"two ").unwrap();
        // A disk that is full for one flush.
        let good = std::mem::replace(&mut log.file, OpenOptions::new().write(true).open("/dev/full").unwrap());
        assert_eq!(log.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
        // It may have taken a part.
        fs::write(&path, "one tw").unwrap();
        log.file = good;
        log.append(b"three").unwrap();
        assert_eq!(log.len(), 13);
        log.sync().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one two three");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut log = AppendFile::open(Path::new("/dev/full"), 0).unwrap();
        let block = vec![0; PENDING_LIMIT];
        log.append(&block).unwrap();
        assert!(log.append(b"1").is_err());
        assert_eq!(log.len(), PENDING_LIMIT as u64);
    }

    #[test]
    fn cutting_never_lengthens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "abcdef").unwrap();
        assert_eq!(AppendFile::open(&path, 4).unwrap().len(), 4);
        assert_eq!(AppendFile::open(&path, 9).unwrap().len(), 4);
        assert_eq!(fs::read_to_string(&path).unwrap(), "abcd");
    }
}
