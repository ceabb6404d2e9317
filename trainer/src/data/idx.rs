//! IDX files, the format of MNIST: a magic number, the size of each axis, and the bytes, row-major.
//!
//! The magic number is two zero bytes, 8 for unsigned bytes, and the number of axes; sizes are big-endian u32
//! (<http://yann.lecun.com/exdb/mnist/>, torchvision/datasets/mnist.py). A file that begins as gzip does is unpacked.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::memory::{in_mib, memory_bytes};

/// An array of unsigned bytes of any number of axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxArray {
    /// The size of each axis.
    pub shape: Vec<usize>,
    /// The bytes, row-major.
    pub values: Vec<u8>,
}

/// What is wrong with an IDX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxError {
    /// It was packed by gzip, and cannot be unpacked.
    #[error("cannot unpack {}: {source}; it was cut off or damaged, fetch it again", file.display())]
    Gzip {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It could not be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{} is no IDX file of unsigned bytes: it begins with {} where 00 00 08 and the number of axes should stand",
        file.display(), hex(found))]
    Magic {
        /// The file.
        file: PathBuf,
        /// Its first bytes.
        found: Vec<u8>,
    },
    /// Its sizes come to more than this machine's memory.
    #[error("{} says that it holds {shape:?} bytes, which is {}, and this machine has {} of memory: it is damaged, or there is no \
        room for it here", file.display(), in_mib(*expected), in_mib(*memory))]
    Memory {
        /// The file.
        file: PathBuf,
        /// Its sizes.
        shape: Vec<usize>,
        /// Their product.
        expected: u128,
        /// Bytes of memory.
        memory: u64,
    },
    /// It has fewer or more bytes than its sizes say.
    #[error("{} says that it holds {shape:?} bytes, which is {expected} behind its header, and has {}: it was cut off or \
        damaged, fetch it again", file.display(), if *found as u128 > *expected { "more".into() } else { found.to_string() })]
    Length {
        /// The file.
        file: PathBuf,
        /// Its sizes.
        shape: Vec<usize>,
        /// Their product.
        expected: u128,
        /// Bytes behind the header that were read: of those that are too many only the first is.
        found: usize,
    },
    /// Its header is not whole.
    #[error("{} ends within its header, after {found} bytes: it was cut off, fetch it again", file.display())]
    Header {
        /// The file.
        file: PathBuf,
        /// Bytes in all.
        found: usize,
    },
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// What gzip files begin with.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];

impl IdxArray {
    /// Reads a file, gzipped or not.
    ///
    /// # Errors
    /// If it cannot be read, or is no whole IDX file of unsigned bytes.
    pub fn read(file: &Path) -> Result<Self, IdxError> {
        let unreadable = |source| IdxError::Read { file: file.into(), source };
        let mut bytes = BufReader::new(File::open(file).map_err(unreadable)?);
        if bytes.fill_buf().map_err(unreadable)?.starts_with(&GZIP) {
            return Self::parse(MultiGzDecoder::new(bytes), file, &|source| IdxError::Gzip {
                file: file.into(),
                source,
            });
        }
        Self::parse(bytes, file, &unreadable)
    }

    /// Reads no more than the header says there is: what is gzipped may unpack to anything.
    fn parse(mut from: impl Read, file: &Path, failed: &dyn Fn(io::Error) -> IdxError) -> Result<Self, IdxError> {
        let mut next = |count: u64| -> Result<Vec<u8>, IdxError> {
            let mut bytes = Vec::new();
            from.by_ref().take(count).read_to_end(&mut bytes).map_err(failed)?;
            Ok(bytes)
        };
        let magic = next(4)?;
        let &[zero, nothing, kind, axes] = magic.as_slice() else {
            return Err(IdxError::Header { file: file.into(), found: magic.len() });
        };
        if [zero, nothing, kind] != [0, 0, 8] {
            return Err(IdxError::Magic { file: file.into(), found: magic });
        }
        let sizes = next(4 * u64::from(axes))?;
        if sizes.len() < 4 * usize::from(axes) {
            return Err(IdxError::Header { file: file.into(), found: 4 + sizes.len() });
        }
        let shape: Vec<usize> =
            sizes.as_chunks::<4>().0.iter().map(|size| u32::from_be_bytes(*size) as usize).collect();
        let expected =
            shape.iter().try_fold(1_u128, |product, size| product.checked_mul(*size as u128)).unwrap_or(u128::MAX);
        let memory = memory_bytes();
        if expected >= memory.into() {
            return Err(IdxError::Memory { file: file.into(), shape, expected, memory });
        }
        let values = next(expected as u64 + 1)?;
        if expected != values.len() as u128 {
            return Err(IdxError::Length { file: file.into(), shape, expected, found: values.len() });
        }
        Ok(Self { shape, values })
    }

    /// The file's bytes, not gzipped.
    ///
    /// # Panics
    /// If an axis is longer than a u32 or there are more than 255.
    pub fn to_bytes(&self) -> Vec<u8> {
        let axes = u8::try_from(self.shape.len()).expect("at most 255 axes");
        let mut bytes = vec![0, 0, 8, axes];
        for size in &self.shape {
            bytes.extend(u32::try_from(*size).expect("an axis of an IDX file is a u32").to_be_bytes());
        }
        bytes.extend(&self.values);
        bytes
    }

    /// The file's bytes, gzipped.
    ///
    /// # Panics
    /// As [`to_bytes`](Self::to_bytes).
    pub fn to_gzip(&self) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&self.to_bytes()).expect("writing to memory does not fail");
        packed.finish().expect("writing to memory does not fail")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_array_comes_back_plain_and_gzipped(shape in prop::collection::vec(0_usize..5, 0..5), seed: u64) {
            let count = shape.iter().product::<usize>() as u64;
            let values = (0..count).map(|i| (seed.wrapping_mul(i + 1) >> 13) as u8).collect();
            let array = IdxArray { shape, values };
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("a");
            for bytes in [array.to_bytes(), array.to_gzip()] {
                std::fs::write(&file, bytes).unwrap();
                prop_assert_eq!(&IdxArray::read(&file).unwrap(), &array);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("images");
        let array = IdxArray { shape: vec![2, 3], values: vec![1, 2, 3, 4, 5, 6] };
        let whole = array.to_bytes();
        let told = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            let error = IdxArray::read(&file).unwrap_err();
            assert!(error.to_string().contains("images"), "{error}");
            error
        };
        for cut in 0..whole.len() {
            let error = told(&whole[..cut]);
            let named = match cut {
                0..12 => matches!(error, IdxError::Header { found, .. } if found == cut),
                _ => matches!(error, IdxError::Length { expected: 6, found, .. } if found == cut - 12),
            };
            assert!(named, "{cut}: {error}");
        }
        assert!(matches!(told(&[&whole[..], b"x"].concat()), IdxError::Length { found: 7, .. }));
        let mut floats = whole.clone();
        floats[2] = 0x0d;
        assert!(told(&floats).to_string().contains("00 00 0d 02"));
        let packed = array.to_gzip();
        assert!(matches!(told(&packed[..packed.len() - 9]), IdxError::Gzip { .. }));
        // Much that is packed well: no more of it is unpacked than there should be.
        let much = IdxArray { shape: vec![1 << 24], values: vec![0; 1 << 24] }.to_bytes();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&[&whole[..12], &much].concat()).unwrap();
        let error = told(&packed.finish().unwrap());
        assert!(matches!(error, IdxError::Length { expected: 6, found: 7, .. }), "{error}");
        assert!(error.to_string().contains("6 behind its header, and has more"), "{error}");
        // Sizes beyond any memory, and some that overflow.
        for axes in [3_u8, 9] {
            let mut vast = vec![0, 0, 8, axes];
            vast.extend(vec![0xff; 4 * usize::from(axes)]);
            let error = told(&vast);
            assert!(matches!(error, IdxError::Memory { .. }) && error.to_string().contains("of memory"), "{error}");
        }
    }
}
