//! IDX files, the format of MNIST: a magic number, the size of each axis, and the bytes, row-major.
//!
//! The magic number is two zero bytes, 8 for unsigned bytes, and the number of axes; sizes are big-endian u32
//! (<http://yann.lecun.com/exdb/mnist/>, torchvision/datasets/mnist.py). A file that begins as gzip does is unpacked.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

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
    /// It has fewer or more bytes than its sizes say.
    #[error("{} says that it holds {shape:?} bytes, which is {expected} behind its header, and has {found}: it was cut off or \
        damaged, fetch it again", file.display())]
    Length {
        /// The file.
        file: PathBuf,
        /// Its sizes.
        shape: Vec<usize>,
        /// Their product.
        expected: u128,
        /// Bytes behind the header.
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
const GZIP: [u8; 2] = [0x1f, 0x8b];

impl IdxArray {
    /// Reads a file, gzipped or not.
    ///
    /// # Errors
    /// If it cannot be read, or is no whole IDX file of unsigned bytes.
    pub fn read(file: &Path) -> Result<Self, IdxError> {
        let unreadable = |source| IdxError::Read { file: file.into(), source };
        let mut bytes = std::fs::read(file).map_err(unreadable)?;
        if bytes.starts_with(&GZIP) {
            let mut unpacked = Vec::new();
            MultiGzDecoder::new(bytes.as_slice())
                .read_to_end(&mut unpacked)
                .map_err(|source| IdxError::Gzip { file: file.into(), source })?;
            bytes = unpacked;
        }
        Self::parse(&bytes, file)
    }

    fn parse(bytes: &[u8], file: &Path) -> Result<Self, IdxError> {
        let Some((magic, rest)) = bytes.split_first_chunk::<4>() else {
            return Err(IdxError::Header { file: file.into(), found: bytes.len() });
        };
        let [0, 0, 8, axes] = *magic else {
            return Err(IdxError::Magic { file: file.into(), found: magic.to_vec() });
        };
        let Some((sizes, values)) = rest.split_at_checked(4 * usize::from(axes)) else {
            return Err(IdxError::Header { file: file.into(), found: bytes.len() });
        };
        let shape: Vec<usize> =
            sizes.as_chunks::<4>().0.iter().map(|size| u32::from_be_bytes(*size) as usize).collect();
        let expected =
            shape.iter().try_fold(1_u128, |product, size| product.checked_mul(*size as u128)).unwrap_or(u128::MAX);
        if expected != values.len() as u128 {
            return Err(IdxError::Length { file: file.into(), shape, expected, found: values.len() });
        }
        Ok(Self { shape, values: values.to_vec() })
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
#[allow(clippy::unwrap_used, reason = "a failed test should panic")]
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
        // Sizes that overflow.
        let mut vast = vec![0, 0, 8, 9];
        vast.extend([0xff; 36]);
        assert!(matches!(told(&vast), IdxError::Length { found: 0, .. }));
    }
}
