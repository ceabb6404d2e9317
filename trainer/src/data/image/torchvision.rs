//! torchvision's transforms of images: `Resize`, `CenterCrop`, `RandomResizedCrop`, `ToTensor` and `Normalize`, with the
//! numbers of torchvision 0.29.

use cartwheel_envs::Generator;

use super::{CHANNELS, Filter, Image, Rectangle, resize_part};

/// What an image of `width` × `height` becomes when its shorter side is made `size` long: (width, height). The longer
/// side is cut to whole pixels, not rounded.
pub fn shorter_side(width: usize, height: usize, size: usize) -> (usize, usize) {
    let long = |long: usize, short: usize| (size as f64 * long as f64 / short as f64) as usize;
    if width <= height { (size, long(height, width)) } else { (long(width, height), size) }
}

/// `Resize(size)`: the aspect is kept.
pub fn resize_shorter(image: &Image, size: usize, filter: Filter) -> Image {
    let (width, height) = shorter_side(image.width, image.height, size);
    super::resize(image, width, height, filter)
}

/// `CenterCrop((height, width))`: what is missing of an image that is smaller is black.
pub fn center_crop(image: &Image, width: usize, height: usize) -> Image {
    let padded = (width > image.width || height > image.height).then(|| {
        let (wide, high) = (image.width.max(width), image.height.max(height));
        let mut padded = Image::filled(wide, high, [0; CHANNELS]);
        let (left, top) = ((wide - image.width) / 2, (high - image.height) / 2);
        for y in 0..image.height {
            let at = ((top + y) * wide + left) * CHANNELS;
            padded.rgb[at..at + image.width * CHANNELS].copy_from_slice(image.row(y));
        }
        padded
    });
    let image = padded.as_ref().unwrap_or(image);
    image.crop(center(image.width, image.height, width, height))
}

/// The middle of an image that is at least this large. Halves go to the even side, as Python rounds.
fn center(image_width: usize, image_height: usize, width: usize, height: usize) -> Rectangle {
    let half = |left_over: usize| (left_over as f64 / 2.0).round_ties_even() as usize;
    Rectangle { left: half(image_width - width), top: half(image_height - height), width, height }
}

/// `CenterCrop((height, width))(Resize(size)(image))`, without the pixels that the crop would throw away.
pub(super) fn resize_and_crop(image: &Image, size: usize, width: usize, height: usize, filter: Filter) -> Image {
    let resized = shorter_side(image.width, image.height, size);
    let window = center(resized.0, resized.1, width.min(resized.0), height.min(resized.1));
    let middle = resize_part(image, Rectangle::all(image.width, image.height), resized, window, filter);
    if (middle.width, middle.height) == (width, height) { middle } else { center_crop(&middle, width, height) }
}

/// `RandomResizedCrop`: a part of random area and aspect, to be resized to one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomResizedCrop {
    /// Least and greatest share of the image's area.
    pub scale: [f64; 2],
    /// Least and greatest width over height; drawn evenly in its logarithm.
    pub ratio: [f64; 2],
}

impl Default for RandomResizedCrop {
    /// From 8 % of the image to all of it, from 3:4 to 4:3.
    fn default() -> Self {
        Self { scale: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] }
    }
}

impl RandomResizedCrop {
    /// Draws a part of an image of `width` × `height`. Ten tries, then the largest part in the middle that the ratio
    /// allows.
    pub fn draw(&self, width: usize, height: usize, random: &mut Generator) -> Rectangle {
        let area = (width * height) as f64;
        let [low, high] = self.ratio.map(f64::ln);
        for _ in 0..10 {
            let target = area * random.uniform(self.scale[0], self.scale[1]);
            let ratio = random.uniform(low, high).exp();
            let wide = (target * ratio).sqrt().round_ties_even() as usize;
            let tall = (target / ratio).sqrt().round_ties_even() as usize;
            if (1..=width).contains(&wide) && (1..=height).contains(&tall) {
                let top = random.below((height - tall + 1) as u64) as usize;
                let left = random.below((width - wide + 1) as u64) as usize;
                return Rectangle { left, top, width: wide, height: tall };
            }
        }
        let [low, high] = self.ratio;
        let ratio = width as f64 / height as f64;
        let rounded = |value: f64| (value.round_ties_even() as usize).max(1);
        let (wide, tall) = match ratio {
            _ if ratio < low => (width, rounded(width as f64 / low).min(height)),
            _ if ratio > high => (rounded(height as f64 * high).min(width), height),
            _ => (width, height),
        };
        Rectangle { left: (width - wide) / 2, top: (height - tall) / 2, width: wide, height: tall }
    }
}

/// `ToTensor` and `Normalize`: a value becomes (value / 255 - mean) / std of its channel, in 32 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalize {
    /// Taken off each channel.
    pub mean: [f32; CHANNELS],
    /// What each channel is then divided by.
    pub std: [f32; CHANNELS],
}

impl Normalize {
    /// The mean and standard deviation that models of torchvision were trained with.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// Writes the numbers of `image`, rows × columns × channels, to `to`.
    ///
    /// # Panics
    /// If `to` has another length.
    pub fn apply(&self, image: &Image, to: &mut [f32]) {
        assert_eq!(to.len(), image.rgb.len(), "a tensor of the image's size");
        // There are only 256 values, so each is normalized once.
        let mut table = [[0.0; CHANNELS]; 256];
        for (value, row) in table.iter_mut().enumerate() {
            for (channel, number) in row.iter_mut().enumerate() {
                *number = self.number(value as f32, channel);
            }
        }
        for (to, from) in to.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(image.rgb.as_chunks::<CHANNELS>().0) {
            for channel in 0..CHANNELS {
                to[channel] = table[usize::from(from[channel])][channel];
            }
        }
    }

    /// Normalizes values from 0 to 255, rows × columns × channels, where they are.
    pub fn apply_in_place(&self, values: &mut [f32]) {
        for pixel in values.as_chunks_mut::<CHANNELS>().0 {
            for (channel, value) in pixel.iter_mut().enumerate() {
                *value = self.number(*value, channel);
            }
        }
    }

    fn number(&self, value: f32, channel: usize) -> f32 {
        (value / 255.0 - self.mean[channel]) / self.std[channel]
    }
}
