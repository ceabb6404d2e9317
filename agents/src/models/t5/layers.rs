//! What a block is made of, on flat slices and without a tape.

use crate::nn::{Isa, Rows, products};

use super::config::FeedForward;

/// `to = weight · x / √(mean(x²) + eps)` for each row of `x`: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
pub(super) fn rms_norm(x: &[f32], weight: &[f32], eps: f32, to: &mut Vec<f32>) {
    let d = weight.len();
    to.clear();
    for x in x.chunks_exact(d) {
        let mut squares = [0.0f32; 8];
        let (whole, rest) = x.as_chunks::<8>();
        for x in whole {
            for (sum, x) in squares.iter_mut().zip(x) {
                *sum += x * x;
            }
        }
        let square = squares.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>();
        let scale = (square / d as f32 + eps).sqrt().recip();
        to.extend(x.iter().zip(weight).map(|(x, w)| w * (x * scale)));
    }
}

/// Adds `y` to `x`.
pub(super) fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// What is between the matrices of a feed-forward layer, from rows of `wi` (or `wi_0` and `wi_1` beside each other) to rows of
/// `d_ff`.
pub(super) fn activate(kind: FeedForward, inner: &mut Vec<f32>, d_ff: usize) {
    match kind {
        FeedForward::Relu => inner.iter_mut().for_each(|x| *x = x.max(0.0)),
        FeedForward::GatedGelu => {
            for row in 0..inner.len() / (2 * d_ff) {
                for i in 0..d_ff {
                    let (gate, x) = (inner[2 * row * d_ff + i], inner[(2 * row + 1) * d_ff + i]);
                    inner[row * d_ff + i] = gelu_new(gate) * x;
                }
            }
            inner.truncate(inner.len() / 2);
        }
    }
}

/// The Gaussian error linear unit by its approximation with tanh, which transformers calls `gelu_new`.
fn gelu_new(x: f32) -> f32 {
    // √(2/π)
    const SCALE: f32 = 0.797_884_6;
    0.5 * x * (1.0 + (SCALE * (x + 0.044715 * x * x * x)).tanh())
}

/// Keys and values of all heads, a row for each token: `inner` floats of keys, then as many of values.
#[derive(Clone, Copy)]
pub(super) struct KeysAndValues<'a> {
    /// The first row's keys.
    pub(super) data: &'a [f32],
    /// Floats from one row to the next.
    pub(super) stride: usize,
    /// Rows.
    pub(super) tokens: usize,
    /// Floats of the keys of all heads.
    pub(super) inner: usize,
}

/// What one query, of all heads, attends to: softmax(q·Kᵀ + bias)·V, head by head. Scores are not scaled by 1/√d: T5's weights are
/// begun so that they need not be.
///
/// `bias` adds to the scores of a head; `scores` is scratch.
pub(super) fn attend(
    isa: Isa,
    query: &[f32],
    kv: KeysAndValues<'_>,
    d_kv: usize,
    bias: impl Fn(usize, &mut [f32]),
    scores: &mut Vec<f32>,
    to: &mut [f32],
) {
    scores.resize(kv.tokens, 0.0);
    for (head, (query, to)) in query.chunks_exact(d_kv).zip(to.chunks_exact_mut(d_kv)).enumerate() {
        let keys = Rows::strided(&kv.data[head * d_kv..], kv.stride, kv.tokens);
        products(isa, Rows::dense(query, d_kv), keys, d_kv, scores);
        bias(head, scores);
        softmax(scores);
        to.fill(0.0);
        for (token, share) in scores.iter().enumerate() {
            let value = kv.inner + token * kv.stride + head * d_kv;
            for (to, value) in to.iter_mut().zip(&kv.data[value..value + d_kv]) {
                *to += share * value;
            }
        }
    }
}

/// Scores to shares that sum to 1.
pub(super) fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += *score;
    }
    let scale = 1.0 / sum;
    scores.iter_mut().for_each(|score| *score *= scale);
}
