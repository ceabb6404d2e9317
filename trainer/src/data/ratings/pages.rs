//! Pages of Parquet that are compressed by zstd, which Polars does by default, or by LZ4. The crate `parquet` would build C for
//! the one, and for the other take as much memory as a damaged page asks for.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

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
    /// Bytes that all of them have, says the file.
    size: u64,
}

/// How they are compressed.
#[derive(Clone, Copy)]
enum Codec {
    Zstd,
    Lz4,
}

/// What LZ4 makes of a byte, at most.
const LZ4_RATIO: usize = 255;

impl Pages {
    /// Whether a column that is compressed so is read by this.
    pub(super) fn reads(compression: Compression) -> bool {
        Self::codec(compression).is_some()
    }

    fn codec(compression: Compression) -> Option<Codec> {
        match compression {
            Compression::ZSTD(_) => Some(Codec::Zstd),
            Compression::LZ4_RAW => Some(Codec::Lz4),
            _ => None,
        }
    }

    /// Those of the column that `described` is about, of so many `rows`.
    pub(super) fn new(file: &Arc<File>, described: &ColumnChunkMetaData, rows: usize) -> Result<Self, ParquetError> {
        let codec = Self::codec(described.compression())
            .ok_or_else(|| ParquetError::General(format!("pages by {}", described.compression())))?;
        let size = u64::try_from(described.uncompressed_size()).unwrap_or_default();
        // What is said not to be compressed is handed out as it is.
        let described = described.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        Ok(Self { stored: SerializedPageReader::new(file.clone(), &described, rows, None)?, codec, size })
    }

    /// What is behind the first `plain` bytes of a page, which are not compressed.
    fn inflate(&self, bytes: &[u8], plain: usize) -> Result<Vec<u8>, ParquetError> {
        let broken = |problem: String| ParquetError::General(format!("a compressed page: {problem}"));
        let (plain, mut frames) = bytes.split_at_checked(plain).ok_or_else(|| broken("it is too short".into()))?;
        let mut page = plain.to_vec();
        if matches!(self.codec, Codec::Lz4) && !frames.is_empty() {
            let room = usize::try_from(self.size).unwrap_or(usize::MAX).min(frames.len().saturating_mul(LZ4_RATIO));
            page.extend(lz4_flex::block::decompress(frames, room).map_err(|error| broken(error.to_string()))?);
            return Ok(page);
        }
        while !frames.is_empty() {
            let frame = StreamingDecoder::new(&mut frames).map_err(|error| broken(error.to_string()))?;
            let room = (self.size + 1).saturating_sub(page.len() as u64);
            frame.take(room).read_to_end(&mut page).map_err(|error| broken(error.to_string()))?;
            if page.len() as u64 > self.size {
                return Err(broken(format!("it has more than the {} bytes of its column", self.size)));
            }
        }
        Ok(page)
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
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = self.inflate(buf, 0)?.into(),
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed: true, .. } => {
                let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                *buf = self.inflate(buf, levels)?.into();
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
