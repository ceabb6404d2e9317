//! One image on its way to a batch: decoded, resized, augmented, turned into numbers.
//!
//! Each step gives what the reference gives, to the last bit where it can: Pillow 13's `resize`, torchvision's `Resize`,
//! `CenterCrop`, `ToTensor` and `Normalize`, Keras 3's `ImageDataGenerator`. Numbers are laid out rows × columns × channels
//! (NHWC in a batch), red, green, blue.
//!
//! ```
//! use cartwheel_trainer::data::image::{Filter, Image, Normalize, center_crop, resize_shorter};
//!
//! // The way of torchvision's ImageNet presets: Resize(256), CenterCrop(224), ToTensor, Normalize.
//! let photo = Image::filled(640, 480, [124, 116, 104]);
//! let image = center_crop(&resize_shorter(&photo, 256, Filter::Bilinear), 224, 224);
//! let mut tensor = vec![0.0; 224 * 224 * 3];
//! Normalize::IMAGENET.apply(&image, &mut tensor);
//! assert!(tensor.iter().all(|value| value.abs() < 0.02));
//! ```

mod augment;
mod decode;
mod jpeg;
mod mix;
mod pipeline;
mod resize;
#[cfg(test)]
mod tests;
mod torchvision;

pub use augment::{AugmentConfig, Augmenter, Compat, FillMode, Shift, Statistics, StatisticsOf, Transform, ZoomRange};
pub use decode::{Decoded, ImageError, ImageProblem, MAX_PIXELS, decode, read};
pub use mix::{CutMix, MixUp, cut_mix, mix_up, one_hot};
pub use pipeline::{ImagesConfig, Normalization, Pipeline, Resizing};
pub use resize::{Filter, resize, resize_part};
pub use torchvision::{Normalize, RandomResizedCrop, center_crop, resize_shorter, shorter_side};

/// Channels of every image: red, green, blue.
pub const CHANNELS: usize = 3;

/// An image of 8 bits a channel: rows from top to bottom, pixels from left to right, red, green, blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height` × `width` × 3 values.
    pub rgb: Vec<u8>,
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// Columns to its left.
    pub left: usize,
    /// Rows above it.
    pub top: usize,
    /// Its columns.
    pub width: usize,
    /// Its rows.
    pub height: usize,
}

impl Rectangle {
    /// All of an image of this size.
    pub fn all(width: usize, height: usize) -> Self {
        Self { left: 0, top: 0, width, height }
    }
}

impl Image {
    /// An image of one colour.
    pub fn filled(width: usize, height: usize, rgb: [u8; 3]) -> Self {
        Self { width, height, rgb: rgb.repeat(width * height) }
    }

    /// The values of a row.
    pub fn row(&self, y: usize) -> &[u8] {
        let length = self.width * CHANNELS;
        &self.rgb[y * length..(y + 1) * length]
    }

    /// A part of it, which must lie inside.
    pub fn crop(&self, part: Rectangle) -> Self {
        let columns = part.left * CHANNELS..(part.left + part.width) * CHANNELS;
        let rows = part.top..part.top + part.height;
        let rgb = rows.flat_map(|y| &self.row(y)[columns.clone()]).copied().collect();
        Self { width: part.width, height: part.height, rgb }
    }

    /// Left becomes right.
    pub fn flip_horizontal(&mut self) {
        let length = self.width * CHANNELS;
        for row in self.rgb.chunks_exact_mut(length.max(1)) {
            row.as_chunks_mut::<CHANNELS>().0.reverse();
        }
    }

    /// Top becomes bottom.
    pub fn flip_vertical(&mut self) {
        let length = (self.width * CHANNELS).max(1);
        self.rgb = self.rgb.chunks_exact(length).rev().flatten().copied().collect();
    }
}
