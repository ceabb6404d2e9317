//! `standardize`, and the statistics of training images that it may need.

use super::super::CHANNELS;
use super::AugmentConfig;

/// Keeps deviations of 0 from being divided by, as in Keras.
const EPSILON: f32 = 1e-6;

/// Mean and standard deviation of each channel over all training images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Red, green, blue.
    pub mean: [f32; CHANNELS],
    /// Red, green, blue; of the population, as NumPy's `std`.
    pub std: [f32; CHANNELS],
}

/// Collects [`Statistics`], one image after the other, as Keras' `fit` finds them in one array.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatisticsOf {
    pixels: u64,
    sums: [f64; CHANNELS],
    squares: [f64; CHANNELS],
}

impl StatisticsOf {
    /// Counts in an image: rows × columns × channels.
    pub fn add(&mut self, values: impl Iterator<Item = [f64; CHANNELS]>) {
        for pixel in values {
            self.pixels += 1;
            for (channel, value) in pixel.into_iter().enumerate() {
                self.sums[channel] += value;
                self.squares[channel] += value * value;
            }
        }
    }

    /// Counts in all that another one has counted.
    pub fn merge(&mut self, other: &Self) {
        self.pixels += other.pixels;
        for channel in 0..CHANNELS {
            self.sums[channel] += other.sums[channel];
            self.squares[channel] += other.squares[channel];
        }
    }

    /// What they come to, after each value is multiplied by `scale`; nothing without an image.
    pub fn finish(&self, scale: f64) -> Option<Statistics> {
        let pixels = self.pixels as f64;
        let mean = self.sums.map(|sum| sum / pixels);
        let deviation =
            |channel: usize| (self.squares[channel] / pixels - mean[channel] * mean[channel]).max(0.0).sqrt();
        (self.pixels > 0).then(|| Statistics {
            mean: mean.map(|mean| (mean * scale) as f32),
            std: std::array::from_fn(|channel| (deviation(channel) * scale.abs()) as f32),
        })
    }
}

pub(super) fn standardize(config: &AugmentConfig, statistics: Option<&Statistics>, values: &mut [f32]) {
    if let Some(rescale) = config.rescale {
        values.iter_mut().for_each(|value| *value *= rescale as f32);
    }
    if config.samplewise_center || config.samplewise_std_normalization {
        let mean = mean(values.iter().map(|value| f64::from(*value))) as f32;
        values.iter_mut().for_each(|value| *value -= mean);
    }
    if config.samplewise_std_normalization {
        let middle = mean(values.iter().map(|value| f64::from(*value)));
        let variance = mean(values.iter().map(|value| (f64::from(*value) - middle).powi(2)));
        let divisor = variance.sqrt() as f32 + EPSILON;
        values.iter_mut().for_each(|value| *value /= divisor);
    }
    let Some(statistics) = statistics.filter(|_| config.needs_statistics()) else { return };
    for pixel in values.as_chunks_mut::<CHANNELS>().0 {
        for (channel, value) in pixel.iter_mut().enumerate() {
            *value -= statistics.mean[channel];
            if config.featurewise_std_normalization {
                *value /= statistics.std[channel] + EPSILON;
            }
        }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
