//! Folders of images, one for each class: Keras' `flow_from_directory`.
//!
//! Classes are the folders in a folder, sorted by name, and numbered from 0. Their images are the files with one of
//! [`EXTENSIONS`] in them and in all folders below, sorted by folder, then by name.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::image::{Image, ImageError, Pipeline, read};
use super::loader::Source;

/// How the names of images end, in capitals or not.
pub const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff"];

/// The images of a folder and their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    /// The folder.
    pub root: PathBuf,
    /// Names of the classes, in the order of their labels: the label map.
    pub classes: Vec<String>,
    /// Images, class by class.
    pub files: Vec<ImageFile>,
}

/// An image of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// Where it is.
    pub path: PathBuf,
    /// The number of its class.
    pub label: usize,
}

/// Why a folder gives no images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The folder, or one in it, cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// There is no folder in it.
    #[error(
        "{}: has no folders for classes; put the images of each class into a folder of its own, such as {}",
        path.display(), path.join("cats/1.jpg").display()
    )]
    NoClasses {
        /// The folder.
        path: PathBuf,
    },
    /// Classes without an image.
    #[error(
        "{}: no images of {}; add some (files that end in {}) or remove the folder",
        path.display(), classes.join(", "), EXTENSIONS.join(", ")
    )]
    EmptyClasses {
        /// The folder.
        path: PathBuf,
        /// Their names.
        classes: Vec<String>,
    },
    /// A file in the place of a folder.
    #[error("{} is a file: give a folder with a folder of images for each class", path.display())]
    File {
        /// The file.
        path: PathBuf,
    },
    /// Parts of different classes.
    #[error(
        "{} has the classes {}, and {} has {}: they should be the same",
        path.display(), classes.join(", "), train.display(), of_train.join(", ")
    )]
    OtherClasses {
        /// The folder of the part.
        path: PathBuf,
        /// Its classes.
        classes: Vec<String>,
        /// The folder to learn from.
        train: PathBuf,
        /// The classes of that.
        of_train: Vec<String>,
    },
    /// Two parts that are the same.
    #[error("{} and {} are for the same: keep one of them", folders[0].display(), folders[1].display())]
    SamePart {
        /// The folders.
        folders: [PathBuf; 2],
    },
    /// What is called as an image is, and is a pipe or a device, which may have no end.
    #[error("{} is no file but a pipe or a device, or a link to one, which has no end: remove it from the images", path.display())]
    Endless {
        /// Where it is.
        path: PathBuf,
    },
    /// A link that leads to a folder it is in.
    #[error("{}: this link leads back to a folder that it is in; remove it, or do without images.follow_links", path.display())]
    Loop {
        /// The link.
        path: PathBuf,
    },
}

impl FolderError {
    /// Whether another folder, or another order in it, was asked for: what is there cannot be read otherwise.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Unreadable { error, .. } => error.kind() == io::ErrorKind::NotFound,
            _ => true,
        }
    }
}

impl ImageFolder {
    /// Lists the images of `root`. Links to files are taken; links to folders in classes with `follow_links` alone. Classes
    /// without an image keep their number: see [`Self::complete`].
    ///
    /// # Errors
    /// [`FolderError`], but for classes without images.
    pub fn open(root: &Path, follow_links: bool) -> Result<Self, FolderError> {
        let folders = folders(root)?;
        if folders.is_empty() {
            return Err(FolderError::NoClasses { path: root.to_owned() });
        }
        let (mut classes, mut files) = (Vec::new(), Vec::new());
        for (label, folder) in folders.iter().enumerate() {
            classes.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
            files.extend(images_below(folder, follow_links)?.into_iter().map(|path| ImageFile { path, label }));
        }
        Ok(Self { root: root.to_owned(), classes, files })
    }

    /// The same, if there is an image of each class.
    ///
    /// # Errors
    /// [`FolderError::EmptyClasses`].
    pub fn complete(self) -> Result<Self, FolderError> {
        let counts = self.counts();
        let empty = self.classes.iter().zip(counts).filter(|(_, count)| *count == 0).map(|(name, _)| name.clone());
        match empty.collect::<Vec<_>>() {
            none if none.is_empty() => Ok(self),
            classes => Err(FolderError::EmptyClasses { path: self.root, classes }),
        }
    }

    /// Images of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        self.files.iter().for_each(|file| counts[file.label] += 1);
        counts
    }

    /// Splits off a share for validation, as Keras does: the first images of each class, rounded down. Answers (training,
    /// validation).
    pub fn split(&self, validation_split: f64) -> (Self, Self) {
        let last_of: Vec<usize> =
            self.counts().iter().map(|count| (validation_split * *count as f64) as usize).collect();
        let mut seen = BTreeMap::new();
        let (validation, training) = self.files.iter().cloned().partition(|file| {
            let seen: &mut usize = seen.entry(file.label).or_default();
            *seen += 1;
            *seen <= last_of[file.label]
        });
        let of = |files| Self { files, ..self.clone() };
        (of(training), of(validation))
    }
}

impl fmt::Display for ImageFolder {
    /// Keras' line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found {} images belonging to {} classes.", self.files.len(), self.classes.len())
    }
}

/// Python's order of texts; paths themselves are ordered by their parts.
fn by_text<P: AsRef<OsStr>>(a: &P, b: &P) -> std::cmp::Ordering {
    a.as_ref().cmp(b.as_ref())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    if folder.is_file() {
        return Err(FolderError::File { path: folder.to_owned() });
    }
    let unreadable = |error| FolderError::Unreadable { path: folder.to_owned(), error };
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(unreadable)).collect()
}

/// The folders in a folder, sorted by name.
pub(super) fn folders(root: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let mut folders: Vec<PathBuf> = entries(root)?.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort_by(by_text);
    Ok(folders)
}

/// The images in a folder and below it, sorted by folder and then by name. Links to folders are taken with `follow_links` alone.
///
/// # Errors
/// [`FolderError`], if one of the folders cannot be read or leads back to itself, or an image is no file.
pub fn images_below(top: &Path, follow_links: bool) -> Result<Vec<PathBuf>, FolderError> {
    let mut folders = Vec::new();
    // Each with what it really is and is in, where links may lead round in a circle.
    let mut waiting = vec![(top.to_owned(), Vec::new())];
    while let Some((folder, mut inside)) = waiting.pop() {
        if follow_links {
            let real = folder.canonicalize();
            let real = real.map_err(|error| FolderError::Unreadable { path: folder.clone(), error })?;
            if inside.contains(&real) {
                return Err(FolderError::Loop { path: folder });
            }
            inside.push(real);
        }
        let mut files = Vec::new();
        for path in entries(&folder)? {
            // What is not there, as where a link leads nowhere, is told of when it is read.
            let kind = fs::metadata(&path).ok().map(|found| found.file_type());
            match kind {
                Some(kind) if kind.is_dir() => {
                    if follow_links || !path.is_symlink() {
                        waiting.push((path, inside.clone()));
                    }
                }
                _ if !is_image(path.file_name()) => {}
                Some(kind) if !kind.is_file() => return Err(FolderError::Endless { path }),
                _ => files.push(path),
            }
        }
        files.sort_by(by_text);
        folders.push((folder, files));
    }
    folders.sort_by(|(a, _), (b, _)| by_text(a, b));
    Ok(folders.into_iter().flat_map(|(_, files)| files).collect())
}

fn is_image(name: Option<&OsStr>) -> bool {
    let name = name.unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.iter().any(|extension| name.ends_with(extension))
}

/// Images of a folder as samples, for a [`loader`](super::loader).
#[derive(Clone, Debug)]
pub struct ImageSamples {
    /// The images.
    pub files: Vec<ImageFile>,
    /// What happens to them.
    pub pipeline: Pipeline,
    /// The seed of what is random in training; nothing is random without one.
    pub seed: Option<u64>,
}

impl ImageSamples {
    /// Reads an image.
    ///
    /// # Errors
    /// A file that gives no image.
    pub fn image(&self, index: usize) -> Result<Image, ImageError> {
        Ok(read(&self.files[index].path, self.pipeline.max_pixels())?.image)
    }
}

impl Source for ImageSamples {
    type Error = ImageError;

    fn len(&self) -> usize {
        self.files.len()
    }

    fn sample_len(&self) -> usize {
        self.pipeline.sample_len()
    }

    fn load(&self, epoch: u64, index: usize, into: &mut [f32]) -> Result<usize, ImageError> {
        let image = self.image(index)?;
        match self.seed {
            Some(seed) => self.pipeline.train(&image, [seed, epoch, index as u64], into),
            None => self.pipeline.evaluate(&image, into),
        }
        Ok(self.files[index].label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A folder with these files, empty ones.
    fn folder(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    fn names(found: &ImageFolder) -> Vec<String> {
        let relative = |file: &ImageFile| file.path.strip_prefix(&found.root).unwrap().display().to_string();
        found.files.iter().map(relative).collect()
    }

    /// The order is what Keras 3.15 gives for the same files.
    #[test]
    fn images_are_found_as_keras_finds_them() {
        let folder = folder(&[
            "b/2.JPG",
            "b/10.jpg",
            "b/deep/er/1.png",
            "b/deep-1/0.png",
            "b/deep/z.tiff",
            "a/x.bmp",
            "a/notes.txt",
            "a/y.webp",
            "a/z.gif",
            "a/B.ppm",
            "a/ä.tif",
            "c/nothing.txt",
            "at the top.png",
            "Z/0.jpeg",
        ]);
        let found = ImageFolder::open(folder.path(), false).unwrap();
        assert_eq!(found.classes, ["Z", "a", "b", "c"]);
        assert_eq!(found.to_string(), "Found 9 images belonging to 4 classes.");
        let order = [
            "Z/0.jpeg",
            "a/B.ppm",
            "a/x.bmp",
            "a/ä.tif",
            "b/10.jpg",
            "b/2.JPG",
            "b/deep/z.tiff",
            "b/deep-1/0.png",
            "b/deep/er/1.png",
        ];
        assert_eq!(names(&found), order);
        assert_eq!(found.counts(), [1, 3, 5, 0]);
        assert_eq!(found.files[4].label, 2);
        let error = found.complete().unwrap_err().to_string();
        assert!(error.contains("no images of c") && error.contains("tiff"), "{error}");
    }

    #[test]
    fn validation_takes_the_first_of_each_class() {
        let folder = folder(&["a/1.png", "a/2.png", "a/3.png", "b/1.png", "b/2.png", "b/3.png", "b/4.png", "b/5.png"]);
        let (training, validation) = ImageFolder::open(folder.path(), false).unwrap().split(0.4);
        assert_eq!(names(&validation), ["a/1.png", "b/1.png", "b/2.png"]);
        assert_eq!(names(&training), ["a/2.png", "a/3.png", "b/3.png", "b/4.png", "b/5.png"]);
        assert_eq!(training.classes, ["a", "b"]);
        let (training, validation) = training.split(0.0);
        assert_eq!((training.files.len(), validation.files.len()), (5, 0));
    }

    #[test]
    fn a_folder_that_may_not_be_read_is_no_wrong_question() {
        let of = |kind: io::ErrorKind| {
            let error = FolderError::Unreadable { path: "pets".into(), error: kind.into() };
            crate::TrainError::from(error).is_usage()
        };
        assert!(!of(io::ErrorKind::PermissionDenied) && of(io::ErrorKind::NotFound));
    }

    #[test]
    fn folders_without_classes_are_refused() {
        let error = ImageFolder::open(folder(&["1.png"]).path(), false).unwrap_err().to_string();
        assert!(error.contains("no folders for classes") && error.contains("cats/1.jpg"), "{error}");
        let error = ImageFolder::open(Path::new("no/such"), false).unwrap_err().to_string();
        assert!(error.starts_with("no/such: cannot be read"), "{error}");
    }

    /// Real files, augmented, in batches: the same numbers with any number of threads, and a broken one named.
    #[test]
    fn batches_of_images_do_not_depend_on_threads() {
        use super::super::image::{AugmentConfig, ImagesConfig};
        use super::super::loader::{LoaderOptions, OnBroken, batches, shuffled};
        let folder = folder(&["a/9.png", "b/0.ppm"]);
        for i in 0..9_u8 {
            let pixels: Vec<u8> = (0..20 * 12 * 3).map(|at| (at * (usize::from(i) + 3) % 251) as u8).collect();
            let file = [b"P6\n20 12\n255\n".as_slice(), &pixels].concat();
            fs::write(folder.path().join(format!("{}/{i}.ppm", if i % 2 == 0 { "a" } else { "b" })), file).unwrap();
        }
        let (mut images, mut augment) = (ImagesConfig::default(), AugmentConfig::default());
        let settings = "[images]\nwidth = 10\nheight = 10\nshorter_side = 11\n[augment]\nrotation_range = 30";
        cartwheel_agents::config::load(&mut [&mut images, &mut augment], settings, "test.toml").unwrap();
        let files = ImageFolder::open(folder.path(), false).unwrap().files;
        let pipeline = Pipeline::new(images, augment, None).unwrap();
        let samples = std::sync::Arc::new(ImageSamples { files, pipeline, seed: Some(4) });
        assert_eq!(samples.len(), 11);
        let made = |num_workers, on_broken| -> Result<Vec<_>, String> {
            let options = LoaderOptions { batch_size: 4, num_workers, prefetch_factor: 2, on_broken };
            let made = batches(&samples, 1, shuffled(11, 4, 1), options);
            made.map(|batch| batch.map(|b| (b.inputs, b.labels, b.indices)).map_err(|e| e.to_string())).collect()
        };
        let one = made(1, OnBroken::Skip).unwrap();
        assert_eq!(one.iter().map(|batch| batch.1.len()).sum::<usize>(), 9);
        assert_eq!(made(3, OnBroken::Skip).unwrap(), one);
        let error = made(2, OnBroken::Fail).unwrap_err();
        assert!(error.contains("a/9.png: ") || error.contains("b/0.ppm: "), "{error}");
    }

    /// Reading them would never end, or take all memory.
    #[cfg(unix)]
    #[test]
    fn pipes_and_devices_are_no_images() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["a/1.png"]);
        let device = folder.path().join("a/endless.png");
        symlink("/dev/zero", &device).unwrap();
        let told = ImageFolder::open(folder.path(), false).unwrap_err().to_string();
        assert!(told.contains("a/endless.png is no file") && told.contains("remove it"), "{told}");
        fs::remove_file(&device).unwrap();
        symlink("nowhere.png", &device).unwrap();
        assert_eq!(ImageFolder::open(folder.path(), false).unwrap().files.len(), 2, "told of when it is read");
        symlink("/dev/zero", folder.path().join("a/notes")).unwrap();
        assert!(ImageFolder::open(folder.path(), false).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_on_demand_and_never_round_in_a_circle() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["a/1.png", "elsewhere/2.png"]);
        let path = folder.path();
        symlink(path.join("elsewhere"), path.join("a/linked")).unwrap();
        symlink(path.join("elsewhere/2.png"), path.join("a/0.png")).unwrap();
        assert_eq!(names(&ImageFolder::open(path, false).unwrap()), ["a/0.png", "a/1.png", "elsewhere/2.png"]);
        let followed = ImageFolder::open(path, true).unwrap();
        assert_eq!(names(&followed), ["a/0.png", "a/1.png", "a/linked/2.png", "elsewhere/2.png"]);
        symlink(path.join("a"), path.join("elsewhere/back")).unwrap();
        assert!(ImageFolder::open(path, false).is_ok());
        let error = ImageFolder::open(path, true).unwrap_err().to_string();
        assert!(error.contains("leads back") && error.contains("images.follow_links"), "{error}");
    }
}
