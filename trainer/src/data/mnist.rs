//! MNIST and whatever is laid out as it: images and their classes, to train and to test.

use std::path::{Path, PathBuf};

use super::idx::{IdxArray, IdxError};

/// Images of one channel with the class of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImages {
    /// Rows and columns of an image.
    pub size: [usize; 2],
    /// The images one after the other, row-major.
    pub images: Vec<u8>,
    /// The class of each.
    pub labels: Vec<u8>,
}

/// A folder as MNIST's: the first two files train, the others test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or the same with `.gz`.
    pub train: LabelledImages,
    /// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, if they are there.
    pub test: Option<LabelledImages>,
}

/// What is wrong with such a folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MnistError {
    /// It is not there.
    #[error("there is no folder {}: give one that holds {TRAIN}-images-idx3-ubyte and {TRAIN}-labels-idx1-ubyte (or .gz)",
        folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A file is not there.
    #[error("{} holds no {name} and no {name}.gz: give a folder with MNIST's files", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The file's name.
        name: String,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// A file of another number of axes.
    #[error("{} holds an array of shape {found:?} and should hold {expected}", file.display())]
    Axes {
        /// The file.
        file: PathBuf,
        /// Its shape.
        found: Vec<usize>,
        /// What should be in it.
        expected: &'static str,
    },
    /// More or fewer labels than images.
    #[error("{} holds {images} images and {} {labels} labels: they do not belong together", of.display(), and.display())]
    Count {
        /// The images' file.
        of: PathBuf,
        /// The labels' file.
        and: PathBuf,
        /// Images.
        images: usize,
        /// Labels.
        labels: usize,
    },
    /// Images to test of another size than those to train.
    #[error(
        "the images to test are of {found:?} pixels and those to train of {expected:?}: they do not belong together"
    )]
    Size {
        /// Of those to train.
        expected: [usize; 2],
        /// Of those to test.
        found: [usize; 2],
    },
    /// Images to test of a class that there is none of to train.
    #[error(
        "the images to test have the class {found}, and those to train go up to {highest}: they do not belong together"
    )]
    Class {
        /// Of those to train.
        highest: u8,
        /// Of those to test.
        found: u8,
    },
    /// Nothing to train on.
    #[error("{} holds no images", file.display())]
    Empty {
        /// The images' file.
        file: PathBuf,
    },
}

const TRAIN: &str = "train";
const TEST: &str = "t10k";

impl Mnist {
    /// Whether `folder` holds images to train of this format, plain or with `.gz`.
    pub fn is_in(folder: &Path) -> bool {
        find(folder, TRAIN, "images-idx3").is_ok()
    }

    /// Reads the files in `folder`.
    ///
    /// # Errors
    /// If the files to train are not there, or any is damaged or does not belong to the others.
    pub fn read(folder: &Path) -> Result<Self, MnistError> {
        if !folder.is_dir() {
            return Err(MnistError::NoFolder { folder: folder.into() });
        }
        let train = LabelledImages::read(folder, TRAIN)?;
        let there = ["images-idx3", "labels-idx1"].iter().any(|kind| find(folder, TEST, kind).is_ok());
        let test = if there { Some(LabelledImages::read(folder, TEST)?) } else { None };
        if let Some(test) = &test
            && test.size != train.size
        {
            return Err(MnistError::Size { expected: train.size, found: test.size });
        }
        let highest = |images: &LabelledImages| images.labels.iter().copied().max();
        if let (Some(highest), Some(found)) = (highest(&train), test.as_ref().and_then(highest))
            && found > highest
        {
            return Err(MnistError::Class { highest, found });
        }
        Ok(Self { train, test })
    }

    /// One more than the highest class of those to train.
    pub fn classes(&self) -> usize {
        self.train.labels.iter().max().map_or(0, |highest| usize::from(*highest) + 1)
    }
}

impl LabelledImages {
    fn read(folder: &Path, part: &str) -> Result<Self, MnistError> {
        let [of, and] = [find(folder, part, "images-idx3")?, find(folder, part, "labels-idx1")?];
        let (images, labels) = (IdxArray::read(&of)?, IdxArray::read(&and)?);
        let &[count, rows, columns] = images.shape.as_slice() else {
            return Err(MnistError::Axes { file: of, found: images.shape, expected: "images × rows × columns" });
        };
        if labels.shape.len() != 1 {
            return Err(MnistError::Axes { file: and, found: labels.shape, expected: "one label an image" });
        }
        if count != labels.values.len() {
            return Err(MnistError::Count { of, and, images: count, labels: labels.values.len() });
        }
        if count == 0 || rows * columns == 0 {
            return Err(MnistError::Empty { file: of });
        }
        Ok(Self { size: [rows, columns], images: images.values, labels: labels.values })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images of `indices` as numbers from 0 to 1, one after the other, and their classes.
    pub fn batch(&self, indices: &[usize]) -> (Vec<f32>, Vec<u32>) {
        let length = self.size[0] * self.size[1];
        let pixels = indices.iter().flat_map(|at| &self.images[at * length..(at + 1) * length]);
        (
            pixels.map(|byte| f32::from(*byte) / 255.0).collect(),
            indices.iter().map(|at| self.labels[*at].into()).collect(),
        )
    }

    /// All but the last share `validation_split`, and that last share: before shuffling, as Keras does.
    pub fn split(self, validation_split: f64) -> (Self, Self) {
        let kept = (self.len() as f64 * (1.0 - validation_split)) as usize;
        let length = self.size[0] * self.size[1];
        let (mut images, mut labels) = (self.images, self.labels);
        let (rest, after) = (images.split_off(kept * length), labels.split_off(kept));
        let part = |images, labels| Self { size: self.size, images, labels };
        (part(images, labels), part(rest, after))
    }
}

fn find(folder: &Path, part: &str, kind: &str) -> Result<PathBuf, MnistError> {
    let name = format!("{part}-{kind}-ubyte");
    let there = [folder.join(&name), folder.join(format!("{name}.gz"))].into_iter().find(|file| file.is_file());
    there.ok_or_else(|| MnistError::Missing { folder: folder.into(), name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(count: usize) -> IdxArray {
        IdxArray { shape: vec![count, 2, 1], values: (0..2 * count).map(|i| i as u8).collect() }
    }

    fn labels(of: &[u8]) -> IdxArray {
        IdxArray { shape: vec![of.len()], values: of.to_vec() }
    }

    #[test]
    fn a_folder_is_read_and_split() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.path().join(name), bytes).unwrap();
        let told = || Mnist::read(folder.path()).unwrap_err().to_string();
        assert!(told().contains("no train-images-idx3-ubyte"));
        write("train-images-idx3-ubyte", images(4).to_bytes());
        write("train-labels-idx1-ubyte.gz", labels(&[0, 1, 2]).to_gzip());
        assert!(told().contains("4 images") && told().contains("3 labels"), "{}", told());
        write("train-labels-idx1-ubyte.gz", labels(&[0, 1, 2, 1]).to_gzip());
        let mnist = Mnist::read(folder.path()).unwrap();
        assert_eq!((mnist.classes(), mnist.train.len(), &mnist.test), (3, 4, &None));
        assert_eq!(mnist.train.batch(&[2, 0]), (vec![4.0 / 255.0, 5.0 / 255.0, 0.0, 1.0 / 255.0], vec![2, 0]));
        let (train, validation) = mnist.train.split(0.25);
        assert_eq!((train.labels, validation.labels, validation.images), (vec![0, 1, 2], vec![1], vec![6, 7]));
        write("t10k-images-idx3-ubyte", images(1).to_bytes());
        assert!(told().contains("no t10k-labels-idx1-ubyte"), "{}", told());
        write("t10k-labels-idx1-ubyte", labels(&[255]).to_bytes());
        assert!(told().contains("the class 255, and those to train go up to 2"), "{}", told());
        let packed = labels(&[2]).to_gzip();
        std::fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).unwrap();
        write("t10k-labels-idx1-ubyte.gz", packed[..packed.len() - 12].to_vec());
        assert!(told().contains("cannot unpack") && told().contains("cut off or damaged"), "{}", told());
        write("t10k-labels-idx1-ubyte.gz", packed);
        assert_eq!(Mnist::read(folder.path()).unwrap().test.unwrap().labels, [2]);
        let missing = Mnist::read(&folder.path().join("none")).unwrap_err();
        assert!(missing.to_string().contains("there is no folder"));
    }
}
