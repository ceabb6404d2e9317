//! Where the images of a classifier come from: MNIST's files, or folders, which are read as they are
//! needed, by threads that work ahead.

use std::path::Path;
use std::sync::Arc;

use cartwheel_envs::Generator;

use super::grey::{self, Grey};
use crate::TrainError;
use crate::data::image::{
    CutMix, Filter, Image, ImageError, ImagesConfig, MixUp, Pipeline, Statistics, cut_mix, mix_up, one_hot, resize,
};
use crate::data::image_folder::{ImageFolder, ImageSamples};
use crate::data::image_parts::ImageParts;
use crate::data::loader::{Batches, LoadError, LoaderOptions, OnBroken, Source as _, batches};
use crate::data::mnist::{LabelledImages, Mnist};
use crate::data::survey::survey;
use crate::supervised::config::ModelName;
use crate::supervised::loaded::saved::Preprocessing;
use crate::supervised::samples::{LONGEST, Picture};
use crate::supervised::settings::FitSettings;
use crate::supervised::task::Part;

/// Samples of a batch of a model that is asked about files: larger batches are hardly faster, and take more memory.
pub(crate) const BATCH_IN_USE: usize = 32;
/// Batches that each thread is ahead.
const AHEAD: usize = 2;
/// The purpose of the stream that batches are mixed with, in the key of its generator.
const MIX: u64 = 0x6d69_7862;

/// Images beside each other, and the class of each.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) x: Vec<f32>,
    pub(crate) classes: Vec<u32>,
    /// Files that were skipped, and why.
    pub(crate) skipped: Vec<String>,
}

impl Batch {
    pub(crate) fn new(x: Vec<f32>, classes: Vec<u32>) -> Self {
        Self { x, classes, skipped: Vec::new() }
    }
}

/// See the module's documentation.
pub(crate) enum Pictures {
    /// Of one channel.
    Grey(Box<Grey>),
    /// Of three.
    Colour(Box<Folders>),
}

/// Folders of images.
pub(crate) struct Folders {
    train: Arc<ImageSamples>,
    validation: Arc<ImageSamples>,
    test: Option<Arc<ImageSamples>>,
    images: ImagesConfig,
    batch_size: usize,
    looked_at: usize,
    ahead: Option<Ahead>,
}

/// Batches on their way.
struct Ahead {
    epoch: u64,
    batches: Batches<ImageError>,
    /// The samples that they are made of, from the next one on.
    order: Vec<usize>,
    next: usize,
}

/// What is known of images before there is a model of them.
pub(crate) struct About {
    pub(crate) size: [usize; 2],
    pub(crate) channels: usize,
    pub(crate) labels: Vec<String>,
    pub(crate) preprocessing: Option<Preprocessing>,
}

impl Pictures {
    /// The images that `settings` say.
    pub(crate) fn open(settings: &FitSettings) -> Result<(Self, About), TrainError> {
        let dir = Path::new(&settings.data.dir);
        let idx = Mnist::is_in(dir);
        let is_mlp = settings.fit.model == ModelName::Mlp;
        if is_mlp && !idx && ImageFolder::open(dir, false).is_ok_and(|folder| !folder.files.is_empty()) {
            let dir = dir.display();
            return Err(TrainError::Unfit(format!(
                "{dir} holds folders of images, and an mlp learns from MNIST's files (train-images-idx3-ubyte and so on): \
                 fit a residual network to it, such as `cartwheel fit resnet8 --data {dir}`"
            )));
        }
        // What the multilayer perceptron misses is told as such.
        if idx || is_mlp {
            return Grey::open(settings).map(|(grey, about)| (Self::Grey(Box::new(grey)), about));
        }
        colour(settings)
    }

    /// How many there are of a part.
    pub(crate) fn len(&self, part: Part) -> usize {
        match self {
            Self::Grey(grey) => grey.part(part).map_or(0, LabelledImages::len),
            Self::Colour(folders) => folders.part(part).map_or(0, |samples| samples.len()),
        }
    }

    /// The class of a training sample.
    pub(crate) fn class(&self, index: usize) -> usize {
        match self {
            Self::Grey(grey) => grey.part(Part::Train).map_or(0, |images| images.labels[index].into()),
            Self::Colour(folders) => folders.train.files[index].label,
        }
    }

    /// Shows `see` what tells these images from others: the bytes of those in memory, the names and classes of files.
    pub(crate) fn identify(&self, see: &mut dyn FnMut(&[u8])) {
        for part in [Part::Train, Part::Validation, Part::Test] {
            see(&self.len(part).to_le_bytes());
            match self {
                Self::Grey(grey) => {
                    if let Some(images) = grey.part(part) {
                        see(&images.images);
                        see(&images.labels);
                    }
                }
                Self::Colour(folders) => {
                    for file in folders.part(part).iter().flat_map(|samples| &samples.files) {
                        see(&file.label.to_le_bytes());
                        see(file.path.file_name().unwrap_or_default().as_encoded_bytes());
                    }
                }
            }
        }
    }

    /// Begins to read the training samples that [`train`](Self::train) will be asked for, batch by batch in this order.
    pub(crate) fn expect(&mut self, epoch: u64, order: Vec<usize>) {
        if let Self::Colour(folders) = self {
            let batches = batches(&folders.train, epoch, order.clone(), folders.options(folders.batch_size));
            folders.ahead = Some(Ahead { epoch, batches, order, next: 0 });
        }
    }

    /// Training samples, as the epoch sees them. Those that are broken are left out, if settings say so.
    pub(crate) fn train(&mut self, epoch: u64, indices: &[usize]) -> Result<Batch, TrainError> {
        match self {
            Self::Colour(folders) if folders.ahead.as_ref().is_some_and(|ahead| ahead.leads_to(epoch, indices)) => {
                batch(folders.ahead.as_mut().and_then(|ahead| ahead.next(indices.len())))
            }
            _ => self.again(epoch, indices),
        }
    }

    /// The same, without working ahead.
    pub(crate) fn again(&self, epoch: u64, indices: &[usize]) -> Result<Batch, TrainError> {
        match self {
            Self::Grey(grey) => Ok(grey.train(epoch, indices)),
            Self::Colour(folders) => {
                let options = LoaderOptions { num_workers: 1, ..folders.options(indices.len()) };
                let made = batches(&folders.train, epoch, indices.to_vec(), options).next();
                batch(made)
            }
        }
    }

    /// Those of the samples `indices` of a part that can be read, for people and for the model, without anything random.
    pub(crate) fn some(&self, part: Part, indices: &[usize]) -> (Vec<Picture>, Batch) {
        let mut pictures = Vec::new();
        let mut batch = Batch::default();
        match self {
            Self::Grey(grey) => {
                if let Some(images) = grey.part(part) {
                    let [rows, columns] = images.size;
                    let pixels = |at: &usize| &images.images[at * rows * columns..(at + 1) * rows * columns];
                    pictures.extend(indices.iter().map(|at| small_grey(pixels(at), columns, rows)));
                    batch = grey::batch(images, indices);
                }
            }
            Self::Colour(folders) => {
                let Some(samples) = folders.part(part) else { return (pictures, batch) };
                for index in indices {
                    // One that is broken is told of where all are looked at.
                    let Ok(image) = samples.image(*index) else { continue };
                    pictures.push(small(&samples.pipeline.resized(&image)));
                    let before = batch.x.len();
                    batch.x.resize(before + samples.pipeline.sample_len(), 0.0);
                    samples.pipeline.evaluate(&image, &mut batch.x[before..]);
                    batch.classes.push(samples.files[*index].label as u32);
                }
            }
        }
        (pictures, batch)
    }

    /// Shows all samples of a part, without anything random, batch by batch.
    pub(crate) fn each(
        &self,
        part: Part,
        see: &mut dyn FnMut(Batch) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        match self {
            Self::Grey(grey) => {
                let Some(images) = grey.part(part) else { return Ok(()) };
                let all: Vec<usize> = (0..images.len()).collect();
                all.chunks(grey.looked_at).try_for_each(|indices| see(grey::batch(images, indices)))
            }
            Self::Colour(folders) => {
                let Some(samples) = folders.part(part) else { return Ok(()) };
                // Training samples as they are.
                let samples = Arc::new(ImageSamples { seed: None, ..(**samples).clone() });
                let options = folders.options(folders.looked_at);
                batches(&samples, 0, (0..samples.len()).collect(), options).try_for_each(|made| see(batch(Some(made))?))
            }
        }
    }
}

/// An image for people: no larger than they need it.
fn small(image: &Image) -> Picture {
    let longest = image.width.max(image.height);
    let shrunk = |side: usize| (side * LONGEST / longest.max(1)).max(1);
    let image = match longest > LONGEST {
        true => &resize(image, shrunk(image.width), shrunk(image.height), Filter::Bilinear),
        false => image,
    };
    Picture { width: image.width as u32, channels: crate::data::image::CHANNELS as u8, pixels: image.rgb.clone() }
}

/// The same of a grey one.
fn small_grey(pixels: &[u8], width: usize, height: usize) -> Picture {
    if width.max(height) > LONGEST {
        return small(&Image { width, height, rgb: pixels.iter().flat_map(|byte| [*byte; 3]).collect() });
    }
    Picture { width: width as u32, channels: 1, pixels: pixels.to_vec() }
}

/// Takes over a batch.
fn batch(
    made: Option<Result<crate::data::loader::Batch<ImageError>, LoadError<ImageError>>>,
) -> Result<Batch, TrainError> {
    let made = match made {
        Some(Ok(made)) => made,
        Some(Err(LoadError::Sample(error))) => return Err(TrainError::Image(error)),
        Some(Err(error @ LoadError::Lost)) => return Err(TrainError::Input(error.to_string())),
        None => return Ok(Batch::default()),
    };
    let skipped = made.broken.iter().map(|(_, error)| error.to_string()).collect();
    Ok(Batch { x: made.inputs, classes: made.labels.iter().map(|label| *label as u32).collect(), skipped })
}

impl Folders {
    fn part(&self, part: Part) -> Option<&Arc<ImageSamples>> {
        match part {
            Part::Train => Some(&self.train),
            Part::Validation => Some(&self.validation),
            Part::Test => self.test.as_ref(),
        }
    }

    fn options(&self, batch_size: usize) -> LoaderOptions {
        let (num_workers, on_broken) = (self.images.workers(), self.images.on_broken);
        LoaderOptions { batch_size, num_workers, prefetch_factor: AHEAD, on_broken }
    }
}

impl Ahead {
    /// Whether the next batch is that of these samples.
    fn leads_to(&self, epoch: u64, indices: &[usize]) -> bool {
        self.epoch == epoch && self.order.iter().skip(self.next).take(indices.len()).eq(indices)
    }

    /// The next batch, which is of so many samples.
    fn next(
        &mut self,
        samples: usize,
    ) -> Option<Result<crate::data::loader::Batch<ImageError>, LoadError<ImageError>>> {
        self.next += samples;
        self.batches.next()
    }
}

fn colour(settings: &FitSettings) -> Result<(Pictures, About), TrainError> {
    let (dir, images) = (Path::new(&settings.data.dir), &settings.images);
    let parts = ImageParts::open(dir, images.follow_links)?;
    let complete = |folder: Option<ImageFolder>| folder.map(ImageFolder::complete).transpose();
    let (train, test) = (parts.train.complete()?, complete(parts.test)?);
    let (train, validation) = match complete(parts.validation)? {
        Some(validation) => (train, validation),
        None => train.split(settings.data.validation_split),
    };
    settings.check_split("images", train.files.len(), validation.files.len())?;
    let statistics = statistics(settings, &train)?;
    let pipeline = Pipeline::new(images.clone(), settings.augment.clone(), statistics).map_err(TrainError::Unfit)?;
    let preprocessing = Preprocessing::new(&settings.images, &settings.augment, statistics);
    let about = About {
        size: [images.height, images.width],
        channels: crate::data::image::CHANNELS,
        labels: train.classes.clone(),
        preprocessing: Some(preprocessing),
    };
    let samples =
        |folder: ImageFolder, seed| Arc::new(ImageSamples { files: folder.files, pipeline: pipeline.clone(), seed });
    let folders = Folders {
        train: samples(train, Some(settings.fit.seed)),
        validation: samples(validation, None),
        test: test.map(|folder| samples(folder, None)),
        images: images.clone(),
        batch_size: settings.fit.batch_size,
        looked_at: settings.fit.looked_at(),
        ahead: None,
    };
    Ok((Pictures::Colour(Box::new(folders)), about))
}

/// Mean and deviation of the training images, if they are wanted: Keras' `fit`.
fn statistics(settings: &FitSettings, train: &ImageFolder) -> Result<Option<Statistics>, TrainError> {
    if !settings.augment.needs_statistics() {
        return Ok(None);
    }
    let mut augment = settings.augment.clone();
    (augment.featurewise_center, augment.featurewise_std_normalization) = (false, false);
    let pipeline = Pipeline::new(settings.images.clone(), augment, None).map_err(TrainError::Unfit)?;
    let mut seen = survey(train, &pipeline, settings.images.workers());
    if settings.images.on_broken == OnBroken::Fail && !seen.broken.is_empty() {
        return Err(TrainError::Input(seen.broken.swap_remove(0).1));
    }
    Ok(seen.values.finish(settings.augment.rescale.unwrap_or(1.0)))
}

/// Mixes a batch of images of `size` rows and columns as settings say: the shares of classes that it comes to, or none if it
/// is left as it is.
pub(crate) fn mix(
    settings: &crate::supervised::config::MixConfig,
    batch: &mut Batch,
    classes: usize,
    size: [usize; 2],
    key: [u64; 3],
) -> Option<Vec<f32>> {
    let samples = batch.classes.len();
    if !settings.mixes() || samples == 0 {
        return None;
    }
    let mut random = Generator::from_entropy(&[key[0], key[1], key[2], MIX]);
    let labels: Vec<usize> = batch.classes.iter().map(|class| *class as usize).collect();
    let mut shares = one_hot(&labels, classes);
    let cuts = settings.mixup_alpha == 0.0 || (settings.cutmix_alpha > 0.0 && random.below(2) == 1);
    if cuts {
        let part = CutMix::draw(settings.cutmix_alpha, size[1], size[0], &mut random);
        cut_mix(&mut batch.x, &mut shares, samples, size, &part);
    } else {
        mix_up(&mut batch.x, &mut shares, samples, MixUp::draw(settings.mixup_alpha, &mut random));
    }
    Some(shares)
}
