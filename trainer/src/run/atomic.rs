//! Files that are either wholly there or not there at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Fewer, larger writes: checkpoints are gigabytes of small fields.
const BUFFER: usize = 256 * 1024;

/// What a file cost to write, for the `time/` metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteCost {
    /// The file's size.
    pub bytes: u64,
    /// Time spent producing the bytes and handing them to the operating system.
    pub write: Duration,
    /// Time spent waiting for the disk.
    pub fsync: Duration,
}

/// Replaces `path` by what `fill` writes, so that a reader, or a computer that lost power, finds the old file or the
/// new one.
///
/// The bytes go to a hidden file in the same folder (`.<name>.tmp`), reach the disk, and only then take the name. On
/// any failure the hidden file is removed and the old file is as it was. Two threads must not write one path at a time.
pub fn write_atomic(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<WriteCost> {
    write_with_mode(path, 0o666, fill)
}

/// Fails where [`write_atomic`] could not begin to write `path`, to be found out before there is anything to be written.
pub fn check_writable(path: &Path) -> io::Result<()> {
    let temporary = temporary_beside(path)?;
    OpenOptions::new().write(true).create(true).truncate(true).open(&temporary)?;
    fs::remove_file(temporary)
}

/// As [`write_atomic`], of a file that only its owner may read, from its first byte on.
pub(crate) fn write_atomic_private(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<WriteCost> {
    // A leftover would keep its own permissions.
    if let Err(error) = fs::remove_file(temporary_beside(path)?)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    write_with_mode(path, 0o600, fill)
}

fn write_with_mode(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<WriteCost> {
    let temporary = temporary_beside(path)?;
    let result = replace(path, &temporary, mode, fill);
    if result.is_err() {
        // The first failure is the one to tell; a leftover is overwritten by the next attempt.
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn replace(
    path: &Path,
    temporary: &Path,
    mode: u32,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<WriteCost> {
    let start = Instant::now();
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(temporary)?;
    let mut writer = BufWriter::with_capacity(BUFFER, file);
    fill(&mut writer)?;
    writer.flush()?;
    let write = start.elapsed();

    let start = Instant::now();
    let file = writer.get_ref();
    file.sync_all()?;
    let bytes = file.metadata()?.len();
    fs::rename(temporary, path)?;
    sync_folder(folder_of(path))?;
    Ok(WriteCost { bytes, write, fsync: start.elapsed() })
}

/// Makes a folder's list of names durable: a new name is lost with the power otherwise, even though the file's bytes
/// are not.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The name under which `path` is written before it is whole.
pub(super) fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".tmp");
    Ok(path.with_file_name(hidden))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_new_file_replaces_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for text in ["first", "second, longer"] {
            let cost = write_atomic(&path, |w| w.write_all(text.as_bytes())).unwrap();
            assert_eq!(cost.bytes, text.len() as u64);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        let error = write_atomic(&path, |w| {
            w.write_all(&[0; 3 * BUFFER])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_full_disk_is_told() {
        // The hidden name leads to a device on which every write fails as on a full disk.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink("/dev/full", temporary_beside(&path).unwrap()).unwrap();
        let error = write_atomic(&path, |w| w.write_all(b"new")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_atomic(&folder.path().join("no/a"), |_| Ok(())).is_err());
    }
}
