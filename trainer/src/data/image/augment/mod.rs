//! Keras' `ImageDataGenerator`: random rotations, shifts, shears, zooms, flips and colours, and the standardizing after
//! them. `keras/src/legacy/preprocessing/image.py` of Keras 3.15 is the reference.

mod affine;
mod colour;
mod config;
mod standardize;
#[cfg(test)]
mod tests;
mod transform;

pub use affine::FillMode;
pub use config::{AugmentConfig, Compat, Shift, ZoomRange};
pub use standardize::{Statistics, StatisticsOf};
pub use transform::Transform;

use affine::Affine;
use cartwheel_envs::Generator;

use super::{CHANNELS, Image};

/// What [`AugmentConfig`] asks for, ready to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Augmenter {
    config: AugmentConfig,
    statistics: Option<Statistics>,
}

impl Augmenter {
    /// An augmenter; `statistics` of the training images are needed where `featurewise_center` or
    /// `featurewise_std_normalization` is on.
    ///
    /// # Errors
    /// Statistics that are needed and missing. (Keras warns, and goes on without.)
    pub fn new(config: AugmentConfig, statistics: Option<Statistics>) -> Result<Self, String> {
        if config.needs_statistics() && statistics.is_none() {
            return Err(
                "augment.featurewise_center and augment.featurewise_std_normalization need the statistics of the \
                training images"
                    .to_owned(),
            );
        }
        Ok(Self { config, statistics })
    }

    /// Draws what happens to an image of this size.
    pub fn draw(&self, width: usize, height: usize, random: &mut Generator) -> Transform {
        Transform::draw(&self.config, width, height, random)
    }

    /// Transforms `image` into values from 0 to 255, rows × columns × channels.
    ///
    /// # Panics
    /// If `to` has another length than the image's values.
    pub fn apply(&self, image: &Image, transform: &Transform, to: &mut [f32]) {
        assert_eq!(to.len(), image.rgb.len(), "values of the image's size");
        let (width, height) = (image.width, image.height);
        match transform.matrix(width, height, self.config.compat) {
            Some(matrix) => {
                let affine = Affine {
                    matrix,
                    fill: self.config.fill_mode,
                    cval: self.config.cval,
                    nearest: self.config.interpolation_order == 0,
                };
                affine.apply(&image.rgb, width, height, to);
            }
            None => to.iter_mut().zip(&image.rgb).for_each(|(to, from)| *to = f32::from(*from)),
        }
        if let Some(intensity) = transform.channel_shift_intensity {
            colour::channel_shift(to, intensity as f32);
        }
        if transform.flip_horizontal {
            for row in to.chunks_exact_mut((width * CHANNELS).max(1)) {
                row.as_chunks_mut::<CHANNELS>().0.reverse();
            }
        }
        if transform.flip_vertical {
            flip_rows(to, width * CHANNELS);
        }
        if let Some(factor) = transform.brightness {
            colour::brightness(to, factor as f32);
        }
    }

    /// `standardize`: rescales, then centres and scales by the sample's own or the training images' mean and deviation.
    pub fn standardize(&self, values: &mut [f32]) {
        standardize::standardize(&self.config, self.statistics.as_ref(), values);
    }
}

fn flip_rows(values: &mut [f32], length: usize) {
    let rows = values.len() / length.max(1);
    for y in 0..rows / 2 {
        let (above, below) = values.split_at_mut((rows - 1 - y) * length);
        above[y * length..(y + 1) * length].swap_with_slice(&mut below[..length]);
    }
}
