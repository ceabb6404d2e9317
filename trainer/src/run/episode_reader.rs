//! Reading episodes: which whole ones are there, and what is in them.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::episodes::{ENTRY, EpisodeEntry, EpisodeRecord, FRAME, INDEX, LOG};
use super::error::RunError;

/// The episodes of a run, ended or still running: those that were there when this was opened.
#[derive(Debug)]
pub struct Episodes {
    /// None where the run has no log yet.
    log: Option<File>,
    pub(super) index: Vec<EpisodeEntry>,
    /// How many of the entries are in the index's file; the others were found in the log.
    pub(super) indexed: u64,
    /// Where the last whole record ends.
    pub(super) end: u64,
    path: PathBuf,
}

impl Episodes {
    /// Reads the index in a run's folder. Where it ends before the log does, the log is read from there; what is torn
    /// at the ends of the two is left out. Nothing is written.
    pub fn open(folder: &Path) -> Result<Self, RunError> {
        Self::scan(folder, u64::MAX).map_err(RunError::io("read", &folder.join(LOG)))
    }

    /// One entry for each episode, in the order in which they ended.
    pub fn index(&self) -> &[EpisodeEntry] {
        &self.index
    }

    /// Reads an episode, by its place in [`Episodes::index`].
    pub fn read(&self, number: usize) -> Result<EpisodeRecord, RunError> {
        let (Some(entry), Some(mut log)) = (self.index.get(number), self.log.as_ref()) else {
            return Err(RunError::NoEpisode { file: self.path.clone(), number, count: self.index.len() });
        };
        log.seek(SeekFrom::Start(entry.offset)).map_err(RunError::io("read", &self.path))?;
        let room = self.end.saturating_sub(entry.offset);
        let record = read_record(&mut log, room).map_err(RunError::io("read", &self.path))?;
        record.map(|(record, _)| record).ok_or_else(|| {
            RunError::damaged(&self.path, format!("the record of episode {number} does not match its checksum"))
        })
    }

    /// Finds the whole records in the first `limit` bytes of the log.
    pub(super) fn scan(folder: &Path, limit: u64) -> io::Result<Self> {
        let path = folder.join(LOG);
        let Some(log) = open_if_there(&path)? else {
            return Ok(Self { log: None, index: Vec::new(), indexed: 0, end: 0, path });
        };
        let length = log.metadata()?.len().min(limit);
        let mut index = read_index(&folder.join(INDEX))?;

        // From the last entry whose record is whole, on through the log.
        let mut records = BufReader::new(&log);
        let mut end = 0;
        while let Some(last) = index.last() {
            if last.offset < length {
                records.seek(SeekFrom::Start(last.offset))?;
                if let Some((_, size)) = read_record(&mut records, length - last.offset)? {
                    end = last.offset + size;
                    break;
                }
            }
            index.pop();
        }
        let indexed = index.len() as u64;
        records.seek(SeekFrom::Start(end))?;
        while let Some((record, size)) = read_record(&mut records, length - end)? {
            index.push(EpisodeEntry::of(&record, end));
            end += size;
        }
        Ok(Self { log: Some(log), index, indexed, end, path })
    }
}

fn read_index(path: &Path) -> io::Result<Vec<EpisodeEntry>> {
    let mut bytes = Vec::new();
    if let Some(mut file) = open_if_there(path)? {
        file.read_to_end(&mut bytes)?;
    }
    let (entries, _torn) = bytes.as_chunks::<ENTRY>();
    Ok(entries.iter().map(EpisodeEntry::from_bytes).collect())
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// Reads the record that starts here and its size with the frame; none where the next `room` bytes are not a whole,
/// sound one.
fn read_record(from: &mut impl Read, room: u64) -> io::Result<Option<(EpisodeRecord, u64)>> {
    if room < FRAME {
        return Ok(None);
    }
    let mut frame = [0; FRAME as usize];
    from.read_exact(&mut frame)?;
    let [a, b, c, d, crc @ ..] = frame;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if length > room - FRAME {
        return Ok(None);
    }
    let mut payload = vec![0; length as usize];
    from.read_exact(&mut payload)?;
    if crc32c::crc32c(&payload) != u32::from_le_bytes(crc) {
        return Ok(None);
    }
    Ok(decode(&payload).ok().map(|record| (record, FRAME + length)))
}

/// A record, and what its info told if that follows it.
fn decode(payload: &[u8]) -> postcard::Result<EpisodeRecord> {
    let (mut record, rest) = postcard::take_from_bytes::<EpisodeRecord>(payload)?;
    if !rest.is_empty() {
        record.info = postcard::from_bytes(rest)?;
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::episodes::tests::{record, write};
    use std::fs;

    #[test]
    fn a_damaged_record_is_told_and_the_others_are_read() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), None, 0..4);
        let path = folder.path().join(LOG);
        let bytes = fs::read(&path).unwrap();
        let start = Episodes::open(folder.path()).unwrap().index()[1].offset as usize;
        let end = Episodes::open(folder.path()).unwrap().index()[2].offset as usize;
        for at in start..end {
            let mut bytes = bytes.clone();
            bytes[at] ^= 4;
            fs::write(&path, bytes).unwrap();
            let episodes = Episodes::open(folder.path()).unwrap();
            assert_eq!(episodes.index().len(), 4);
            assert!(matches!(episodes.read(1), Err(RunError::Damaged { .. })), "at {at}");
            for number in [0, 2, 3] {
                assert_eq!(episodes.read(number).unwrap(), record(number as u64));
            }
        }
    }
}
