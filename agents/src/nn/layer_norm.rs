//! Layer normalization (Ba et al. 2016): each row of a layer's outputs is brought to mean 0 and variance 1, and then
//! scaled and shifted by what is learnt for each column. As `torch.nn.LayerNorm`.

use super::layer::Layer;

/// Added to the variance, as in PyTorch.
pub(super) const EPSILON: f32 = 1e-5;

/// What a forward pass leaves of a normalized layer for a backward pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Normalized {
    /// The outputs with mean 0 and variance 1, `[batch, padded outputs]`.
    rows: Vec<f32>,
    /// 1 / √(variance + ε) of each row.
    scales: Vec<f32>,
    /// The gradients by scale and shift, one after the other, of the last backward pass.
    pub(super) gradient: Vec<f32>,
}

/// Normalizes the rows that a layer came to, in place.
pub(super) fn forward(layer: &Layer, params: &[f32], rows: &mut [f32], kept: &mut Normalized) {
    let (n, used) = (layer.columns, layer.used);
    let (gain, shift) = (&params[layer.gain()], &params[layer.shift()]);
    kept.rows.clear();
    kept.rows.resize(rows.len(), 0.0);
    kept.scales.clear();
    for (row, normalized) in rows.chunks_exact_mut(n).zip(kept.rows.chunks_exact_mut(n)) {
        let mean = sum(&row[..used], |_, x| x) / used as f32;
        let variance = sum(&row[..used], |_, x| (x - mean) * (x - mean)) / used as f32;
        let scale = 1.0 / (variance + EPSILON).sqrt();
        kept.scales.push(scale);
        for (i, x) in row.iter_mut().enumerate().take(used) {
            normalized[i] = (*x - mean) * scale;
            *x = normalized[i] * gain[i] + shift[i];
        }
    }
}

/// Turns the gradient by what [`forward`] wrote into that by what it was given, in place, and leaves the gradients by scale
/// and shift.
pub(super) fn backward(layer: &Layer, params: &[f32], gradient: &mut [f32], kept: &mut Normalized) {
    let (n, used) = (layer.columns, layer.used);
    let gain = &params[layer.gain()];
    kept.gradient.clear();
    kept.gradient.resize(2 * n, 0.0);
    let (by_gain, by_shift) = kept.gradient.split_at_mut(n);
    for ((dy, normalized), scale) in gradient.chunks_exact_mut(n).zip(kept.rows.chunks_exact(n)).zip(&kept.scales) {
        for i in 0..used {
            by_gain[i] += dy[i] * normalized[i];
            by_shift[i] += dy[i];
            dy[i] *= gain[i];
        }
        let mean = sum(&dy[..used], |_, d| d) / used as f32;
        let along = sum(&dy[..used], |i, d| d * normalized[i]) / used as f32;
        for i in 0..used {
            dy[i] = scale * (dy[i] - mean - normalized[i] * along);
        }
    }
}

/// Σ of what `of` makes of each, in sixteen partial sums.
#[inline]
fn sum(values: &[f32], of: impl Fn(usize, f32) -> f32) -> f32 {
    let mut sums = [0.0f32; 16];
    for (c, chunk) in values.chunks(16).enumerate() {
        for (j, (sum, x)) in sums.iter_mut().zip(chunk).enumerate() {
            *sum += of(c * 16 + j, *x);
        }
    }
    sums.iter().sum()
}
