//! Pages of Parquet that are compressed by zstd, which Polars does by default, gzip, Brotli or LZ4. The crate `parquet` would build
//! C for the first, and for the others take as much memory as a damaged page asks for.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;

use brotli_decompressor::Decompressor;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use ruzstd::decoding::StreamingDecoder;

/// The pages of a column, in one group of rows.
pub(super) struct Pages {
    /// As they are stored.
    stored: SerializedPageReader<File>,
    codec: Codec,
    /// Bytes that one may have.
    room: u64,
}

/// How they are compressed.
#[derive(Clone, Copy)]
enum Codec {
    Zstd,
    Gzip,
    Brotli,
    Lz4,
}

/// What LZ4 makes of a byte, at most.
const LZ4_RATIO: usize = 255;
/// Bytes of a page at most: the format has their number in 32 bits with a sign.
const LARGEST: u64 = i32::MAX as u64;
/// Compressed bytes that Brotli takes in at a time.
const BLOCK: usize = 4096;

impl Pages {
    /// Whether a column that is compressed so is read by this.
    pub(super) fn reads(compression: Compression) -> bool {
        Self::codec(compression).is_some()
    }

    fn codec(compression: Compression) -> Option<Codec> {
        match compression {
            Compression::ZSTD(_) => Some(Codec::Zstd),
            Compression::GZIP(_) => Some(Codec::Gzip),
            Compression::BROTLI(_) => Some(Codec::Brotli),
            Compression::LZ4_RAW => Some(Codec::Lz4),
            _ => None,
        }
    }

    /// Those of the column that `described` is about, of so many `rows`.
    pub(super) fn new(file: &Arc<File>, described: &ColumnChunkMetaData, rows: usize) -> Result<Self, ParquetError> {
        let codec = Self::codec(described.compression())
            .ok_or_else(|| ParquetError::General(format!("pages by {}", described.compression())))?;
        // No page is larger than the file says that all of the column are.
        let room = u64::try_from(described.uncompressed_size()).unwrap_or_default().min(LARGEST);
        // What is said not to be compressed is handed out as it is.
        let described = described.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        Ok(Self { stored: SerializedPageReader::new(file.clone(), &described, rows, None)?, codec, room })
    }
}

impl Codec {
    /// A page of at most `room` bytes, of which the first `plain` are not compressed.
    fn inflate(self, bytes: &[u8], plain: usize, room: u64) -> Result<Vec<u8>, ParquetError> {
        let broken = |problem: String| ParquetError::General(format!("a compressed page: {problem}"));
        let (plain, packed) = bytes.split_at_checked(plain).ok_or_else(|| broken("it is too short".into()))?;
        let mut page = plain.to_vec();
        if !packed.is_empty() {
            self.unpack(packed, room, &mut page).map_err(|error| broken(error.to_string()))?;
        }
        if page.len() as u64 > room {
            return Err(broken(format!("it has more than the {room} bytes of its column")));
        }
        Ok(page)
    }

    /// Adds what is `packed` to `page`, until it has one byte more than there is `room` for.
    fn unpack(self, mut packed: &[u8], room: u64, page: &mut Vec<u8>) -> io::Result<()> {
        let left = |page: &Vec<u8>| (room + 1).saturating_sub(page.len() as u64);
        match self {
            Self::Gzip => MultiGzDecoder::new(packed).take(left(page)).read_to_end(page).map(drop),
            Self::Brotli => Decompressor::new(packed, BLOCK).take(left(page)).read_to_end(page).map(drop),
            Self::Zstd => {
                while !packed.is_empty() && left(page) > 0 {
                    let frame = StreamingDecoder::new(&mut packed).map_err(io::Error::other)?;
                    frame.take(left(page)).read_to_end(page)?;
                }
                Ok(())
            }
            Self::Lz4 => {
                let room = usize::try_from(room).unwrap_or(usize::MAX).min(packed.len().saturating_mul(LZ4_RATIO));
                page.extend(lz4_flex::block::decompress(packed, room).map_err(io::Error::other)?);
                Ok(())
            }
        }
    }
}

impl Iterator for Pages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        let Some(mut page) = self.stored.get_next_page()? else { return Ok(None) };
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => {
                *buf = self.codec.inflate(buf, 0, self.room)?.into();
            }
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed: true, .. } => {
                let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                *buf = self.codec.inflate(buf, levels, self.room)?.into();
            }
            Page::DataPageV2 { .. } => {}
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        self.stored.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.stored.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool, ParquetError> {
        self.stored.at_record_boundary()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression as Level;
    use flate2::write::GzEncoder;

    use super::*;

    /// A few bytes that unpack to a mebibyte of zeros, behind three that are not compressed.
    #[test]
    fn no_more_is_unpacked_than_there_is_room_for() {
        const SIZE: usize = 1 << 20;
        let mut gzip = GzEncoder::new(Vec::new(), Level::best());
        gzip.write_all(&[0; SIZE]).expect("memory");
        // `brotli.compress(bytes(1 << 20))` of Python's brotli 1.2.1.
        let brotli = [91, 255, 255, 143, 127, 2, 32, 30, 11, 4, 114, 239, 31, 0];
        for (codec, packed) in [(Codec::Gzip, gzip.finish().expect("memory")), (Codec::Brotli, brotli.to_vec())] {
            let page = [b"abc", packed.as_slice()].concat();
            let whole = codec.inflate(&page, 3, SIZE as u64 + 3).expect("there is room");
            assert!(whole.len() == SIZE + 3 && whole.starts_with(b"abc\0"));
            for room in [0, 3, 1000, SIZE as u64 + 2] {
                let told = codec.inflate(&page, 3, room).expect_err("there is no room").to_string();
                assert!(told.contains(&format!("more than the {room} bytes")), "{told}");
            }
            assert!(codec.inflate(&page[..page.len() - 1], 3, LARGEST).is_err(), "it is cut off");
            assert!(codec.inflate(&page, page.len() + 1, LARGEST).is_err(), "it is too short");
            // Whatever a disk made of it: an error, or another page, but no panic and no more than there is room for.
            for at in 3..page.len() {
                for flipped in 1..=u8::MAX {
                    let mut damaged = page.clone();
                    damaged[at] ^= flipped;
                    if let Ok(page) = codec.inflate(&damaged, 3, 5000) {
                        assert!(page.len() <= 5000, "byte {at}: {} bytes", page.len());
                    }
                }
            }
            assert_eq!(codec.inflate(b"abc", 3, LARGEST).expect("nothing is compressed"), b"abc");
        }
    }
}
