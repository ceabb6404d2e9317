//! Folders of images for training, validation and test beside each other, as ImageNet's are laid out; or one folder for all.

use std::path::{Path, PathBuf};

use super::image_folder::{FolderError, ImageFolder, folders};
use super::part_names::{by_part, is_train};

/// The images of a folder by what they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageParts {
    /// To learn from: those in `train`, or all of them.
    pub train: ImageFolder,
    /// Those in `val`, `valid`, `validation` or `dev`.
    pub validation: Option<ImageFolder>,
    /// Those in `test`.
    pub test: Option<ImageFolder>,
}

impl ImageParts {
    /// Lists the images of `dir`: where it holds a folder `train` and one of the others, or `train` alone, of each part, else of
    /// the whole.
    ///
    /// # Errors
    /// [`FolderError`], also if parts are of different classes; but for classes without images.
    pub fn open(dir: &Path, follow_links: bool) -> Result<Self, FolderError> {
        let [train, validation, test] = Self::folders(dir)?;
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

    /// The folders of `dir` to learn from, to validate and to test, the first one with one of the others or alone; none where it is
    /// one for all, of which a class may be called `train`.
    ///
    /// # Errors
    /// If the folder cannot be read, or holds two of the same part.
    pub(crate) fn folders(dir: &Path) -> Result<[Option<PathBuf>; 3], FolderError> {
        let named = folders(dir)?;
        let named =
            named.into_iter().map(|path| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path));
        // What tools leave behind, such as .ipynb_checkpoints, is no part.
        let named: Vec<_> = named.filter(|(name, _)| !name.starts_with('.')).collect();
        if !named.iter().any(|(name, _)| is_train(name)) {
            return Ok([None, None, None]);
        }
        let alone = named.len() == 1;
        let parts = by_part(named).map_err(|folders| FolderError::SamePart { folders })?;
        let are_parts = parts[0].is_some() && (alone || parts[1..].iter().any(Option::is_some));
        Ok(if are_parts { parts } else { [None, None, None] })
    }

    /// All parts, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &ImageFolder)> {
        let others = [("validation", &self.validation), ("test", &self.test)];
        let others = others.into_iter().filter_map(|(name, part)| part.as_ref().map(|part| (name, part)));
        std::iter::once(("training", &self.train)).chain(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a folder with these folders is taken for: its parts, or classes.
    fn found(folders: &[&str]) -> Result<(Vec<&'static str>, Vec<String>), String> {
        let dir = tempfile::tempdir().unwrap();
        for folder in folders {
            let class = dir.path().join(folder).join("cats");
            std::fs::create_dir_all(&class).unwrap();
            std::fs::write(class.join("1.png"), "").unwrap();
        }
        let parts = ImageParts::open(dir.path(), false).map_err(|error| error.to_string())?;
        Ok((parts.iter().map(|(name, _)| name).collect(), parts.train.classes))
    }

    #[test]
    fn parts_have_the_names_that_people_give_them() {
        let cats = || vec!["cats".to_owned()];
        for validation in ["val", "valid", "validation", "dev", "Valid"] {
            assert_eq!(found(&["train", validation]), Ok((vec!["training", "validation"], cats())), "{validation}");
        }
        assert_eq!(found(&["Train", "Test", "notes"]), Ok((vec!["training", "test"], cats())));
        assert_eq!(found(&["train"]), Ok((vec!["training"], cats())));
        assert_eq!(found(&["train", ".ipynb_checkpoints"]), Ok((vec!["training"], cats())));
        // Without a part to learn from they are classes.
        let classes = ["dev", "other", "val"].map(str::to_owned).to_vec();
        assert_eq!(found(&["dev", "other", "val"]), Ok((vec!["training"], classes)));
        // Things on rails.
        assert_eq!(found(&["train", "tram"]), Ok((vec!["training"], vec!["train".into(), "tram".into()])));
        let told = found(&["train", "val", "valid"]).unwrap_err();
        assert!(told.contains("val and ") && told.contains("valid are for the same"), "{told}");
    }
}
