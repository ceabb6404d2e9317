//! Images that a model which is there is shown, as they are: to judge it, or to measure what its layers make of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::saved::SavedModel;
use crate::TrainError;
use crate::data::image::Pipeline;
use crate::data::image_folder::{FolderError, ImageFile, ImageFolder, ImageSamples, images_below};
use crate::data::image_parts::ImageParts;
use crate::data::loader::{LoaderOptions, OnBroken, batches};
use crate::data::mnist::{LabelledImages, Mnist};
use crate::supervised::classification::pictures::{BATCH_IN_USE, Batch};
use crate::supervised::task::Part;

/// Images, each with the number that its class has in the model; where these are not known, with 0.
pub(crate) struct Labelled {
    /// Where they are.
    pub(crate) root: String,
    /// What they are for.
    pub(crate) part: Part,
    pictures: Pictures,
}

enum Pictures {
    /// Of one channel.
    Grey(LabelledImages),
    /// Of three.
    Colour(Arc<ImageSamples>),
}

/// Images by what they are for.
pub(crate) struct Parts {
    pub(crate) train: Labelled,
    /// Those to test, or else to validate.
    pub(crate) held_out: Option<Labelled>,
    /// Why the model does not know their classes, if it does not.
    pub(crate) without_classes: Option<String>,
}

impl Labelled {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match &self.pictures {
            Pictures::Grey(images) => images.len(),
            Pictures::Colour(samples) => samples.files.len(),
        }
    }

    /// Shows `see` those with these numbers, batch by batch. Files that give no image are left out, and named in the batch; if
    /// none gives one that is an error.
    pub(crate) fn each(
        &self,
        indices: Vec<usize>,
        see: &mut dyn FnMut(Batch) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        if self.len() == 0 {
            return Err(TrainError::Unfit(format!("{}: there are no images in its folders", self.root)));
        }
        let samples = match &self.pictures {
            Pictures::Grey(images) => {
                return indices.chunks(BATCH_IN_USE).try_for_each(|indices| {
                    let (x, classes) = images.batch(indices);
                    see(Batch::new(x, classes))
                });
            }
            Pictures::Colour(samples) => samples,
        };
        let (all, mut broken, mut first) = (indices.len(), 0, None);
        let num_workers = std::thread::available_parallelism().map_or(1, usize::from);
        let options =
            LoaderOptions { batch_size: BATCH_IN_USE, num_workers, prefetch_factor: 1, on_broken: OnBroken::Skip };
        for batch in batches(samples, 0, indices, options) {
            let batch = batch.map_err(|error| TrainError::Input(error.to_string()))?;
            let skipped: Vec<String> = batch.broken.iter().map(|(_, error)| error.to_string()).collect();
            broken += skipped.len();
            first = first.or_else(|| skipped.first().cloned());
            see(Batch { x: batch.inputs, classes: batch.labels.iter().map(|label| *label as u32).collect(), skipped })?;
        }
        match first {
            Some(first) if broken == all => {
                let root = &self.root;
                Err(TrainError::Input(format!(
                    "{root}: none of {all} images that were tried can be read, such as {first}"
                )))
            }
            _ => Ok(()),
        }
    }
}

impl SavedModel {
    /// The images in `data`, as `fit --data` takes them. Where there are none for validation, this share of those to learn from
    /// is.
    pub(crate) fn pictures(&self, data: &Path, validation_split: f64) -> Result<Parts, TrainError> {
        match &self.pipeline {
            Some(pipeline) => self.colour(pipeline, data, validation_split),
            None => self.grey(data, validation_split),
        }
    }

    /// The same of MNIST's files.
    fn grey(&self, data: &Path, validation_split: f64) -> Result<Parts, TrainError> {
        let Mnist { train, test } = Mnist::read(data)?;
        let unfit = |reason: String| TrainError::Unfit(format!("{} {reason}", data.display()));
        if train.size != self.size() {
            let (found, expected) = (train.size, self.size());
            return Err(unfit(format!("has images of {found:?} rows and columns, and the model takes {expected:?}")));
        }
        let (labels, judged) = (self.labels().len(), test.as_ref().unwrap_or(&train));
        if let Some(class) = judged.labels.iter().find(|class| usize::from(**class) >= labels) {
            return Err(unfit(format!("has the class {class}, and the model knows {labels}")));
        }
        let (train, validation) = train.split(validation_split);
        let of = |part, images| Labelled { root: data.display().to_string(), part, pictures: Pictures::Grey(images) };
        let validation = Some(validation).filter(|images| !images.is_empty());
        let held_out =
            test.map(|images| of(Part::Test, images)).or_else(|| validation.map(|images| of(Part::Validation, images)));
        Ok(Parts { train: of(Part::Train, train), held_out, without_classes: None })
    }

    /// The same of folders of images.
    fn colour(&self, pipeline: &Pipeline, data: &Path, validation_split: f64) -> Result<Parts, TrainError> {
        let parts = ImageParts::open(data, pipeline.follows_links())?;
        let (train, validation) = match parts.validation {
            Some(validation) => (parts.train, validation),
            None => parts.train.split(validation_split),
        };
        let of = |part: Part, mut folder: ImageFolder| {
            let class = self.classes_of(&folder)?;
            folder.files.iter_mut().for_each(|file| file.label = class[file.label]);
            let pictures = Pictures::Colour(samples(pipeline, folder.files));
            Ok::<_, TrainError>(Labelled { root: folder.root.display().to_string(), part, pictures })
        };
        let held_out = match parts.test {
            Some(test) => Some(of(Part::Test, test)?),
            None if validation.files.is_empty() => None,
            None => Some(of(Part::Validation, validation)?),
        };
        Ok(Parts { train: of(Part::Train, train)?, held_out, without_classes: None })
    }

    /// The images in `data` as [`pictures`](Self::pictures) has them, or images of anything, which have ranges, too: those in a
    /// folder of images that has no folders of classes, or none of a class that the model knows.
    pub(crate) fn any_pictures(&self, data: &Path) -> Result<Parts, TrainError> {
        let Some(pipeline) = &self.pipeline else { return self.grey(data, 0.0) };
        let known = |folder: &ImageFolder| folder.classes.iter().any(|name| self.labels().contains(name));
        let reason = match ImageParts::open(data, pipeline.follows_links()) {
            Ok(parts) => match self.classes_of(&parts.train) {
                Err(error) if !known(&parts.train) => error.to_string(),
                _ => return self.colour(pipeline, data, 0.0),
            },
            Err(error @ FolderError::NoClasses { .. }) => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        let [train, validation, test] = ImageParts::folders(data)?;
        let of = |part: Part, folder: PathBuf| {
            let files = images_below(&folder, pipeline.follows_links())?;
            let root = folder.display().to_string();
            if files.is_empty() {
                return Err(TrainError::Unfit(format!("{root} is a folder without images: name one that has some")));
            }
            let files = files.into_iter().map(|path| ImageFile { path, label: 0 }).collect();
            Ok(Labelled { root, part, pictures: Pictures::Colour(samples(pipeline, files)) })
        };
        let held_out = test.map(|test| of(Part::Test, test));
        let held_out = held_out.or_else(|| validation.map(|validation| of(Part::Validation, validation)));
        let train = of(Part::Train, train.unwrap_or_else(|| data.to_owned()))?;
        Ok(Parts { train, held_out: held_out.transpose()?, without_classes: Some(reason) })
    }

    /// For each class of the folder its number in the model: by name, or, where the model knows numbers alone, as torchvision's
    /// files do, by place.
    fn classes_of(&self, folder: &ImageFolder) -> Result<Vec<usize>, TrainError> {
        let labels = self.labels();
        let named = |name: &String| labels.iter().position(|label| label == name);
        let numbers = labels.iter().enumerate().all(|(class, label)| *label == class.to_string());
        let found: Vec<Option<usize>> = folder.classes.iter().map(named).collect();
        if let Some(found) = found.iter().copied().collect::<Option<Vec<_>>>() {
            return Ok(found);
        }
        if numbers && folder.classes.len() == labels.len() {
            return Ok((0..labels.len()).collect());
        }
        let unknown =
            folder.classes.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(name, _)| name.as_str());
        Err(TrainError::Unfit(format!(
            "{} has folders of {}, which the model does not know: its {} classes are {}",
            folder.root.display(),
            some(unknown),
            labels.len(),
            some(labels.iter().map(String::as_str))
        )))
    }
}

fn samples(pipeline: &Pipeline, files: Vec<ImageFile>) -> Arc<ImageSamples> {
    Arc::new(ImageSamples { files, pipeline: pipeline.clone(), seed: None })
}

/// The first of some names.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let names: Vec<&str> = names.collect();
    let more = if names.len() > SHOWN { " and so on" } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}
