//! MixUp (Zhang et al. 2018) and CutMix (Yun et al. 2019) of a batch with itself moved on by one, with the arithmetic of
//! torchvision's `transforms.v2`. Labels become shares of classes.

use cartwheel_envs::Generator;
use rand_distr::{Beta, Distribution as _};

use super::Rectangle;

/// Shares of classes, samples × classes: 1 for a sample's own.
pub fn one_hot(labels: &[usize], classes: usize) -> Vec<f32> {
    let mut shares = vec![0.0; labels.len() * classes];
    for (row, label) in shares.chunks_exact_mut(classes.max(1)).zip(labels) {
        row[*label] = 1.0;
    }
    shares
}

/// How two images are blended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixUp {
    /// The share of a sample itself; the rest is of the one before it.
    pub lambda: f64,
}

impl MixUp {
    /// Draws a share from Beta(`alpha`, `alpha`), `alpha` above 0.
    pub fn draw(alpha: f64, random: &mut Generator) -> Self {
        Self { lambda: beta(alpha, random) }
    }
}

/// Blends every sample of a batch with the one before it (the first one with the last): `inputs` are samples × values,
/// `shares` samples × classes.
pub fn mix_up(inputs: &mut [f32], shares: &mut [f32], samples: usize, mix: MixUp) {
    blend_with_previous(inputs, samples, mix.lambda);
    blend_with_previous(shares, samples, mix.lambda);
}

fn blend_with_previous(values: &mut [f32], samples: usize, lambda: f64) {
    let length = values.len() / samples.max(1);
    let (own, other) = (lambda as f32, (1.0 - lambda) as f32);
    // From the back, so that the sample before is still as it was; the last one is needed at the very end.
    let last = values[values.len() - length..].to_vec();
    for sample in (0..samples).rev() {
        let (before, from_here) = values.split_at_mut(sample * length);
        let previous = if sample == 0 { &last } else { &before[before.len() - length..] };
        for (value, previous) in from_here[..length].iter_mut().zip(previous) {
            *value = previous * other + *value * own;
        }
    }
}

/// What is pasted from one image into another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutMix {
    /// Where.
    pub part: Rectangle,
    /// The share of a sample itself: that of its area which is left.
    pub lambda: f64,
}

impl CutMix {
    /// Draws an area from Beta(`alpha`, `alpha`), `alpha` above 0, and a place for it; what would lie outside of the image
    /// of `width` × `height` is cut off.
    pub fn draw(alpha: f64, width: usize, height: usize, random: &mut Generator) -> Self {
        let lambda = beta(alpha, random);
        let (x, y) = (random.below(width as u64) as usize, random.below(height as u64) as usize);
        let radius = 0.5 * (1.0 - lambda).sqrt();
        let (half_width, half_height) = ((radius * width as f64) as usize, (radius * height as f64) as usize);
        let (left, top) = (x.saturating_sub(half_width), y.saturating_sub(half_height));
        let (right, bottom) = ((x + half_width).min(width), (y + half_height).min(height));
        let part = Rectangle { left, top, width: right - left, height: bottom - top };
        Self { part, lambda: 1.0 - (part.width * part.height) as f64 / (width * height) as f64 }
    }
}

/// Pastes a part of the sample before it into every sample of a batch: `inputs` are samples × rows × columns × channels
/// with `size` rows and columns, `shares` samples × classes.
pub fn cut_mix(inputs: &mut [f32], shares: &mut [f32], samples: usize, [height, width]: [usize; 2], mix: &CutMix) {
    let length = inputs.len() / samples.max(1);
    let channels = length / (height * width).max(1);
    let last = inputs[inputs.len() - length..].to_vec();
    let part = mix.part;
    for sample in (0..samples).rev() {
        let (before, from_here) = inputs.split_at_mut(sample * length);
        let previous = if sample == 0 { &last } else { &before[before.len() - length..] };
        for y in part.top..part.top + part.height {
            let start = (y * width + part.left) * channels;
            let values = start..start + part.width * channels;
            from_here[values.clone()].copy_from_slice(&previous[values]);
        }
    }
    blend_with_previous(shares, samples, mix.lambda);
}

fn beta(alpha: f64, random: &mut Generator) -> f64 {
    Beta::new(alpha, alpha).map_or(1.0, |beta| beta.sample(random))
}
