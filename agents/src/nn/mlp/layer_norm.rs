//! Layer normalization (Ba et al. 2016): each row of a layer's outputs is brought to mean 0 and variance 1, and then
//! scaled and shifted by what is learnt for each column. As `torch.nn.LayerNorm`.

use super::layer::Layer;
use crate::nn::kernels::matmul::vectorized;
use crate::nn::kernels::simd::Isa;

/// Added to the variance, as in PyTorch.
pub(crate) const EPSILON: f32 = 1e-5;

/// What a forward pass leaves of a normalized layer for a backward pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Normalized {
    /// The outputs with mean 0 and variance 1, `[batch, padded outputs]`.
    rows: Vec<f32>,
    /// 1 / √(variance + ε) of each row.
    scales: Vec<f32>,
    /// The gradients by scale and shift, one after the other, of the last backward pass.
    pub(crate) gradient: Vec<f32>,
}

/// Normalizes the rows that a layer came to, in place.
pub(crate) fn forward(isa: Isa, layer: &Layer, params: &[f32], rows: &mut [f32], kept: &mut Normalized) {
    kept.rows.clear();
    kept.rows.resize(rows.len(), 0.0);
    kept.scales.clear();
    kept.scales.resize(rows.len() / layer.columns, 0.0);
    normalize(isa, layer, params, rows, kept);
}

vectorized! {
    fn normalize(layer: &Layer, params: &[f32], rows: &mut [f32], kept: &mut Normalized) {
        let (n, used) = (layer.columns, layer.used);
        let (gain, shift) = (&params[layer.gain()][..used], &params[layer.shift()][..used]);
        let rows = rows.chunks_exact_mut(n).zip(kept.rows.chunks_exact_mut(n)).zip(&mut kept.scales);
        for ((row, normalized), scale) in rows {
            let (row, normalized) = (&mut row[..used], &mut normalized[..used]);
            let mean = sum(row, |_, x| x) / used as f32;
            let variance = sum(row, |_, x| (x - mean) * (x - mean)) / used as f32;
            *scale = 1.0 / (variance + EPSILON).sqrt();
            for i in 0..used {
                normalized[i] = (row[i] - mean) * *scale;
                row[i] = normalized[i] * gain[i] + shift[i];
            }
        }
    }
}

/// Turns the gradient by what [`forward`] wrote into that by what it was given, in place, and leaves the gradients by scale
/// and shift.
pub(crate) fn backward(isa: Isa, layer: &Layer, params: &[f32], gradient: &mut [f32], kept: &mut Normalized) {
    kept.gradient.clear();
    kept.gradient.resize(2 * layer.columns, 0.0);
    spread(isa, layer, params, gradient, kept);
}

vectorized! {
    fn spread(layer: &Layer, params: &[f32], gradient: &mut [f32], kept: &mut Normalized) {
        let (n, used) = (layer.columns, layer.used);
        let gain = &params[layer.gain()][..used];
        let (by_gain, by_shift) = kept.gradient.split_at_mut(n);
        let (by_gain, by_shift) = (&mut by_gain[..used], &mut by_shift[..used]);
        for ((dy, normalized), scale) in gradient.chunks_exact_mut(n).zip(kept.rows.chunks_exact(n)).zip(&kept.scales) {
            let (dy, normalized) = (&mut dy[..used], &normalized[..used]);
            for i in 0..used {
                by_gain[i] += dy[i] * normalized[i];
                by_shift[i] += dy[i];
                dy[i] *= gain[i];
            }
            let mean = sum(dy, |_, d| d) / used as f32;
            let along = sum(dy, |i, d| d * normalized[i]) / used as f32;
            for i in 0..used {
                dy[i] = scale * (dy[i] - mean - normalized[i] * along);
            }
        }
    }
}

/// Σ of what `of` makes of each, in sixteen partial sums.
#[inline(always)]
fn sum(values: &[f32], of: impl Fn(usize, f32) -> f32) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for (c, chunk) in whole.iter().enumerate() {
        for (j, (sum, x)) in sums.iter_mut().zip(chunk).enumerate() {
            *sum += of(c * LANES + j, *x);
        }
    }
    for (j, (sum, x)) in sums.iter_mut().zip(rest).enumerate() {
        *sum += of(whole.len() * LANES + j, *x);
    }
    sums.iter().sum()
}
