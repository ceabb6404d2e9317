//! Settings of augmentation, by Keras' names.

use cartwheel_agents::config::{Value, toml_edit};

use super::FillMode;

cartwheel_agents::config! {
    /// Random augmentation of training images, as by Keras' ImageDataGenerator (docs/data.md): other values for each image and
    /// epoch. Off by default, and never applied in validation.
    pub struct AugmentConfig in "augment" {
        /// Rotation: up to this many degrees, either way.
        rotation_range: f64 = 0.0, non_negative;
        /// Horizontal shift, either way: a float is the largest, below 1.0 as a share of the width and from 1.0 on in pixels; an
        /// integer n means 0 to n-1 whole pixels; a list, one of its items.
        width_shift_range: Shift = Shift::Upto(0.0), Shift::check;
        /// Vertical shift, in the same forms.
        height_shift_range: Shift = Shift::Upto(0.0), Shift::check;
        /// Shear: up to this angle, in degrees, either way.
        shear_range: f64 = 0.0, within(0.0, 89.0);
        /// Zoom: z for factors from 1-z to 1+z, or [low, high], independently for both axes. Above 1 images get smaller.
        zoom_range: ZoomRange = ZoomRange([1.0, 1.0]), ZoomRange::check;
        /// Flips half of the images left to right.
        horizontal_flip: bool = false;
        /// Flips half of the images top to bottom.
        vertical_flip: bool = false;
        /// Adds up to this much (of 0 to 255), either way, to all channels, clipped to the image's own range of values.
        channel_shift_range: f64 = 0.0, non_negative;
        /// [low, high]: multiplies brightness by a factor from this range, then rounds down to whole values.
        brightness_range: Option<Vec<f64>> = None, if_some(|range: &Vec<f64>| pair(range));
        /// How points beyond an image's edge are filled: "nearest" (its last pixel), "constant" (cval), "reflect" or "wrap".
        fill_mode: FillMode = FillMode::Nearest;
        /// For fill_mode = "constant": the fill value, of 0 to 255.
        cval: f64 = 0.0;
        /// 1 for bilinear interpolation, 0 for nearest neighbour.
        interpolation_order: usize = 1, within(0, 1);
        /// "fixed", or "keras3" to reproduce Keras 3's bugs on images that are not square: it rotates about a point off the
        /// centre, and shifts horizontally by height_shift_range.
        compat: Compat = Compat::Fixed;
        /// Multiplies values, before what follows: 0.00392156862745098 for values from 0 to 1.
        rescale: Option<f64> = None;
        /// Subtracts each image's mean.
        samplewise_center: bool = false;
        /// Divides by each image's standard deviation; subtracts the mean, too.
        samplewise_std_normalization: bool = false;
        /// Subtracts each channel's mean over the training images.
        featurewise_center: bool = false;
        /// Divides by each channel's standard deviation over the training images; subtracts the mean, too.
        featurewise_std_normalization: bool = false;
    }
}

impl AugmentConfig {
    /// Whether the mean and deviation of the training images must be known.
    pub fn needs_statistics(&self) -> bool {
        self.featurewise_center || self.featurewise_std_normalization
    }

    /// Whether anything of Keras' `standardize` is asked for.
    pub fn standardizes(&self) -> bool {
        self.rescale.is_some()
            || self.samplewise_center
            || self.samplewise_std_normalization
            || self.featurewise_center
            || self.featurewise_std_normalization
    }

    /// Whether nothing is changed at random, so that images need not be turned into floats to be changed.
    pub fn leaves_alone(&self) -> bool {
        let still = |shift: &Shift| *shift == Shift::Upto(0.0);
        self.rotation_range == 0.0
            && still(&self.width_shift_range)
            && still(&self.height_shift_range)
            && self.shear_range == 0.0
            && self.zoom_range == ZoomRange([1.0, 1.0])
            && !self.horizontal_flip
            && !self.vertical_flip
            && self.channel_shift_range == 0.0
            && self.brightness_range.is_none()
    }
}

fn pair(numbers: &[f64]) -> Result<(), String> {
    match *numbers {
        [low, high] if 0.0 <= low && low <= high => Ok(()),
        _ => Err("two numbers of 0 or more, the lower one first".to_owned()),
    }
}

cartwheel_agents::config_enum! {
    /// What happens where Keras 3 has a bug.
    pub enum Compat {
        /// What is documented: shifts along their own axis, rotation about the centre.
        Fixed = "fixed",
        /// As Keras 3.15; apart from the axes of shifts the two differ only on images that are not square.
        Keras3 = "keras3",
    }
}

/// How far images are shifted, in one of Keras' three forms.
#[derive(Clone, Debug, PartialEq)]
pub enum Shift {
    /// Uniform from -r to r: a share of the side below 1, pixels from 1 on.
    Upto(f64),
    /// A whole number of pixels below this, either way.
    Pixels(u32),
    /// One of these, either way: shares of the side if all are below 1, else pixels.
    OneOf(Vec<f64>),
}

impl Shift {
    fn check(&self) -> Result<(), String> {
        match self {
            Shift::OneOf(items) if items.is_empty() => Err("a list with an item".to_owned()),
            Shift::Upto(range) if *range < 0.0 => Err("a number of 0 or more".to_owned()),
            _ => Ok(()),
        }
    }
}

impl Value for Shift {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        let expected = || "a number of 0 or more, or a list of numbers".to_owned();
        if value.as_array().is_some() {
            return Vec::from_toml(value).map(Self::OneOf).map_err(|_| expected());
        }
        match value.as_integer() {
            // Nothing is nothing, in pixels or in shares.
            Some(0) => Ok(Self::Upto(0.0)),
            Some(pixels) => u32::try_from(pixels).map(Self::Pixels).map_err(|_| expected()),
            None => f64::from_toml(value).map(Self::Upto).map_err(|_| expected()),
        }
    }

    fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::Upto(range) => range.to_toml(),
            Self::Pixels(pixels) => pixels.to_toml(),
            Self::OneOf(items) => items.to_toml(),
        }
    }
}

/// The least and the greatest zoom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZoomRange(pub [f64; 2]);

impl ZoomRange {
    fn check(&self) -> Result<(), String> {
        let [low, high] = self.0;
        match 0.0 < low && low <= high {
            true => Ok(()),
            false => Err("a number from 0 to below 1, or two numbers above 0, the lower one first".to_owned()),
        }
    }
}

impl Value for ZoomRange {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        let numbers = match value.as_array() {
            Some(_) => Vec::from_toml(value),
            None => f64::from_toml(value).map(|zoom| vec![1.0 - zoom, 1.0 + zoom]),
        };
        match numbers.as_deref() {
            Ok(&[low, high]) => Ok(Self([low, high])),
            _ => Err("a number, or a list of two".to_owned()),
        }
    }

    fn to_toml(&self) -> toml_edit::Value {
        self.0.to_vec().to_toml()
    }
}
