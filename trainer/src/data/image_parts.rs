//! Folders of images for training, validation and test beside each other, as ImageNet's are laid out; or one folder for all.

use std::path::{Path, PathBuf};

use super::image_folder::{FolderError, ImageFolder};

/// The images of a folder by what they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageParts {
    /// To learn from: those in `train`, or all of them.
    pub train: ImageFolder,
    /// Those in `val` or `validation`.
    pub validation: Option<ImageFolder>,
    /// Those in `test`.
    pub test: Option<ImageFolder>,
}

impl ImageParts {
    /// Lists the images of `dir`: where it holds a folder `train` and one of the others, of each part, else of the whole.
    ///
    /// # Errors
    /// [`FolderError`], also if parts are of different classes; but for classes without images.
    pub fn open(dir: &Path, follow_links: bool) -> Result<Self, FolderError> {
        let [train, validation, test] = Self::folders(dir);
        let Some(train) = train else {
            return Ok(Self { train: ImageFolder::open(dir, follow_links)?, validation: None, test: None });
        };
        let train = ImageFolder::open(&train, follow_links)?;
        let same = |folder: PathBuf| {
            let other = ImageFolder::open(&folder, follow_links)?;
            if other.classes == train.classes {
                return Ok(other);
            }
            let [classes, of_train] = [other.classes, train.classes.clone()];
            Err(FolderError::OtherClasses { path: folder, classes, train: train.root.clone(), of_train })
        };
        let (validation, test) = (validation.map(same).transpose()?, test.map(same).transpose()?);
        Ok(Self { validation, test, train })
    }

    /// The folders of `dir` to learn from, to validate and to test, the first one with one of the others; none where it is one for all.
    pub(crate) fn folders(dir: &Path) -> [Option<PathBuf>; 3] {
        let part = |names: &[&str]| names.iter().map(|name| dir.join(name)).find(|folder| folder.is_dir());
        let parts = [part(&["train"]), part(&["val", "validation"]), part(&["test"])];
        if parts[0].is_some() && parts[1..].iter().any(Option::is_some) { parts } else { [None, None, None] }
    }

    /// All parts, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &ImageFolder)> {
        let others = [("validation", &self.validation), ("test", &self.test)];
        let others = others.into_iter().filter_map(|(name, part)| part.as_ref().map(|part| (name, part)));
        std::iter::once(("training", &self.train)).chain(others)
    }
}
