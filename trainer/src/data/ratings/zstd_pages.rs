//! Pages of Parquet that are compressed by zstd, which Polars does by default. The crate `parquet` would build C for them.

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
pub(super) struct ZstdPages {
    /// As they are stored.
    stored: SerializedPageReader<File>,
    /// Bytes that all of them have, says the file.
    size: u64,
}

impl ZstdPages {
    /// Those of the column that `described` is about, of so many `rows`.
    pub(super) fn new(file: &Arc<File>, described: &ColumnChunkMetaData, rows: usize) -> Result<Self, ParquetError> {
        let size = u64::try_from(described.uncompressed_size()).unwrap_or_default();
        // What is said not to be compressed is handed out as it is.
        let described = described.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        Ok(Self { stored: SerializedPageReader::new(file.clone(), &described, rows, None)?, size })
    }

    /// What is behind the first `plain` bytes of a page, which are not compressed.
    fn inflate(&self, bytes: &[u8], plain: usize) -> Result<Vec<u8>, ParquetError> {
        let broken = |problem: String| ParquetError::General(format!("a page by zstd: {problem}"));
        let (plain, mut frames) = bytes.split_at_checked(plain).ok_or_else(|| broken("it is too short".into()))?;
        let mut page = plain.to_vec();
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

impl Iterator for ZstdPages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for ZstdPages {
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
