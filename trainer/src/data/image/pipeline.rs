//! From an image file to the numbers of a sample: decode, resize, augment, normalize.

use cartwheel_envs::Generator;

use super::super::loader::OnBroken;
use super::torchvision::resize_and_crop;
use super::{
    AugmentConfig, Augmenter, CHANNELS, Filter, Image, Normalize, RandomResizedCrop, Rectangle, Statistics, resize,
    resize_part,
};

cartwheel_agents::config! {
    /// How image files are preprocessed (docs/data.md).
    pub struct ImagesConfig in "images" {
        /// The width of samples in pixels.
        width: usize = 224, within(1, 16_384);
        /// The height of samples in pixels.
        height: usize = 224, within(1, 16_384);
        /// How images are resized: "shorter-side" (torchvision's Resize(shorter_side) and CenterCrop), "stretch" (Keras'
        /// target_size, the aspect is not kept), or "random-resized-crop" (torchvision's for training; validation takes
        /// "shorter-side").
        resize: Resizing = Resizing::ShorterSide;
        /// The length of the shorter side before the centre crop.
        shorter_side: usize = 256, within(1, 16_384);
        /// Range of the share of an image's area in a random crop.
        crop_scale: Vec<f64> = vec![0.08, 1.0], |range| ascending(range, 1.0);
        /// Range of the aspect ratio (width / height) of a random crop.
        crop_ratio: Vec<f64> = vec![0.75, 4.0 / 3.0], |range| ascending(range, f64::MAX);
        /// The resampling filter, as Pillow's: "nearest", "bilinear", "bicubic" or "lanczos". All but "nearest" are antialiased.
        interpolation: Filter = Filter::Bilinear;
        /// "torchvision" for (value / 255 - mean) / std, "keras" for the rescale, samplewise_* and featurewise_* settings of the
        /// section augment.
        normalize: Normalization = Normalization::Torchvision;
        /// The mean of red, green and blue, of values from 0 to 1.
        mean: Vec<f64> = vec![0.485, 0.456, 0.406], |mean| three(mean);
        /// The standard deviation of red, green and blue.
        std: Vec<f64> = vec![0.229, 0.224, 0.225], |std| three(std).and_then(|()| each(positive)(std));
        /// Files of more pixels are refused as decompression bombs.
        max_pixels: u64 = super::MAX_PIXELS, at_least(1);
        /// Whether to follow links to folders within classes.
        follow_links: bool = false;
        /// The share of each class that is held out for validation: its first files.
        validation_split: f64 = 0.0, |share| if (0.0..1.0).contains(share) { Ok(()) } else { Err("a number from 0 to below 1".into()) };
        /// What to do when a file cannot be decoded: "fail", or "skip" it.
        on_broken: OnBroken = OnBroken::Fail;
        /// Threads that decode and augment; 0 for one per core. Random augmentation does not depend on it.
        num_workers: usize = 0, at_most(1024);
    }
}

fn three(numbers: &[f64]) -> Result<(), String> {
    if numbers.len() == CHANNELS { Ok(()) } else { Err("three numbers, for red, green and blue".to_owned()) }
}

fn ascending(range: &[f64], most: f64) -> Result<(), String> {
    match *range {
        [low, high] if 0.0 < low && low <= high && high <= most => Ok(()),
        _ if most == 1.0 => Err("two numbers above 0 and up to 1, the lower one first".to_owned()),
        _ => Err("two numbers above 0, the lower one first".to_owned()),
    }
}

impl ImagesConfig {
    /// Threads to be used on this machine.
    pub fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.num_workers == 0 { cores() } else { self.num_workers }
    }
}

cartwheel_agents::config_enum! {
    /// How images of any size come to one size.
    pub enum Resizing {
        /// Resize the shorter side, cut out the middle.
        ShorterSide = "shorter-side",
        /// Resize both sides.
        Stretch = "stretch",
        /// Cut out a random part and resize it.
        RandomResizedCrop = "random-resized-crop",
    }
}

cartwheel_agents::config_enum! {
    /// Whose way of normalizing.
    pub enum Normalization {
        /// `ToTensor` and `Normalize`.
        Torchvision = "torchvision",
        /// `ImageDataGenerator.standardize`.
        Keras = "keras",
    }
}

/// The purpose of the streams that images are changed with, in the key of the generator.
const AUGMENT: u64 = 0x6175_676d;

/// Everything between an image file and the numbers of a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    config: ImagesConfig,
    augmenter: Augmenter,
    normalize: Normalize,
    crop: RandomResizedCrop,
}

impl Pipeline {
    /// A pipeline with these settings; see [`Augmenter::new`] about `statistics`.
    ///
    /// # Errors
    /// Settings that do not fit each other.
    pub fn new(config: ImagesConfig, augment: AugmentConfig, statistics: Option<Statistics>) -> Result<Self, String> {
        let three = |numbers: &[f64]| std::array::from_fn(|channel| numbers[channel] as f32);
        let two = |numbers: &[f64]| [numbers[0], numbers[1]];
        Ok(Self {
            normalize: Normalize { mean: three(&config.mean), std: three(&config.std) },
            crop: RandomResizedCrop { scale: two(&config.crop_scale), ratio: two(&config.crop_ratio) },
            augmenter: Augmenter::new(augment, statistics)?,
            config,
        })
    }

    /// Numbers of a sample: rows × columns × channels.
    pub fn sample_len(&self) -> usize {
        self.config.width * self.config.height * CHANNELS
    }

    /// Pixels that a file may have.
    pub fn max_pixels(&self) -> u64 {
        self.config.max_pixels
    }

    /// Whether links to folders are followed where its images are looked for.
    pub(crate) fn follows_links(&self) -> bool {
        self.config.follow_links
    }

    /// An image at the samples' size, without anything random.
    pub fn resized(&self, image: &Image) -> Image {
        let ImagesConfig { width, height, shorter_side, interpolation, .. } = self.config;
        match self.config.resize {
            Resizing::Stretch => resize(image, width, height, interpolation),
            _ => resize_and_crop(image, shorter_side, width, height, interpolation),
        }
    }

    /// The numbers of an image as evaluation sees them.
    pub fn evaluate(&self, image: &Image, to: &mut [f32]) {
        self.normalized(&self.resized(image), to);
    }

    /// The numbers of an image as training sees them in one epoch: what is random is drawn from a stream of this seed,
    /// epoch and index, whoever does it.
    pub fn train(&self, image: &Image, [seed, epoch, index]: [u64; 3], to: &mut [f32]) {
        let mut random = Generator::from_entropy(&[seed, epoch, index, AUGMENT]);
        let mut image = self.cropped(image, &mut random);
        let transform = self.augmenter.draw(image.width, image.height, &mut random);
        if transform.keeps_bytes() {
            transform.flip(&mut image);
            return self.normalized(&image, to);
        }
        self.augmenter.apply(&image, &transform, to);
        match self.config.normalize {
            Normalization::Torchvision => self.normalize.apply_in_place(to),
            Normalization::Keras => self.augmenter.standardize(to),
        }
    }

    /// An image as training sees it in one epoch, before it is normalized: 8 bits, rounded.
    pub fn preview(&self, image: &Image, [seed, epoch, index]: [u64; 3]) -> Image {
        let mut random = Generator::from_entropy(&[seed, epoch, index, AUGMENT]);
        let mut image = self.cropped(image, &mut random);
        let transform = self.augmenter.draw(image.width, image.height, &mut random);
        let mut values = vec![0.0; image.rgb.len()];
        self.augmenter.apply(&image, &transform, &mut values);
        image.rgb = values.iter().map(|value| value.round() as u8).collect();
        image
    }

    fn cropped(&self, image: &Image, random: &mut Generator) -> Image {
        if self.config.resize != Resizing::RandomResizedCrop {
            return self.resized(image);
        }
        let part = self.crop.draw(image.width, image.height, random);
        let size = (self.config.width, self.config.height);
        resize_part(image, part, size, Rectangle::all(size.0, size.1), self.config.interpolation)
    }

    fn normalized(&self, image: &Image, to: &mut [f32]) {
        match self.config.normalize {
            Normalization::Torchvision => self.normalize.apply(image, to),
            Normalization::Keras => {
                to.iter_mut().zip(&image.rgb).for_each(|(to, from)| *to = f32::from(*from));
                self.augmenter.standardize(to);
            }
        }
    }
}
