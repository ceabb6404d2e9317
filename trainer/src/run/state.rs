//! The file that a checkpoint's state is in: a header, then everything serialised.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `CWHEEL\0\x01` |
//! | 4 | format version, little-endian as all below |
//! | 8 | length of the payload |
//! | 4 | CRC-32C of the payload |
//! | rest | the payload, in [postcard](https://postcard.jamesmunns.com/) |
//!
//! Replay may be gigabytes, so nothing here holds the whole payload: it is streamed to the file, and from it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::atomic::{WriteCost, write_atomic};
use super::error::RunError;

const MAGIC: [u8; 8] = *b"CWHEEL\0\x01";
/// The version of the format that is written and read here.
const VERSION: u32 = 13;
const HEADER: usize = 24;
/// Serialising goes by fields of a few bytes; checksums and the disk like blocks.
const BLOCK: usize = 64 * 1024;

/// Writes `state` to `path`, whole or not at all. Big arrays should serialise as bytes (`serde_bytes`): element by
/// element, reading takes about twice as long.
pub(crate) fn write_state<T: Serialize + ?Sized>(path: &Path, state: &T) -> Result<WriteCost, RunError> {
    write_atomic(path, |file| {
        file.write_all(&[0; HEADER])?;
        let (length, crc) = write_payload(&mut *file, state)?;
        file.rewind()?;
        file.write_all(&header(length, crc))
    })
    .map_err(RunError::io("write", path))
}

/// Reads what [`write_state`] wrote. The checksum is verified before anything is decoded.
pub(crate) fn read_state<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    let (mut file, length) = open_verified(path)?;
    file.seek(SeekFrom::Start(HEADER as u64)).map_err(RunError::io("read", path))?;
    let source = Source { file: BufReader::with_capacity(BLOCK, file), left: length, field: Vec::new() };
    let mut decoder = postcard::Deserializer::from_flavor(source);
    let mismatch = |problem: String| RunError::Mismatch { file: path.to_owned(), problem };
    let state = T::deserialize(&mut decoder).map_err(|error| mismatch(error.to_string()))?;
    match decoder.finalize() {
        Ok(0) => Ok(state),
        Ok(left) => Err(mismatch(format!("{left} bytes are left over"))),
        Err(error) => Err(mismatch(error.to_string())),
    }
}

/// Reads the first fields alone of what [`write_state`] wrote, and not what is behind them: replay may be gigabytes. So the
/// checksum, which is of all, is not verified.
pub(crate) fn read_start<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    let mut file = File::open(path).map_err(RunError::reading(path))?;
    let length = check_header(&mut file, path)?.0;
    let source = Source { file: BufReader::with_capacity(BLOCK, file), left: length, field: Vec::new() };
    T::deserialize(&mut postcard::Deserializer::from_flavor(source))
        .map_err(|error| RunError::Mismatch { file: path.to_owned(), problem: error.to_string() })
}

/// Whether a file is one that [`read_state`] will decode, without decoding it.
pub(crate) fn verify_state(path: &Path) -> Result<(), RunError> {
    open_verified(path).map(drop)
}

/// Serialises into `out`; answers the payload's length and checksum.
fn write_payload<T: Serialize + ?Sized>(out: impl Write, state: &T) -> io::Result<(u64, u32)> {
    let mut sums = Summed { out, length: 0, crc: 0, failure: None };
    let written = postcard::to_io(state, BufWriter::with_capacity(BLOCK, &mut sums))
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        .and_then(|mut blocks| blocks.flush());
    match sums.failure {
        // Postcard says only that its buffer is full; this is why.
        Some(cause) => Err(cause),
        None => written.map(|()| (sums.length, sums.crc)),
    }
}

fn header(length: u64, crc: u32) -> Vec<u8> {
    [&MAGIC[..], &VERSION.to_le_bytes(), &length.to_le_bytes(), &crc.to_le_bytes()].concat()
}

/// Opens a file, checks all that can be checked, and answers the payload's length.
fn open_verified(path: &Path) -> Result<(File, u64), RunError> {
    let mut file = File::open(path).map_err(RunError::reading(path))?;
    let (length, crc) = check_header(&mut file, path)?;
    let mut blocks = BufReader::with_capacity(BLOCK, file);
    let mut sums = Summed { out: io::sink(), length: 0, crc: 0, failure: None };
    io::copy(&mut blocks, &mut sums).map_err(RunError::io("read", path))?;
    if sums.crc != crc {
        return Err(RunError::damaged(path, "its checksum is wrong"));
    }
    Ok((blocks.into_inner(), length))
}

/// Reads the header and checks it; answers the payload's length and checksum.
fn check_header(file: &mut File, path: &Path) -> Result<(u64, u32), RunError> {
    let failed = |cause| RunError::io("read", path)(cause);
    let found = file.metadata().map_err(failed)?.len();
    let mut header = [0; HEADER];
    if found < HEADER as u64 {
        return Err(RunError::CutOff { file: path.to_owned(), expected: HEADER as u64, found });
    }
    file.read_exact(&mut header).map_err(failed)?;
    if header[..8] != MAGIC {
        return Err(RunError::damaged(path, "it does not start as a state file does"));
    }
    let version = u32::from_le_bytes(field(&header, 8));
    if version != VERSION {
        return Err(RunError::OtherVersion { file: path.to_owned(), found: version, supported: VERSION });
    }
    let length = u64::from_le_bytes(field(&header, 12));
    let expected = length.saturating_add(HEADER as u64);
    if found < expected {
        return Err(RunError::CutOff { file: path.to_owned(), expected, found });
    }
    if found > expected {
        return Err(RunError::damaged(path, format!("it has {} bytes too many", found - expected)));
    }
    Ok((length, u32::from_le_bytes(field(&header, 20))))
}

fn field<const N: usize>(header: &[u8; HEADER], at: usize) -> [u8; N] {
    std::array::from_fn(|i| header[at + i])
}

/// Counts and sums what passes through, and keeps the failure that ended it.
struct Summed<W> {
    out: W,
    length: u64,
    crc: u32,
    failure: Option<io::Error>,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.out.write(bytes) {
            Ok(count) => {
                self.crc = crc32c::crc32c_append(self.crc, &bytes[..count]);
                self.length += count as u64;
                Ok(count)
            }
            Err(cause) => Err(self.keep(cause)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(|cause| self.keep(cause))
    }
}

impl<W> Summed<W> {
    /// Keeps why something failed, if it is the first; answers what kind of failure it was.
    fn keep(&mut self, cause: io::Error) -> io::Error {
        let kind = cause.kind();
        if kind != io::ErrorKind::Interrupted {
            self.failure.get_or_insert(cause);
        }
        kind.into()
    }
}

/// Postcard's view of the payload. Postcard's own reader wants a buffer of the size of all byte arrays together; this
/// one grows to the largest.
struct Source {
    file: BufReader<File>,
    left: u64,
    field: Vec<u8>,
}

impl Source {
    /// Takes `count` off what is left. Contents of another type can ask for anything: more than there is is not
    /// allocated.
    fn take(&mut self, count: usize) -> postcard::Result<()> {
        let left = self.left.checked_sub(count as u64);
        self.left = left.ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        Ok(())
    }
}

impl<'de> postcard::de_flavors::Flavor<'de> for Source {
    /// How many bytes were not decoded.
    type Remainder = u64;
    type Source = ();

    fn pop(&mut self) -> postcard::Result<u8> {
        self.take(1)?;
        let mut byte = [0];
        self.file.read_exact(&mut byte).map_err(|_| postcard::Error::DeserializeUnexpectedEnd)?;
        Ok(byte[0])
    }

    /// Only asked for by types that borrow, which `DeserializeOwned` rules out.
    fn try_take_n(&mut self, _: usize) -> postcard::Result<&'de [u8]> {
        Err(postcard::Error::WontImplement)
    }

    fn try_take_n_temp<'a>(&'a mut self, count: usize) -> postcard::Result<&'a [u8]>
    where
        'de: 'a,
    {
        self.take(count)?;
        if self.field.len() < count {
            self.field.resize(count, 0);
        }
        let field = &mut self.field[..count];
        self.file.read_exact(field).map_err(|_| postcard::Error::DeserializeUnexpectedEnd)?;
        Ok(field)
    }

    fn finalize(self) -> postcard::Result<u64> {
        Ok(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::fs;
    use std::path::PathBuf;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct State {
        step: u64,
        name: String,
        replay: serde_bytes::ByteBuf,
        weights: Vec<f32>,
        best: Option<f64>,
    }

    fn state(replay: usize) -> State {
        State {
            step: 1_000,
            name: "dqn".into(),
            replay: serde_bytes::ByteBuf::from((0..replay).map(|i| (i * 7) as u8).collect::<Vec<_>>()),
            weights: vec![0.5, -1.25, f32::MIN_POSITIVE],
            best: Some(195.5),
        }
    }

    fn scratch() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.state");
        (folder, path)
    }

    #[test]
    fn comes_back_as_it_was_written() {
        let (_folder, path) = scratch();
        for replay in [0, 1, 10, BLOCK - 1, BLOCK, 5 * BLOCK + 3] {
            let cost = write_state(&path, &state(replay)).unwrap();
            assert_eq!(cost.bytes, fs::metadata(&path).unwrap().len());
            verify_state(&path).unwrap();
            assert_eq!(read_state::<State>(&path).unwrap(), state(replay));
        }
    }

    proptest! {
        #[test]
        fn any_state_comes_back(
            step: u64,
            name: String,
            replay: Vec<u8>,
            weights in prop::collection::vec(-1e9f32..1e9, 0..99),
        ) {
            let (_folder, path) = scratch();
            let state = State { step, name, replay: replay.into(), weights, best: None };
            write_state(&path, &state).unwrap();
            prop_assert_eq!(read_state::<State>(&path).unwrap(), state);
        }
    }

    #[test]
    fn cut_off_at_every_byte() {
        let (_folder, path) = scratch();
        write_state(&path, &state(100)).unwrap();
        let bytes = fs::read(&path).unwrap();
        for cut in 0..bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let error = read_state::<State>(&path).unwrap_err();
            let RunError::CutOff { expected, found, .. } = error else { panic!("at {cut}: {error}") };
            assert_eq!(found, cut as u64);
            assert!(cut < HEADER || expected == bytes.len() as u64);
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(read_state::<State>(&path), Err(RunError::Missing { .. })));
    }

    #[test]
    fn every_damaged_byte_is_found() {
        let (_folder, path) = scratch();
        write_state(&path, &state(100)).unwrap();
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            let error = read_state::<State>(&path).unwrap_err();
            let told = match at {
                8..12 => matches!(error, RunError::OtherVersion { .. }),
                12..20 => matches!(error, RunError::CutOff { .. } | RunError::Damaged { .. }),
                _ => matches!(error, RunError::Damaged { .. }),
            };
            assert!(told, "at {at}: {error}");
        }
        fs::write(&path, [&bytes[..], b"x"].concat()).unwrap();
        assert!(matches!(read_state::<State>(&path), Err(RunError::Damaged { .. })));
    }

    #[test]
    fn other_contents_are_told_and_allocate_nothing() {
        let (_folder, path) = scratch();
        write_state(&path, &(u64::MAX, 5_u8)).unwrap();
        // As bytes, the number would be a length of 2^64 - 1.
        assert!(matches!(read_state::<serde_bytes::ByteBuf>(&path), Err(RunError::Mismatch { .. })));
        let error = read_state::<u64>(&path).unwrap_err();
        assert!(error.to_string().contains("1 bytes are left over"), "{error}");
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        // Told while it is written, or, of a small one, at the end.
        for replay in [20 * BLOCK, 10] {
            let (_folder, path) = scratch();
            std::os::unix::fs::symlink("/dev/full", crate::run::atomic::temporary_beside(&path).unwrap()).unwrap();
            let error = write_state(&path, &state(replay)).unwrap_err();
            assert!(error.to_string().ends_with("free some space on that disk"), "{replay}: {error}");
        }
    }
}
