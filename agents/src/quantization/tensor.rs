//! Numbers as integers of 8 bits: a scale and a zero point of a tensor, or a scale of each output of weights.

/// The smallest scale: a layer whose outputs, or a channel whose weights, are all 0 has one, too. PyTorch's.
const SMALLEST: f32 = f32::EPSILON;
/// The step of weights is their largest over this, as in fbgemm: half the distance from -128 to 127.
const WEIGHT_LEVELS: f32 = 127.5;
/// Levels above the lowest one that activations are spread over: 7 bits, so that sums of two products of them and weights fit
/// into 16, which processors without VNNI add them up in.
const LEVELS: f64 = 127.0;
/// 1.5 · 2²³: what is added to it loses its fraction, half to even.
const ROUNDS: f32 = 12_582_912.0;

/// Which integers activations become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// uint8 with a zero point, the calibrated range over 0 to 127 and what lies above it up to 255: fbgemm's with
    /// `reduce_range`, which processors are fastest with.
    Affine,
    /// int8 with the zero point 0, the calibrated range within -127 to 127: all that TensorRT takes. What is never negative has the same scale and the
    /// same integers as with `Affine`.
    Symmetric,
}

/// How the numbers of an activation become integers: round(x / scale) + zero point, within bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// The step from one integer to the next.
    pub scale: f32,
    /// What 0 becomes.
    pub zero_point: i32,
    /// The lowest and the highest integer.
    pub bounds: [i32; 2],
}

impl Affine {
    /// For numbers from `low` to `high`, and 0, which is always among them.
    pub fn covering([low, high]: [f32; 2], scheme: Scheme) -> Self {
        let (low, high) = (f64::from(low.min(0.0)), f64::from(high.max(0.0)));
        match scheme {
            Scheme::Affine => {
                let scale = (((high - low) / LEVELS) as f32).max(SMALLEST);
                // The same 0 as PyTorch's, which divides numbers of 32 bits.
                let zero_point = -(low as f32 / scale).round_ties_even();
                Self { scale, zero_point: zero_point.clamp(0.0, LEVELS as f32) as i32, bounds: [0, 255] }
            }
            Scheme::Symmetric => {
                let scale = ((high.max(-low) / LEVELS) as f32).max(SMALLEST);
                Self { scale, zero_point: 0, bounds: [-128, 127] }
            }
        }
    }

    /// The integer that `x` becomes.
    pub fn quantize(&self, x: f32) -> i32 {
        self.steps(x) as i32 + self.zero_point
    }

    /// The number that an integer stands for.
    #[cfg(test)]
    pub(crate) fn dequantize(&self, q: i32) -> f32 {
        (q - self.zero_point) as f32 * self.scale
    }

    /// Makes of each number the one that its integer stands for. What is no number stays one.
    pub fn round_trip(&self, values: &mut [f32]) {
        for x in values {
            *x = self.steps(*x) * self.scale;
        }
    }

    /// Whole steps from the zero point.
    fn steps(&self, x: f32) -> f32 {
        let [low, high] = self.bounds.map(|bound| (bound - self.zero_point) as f32);
        // Bounds are whole, so it makes no difference that they come first; rounding by addition takes small numbers alone.
        (x * self.scale.recip()).clamp(low, high) + ROUNDS - ROUNDS
    }
}

/// Weights as int8, each output with a scale of its own and without a zero point: fbgemm's `PerChannelMinMaxObserver`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelWise {
    /// Output after output.
    pub values: Vec<i8>,
    /// One an output.
    pub scales: Vec<f32>,
}

impl ChannelWise {
    /// The weights of a layer, output after output, of which each has one of `smallest` as the least that its scale may be.
    pub fn new(weights: &[f32], smallest: impl ExactSizeIterator<Item = f32>) -> Self {
        let each = (weights.len() / smallest.len().max(1)).max(1);
        let (mut values, mut scales) = (Vec::with_capacity(weights.len()), Vec::with_capacity(smallest.len()));
        for (weights, smallest) in weights.chunks_exact(each).zip(smallest) {
            let largest = weights.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
            let scale = (largest / WEIGHT_LEVELS).max(smallest).max(SMALLEST);
            let inverse = scale.recip();
            values.extend(weights.iter().map(|w| (w * inverse).round_ties_even().clamp(-128.0, 127.0) as i8));
            scales.push(scale);
        }
        Self { values, scales }
    }

    /// The numbers that they stand for.
    pub fn dequantized(&self) -> Vec<f32> {
        let each = (self.values.len() / self.scales.len().max(1)).max(1);
        let channels = self.values.chunks_exact(each).zip(&self.scales);
        channels.flat_map(|(values, scale)| values.iter().map(move |value| f32::from(*value) * scale)).collect()
    }
}

/// How much larger `exact` is than what `rounded` lacks of it, in decibels: 6 more for each bit. `None` if nothing is lacking.
pub fn signal_to_noise(exact: &[f32], rounded: &[f32]) -> Option<f64> {
    let power = |x: f64| x * x;
    let signal: f64 = exact.iter().map(|x| power(f64::from(*x))).sum();
    let noise: f64 = exact.iter().zip(rounded).map(|(x, r)| power(f64::from(*x) - f64::from(*r))).sum();
    (noise > 0.0 && signal > 0.0).then(|| 10.0 * (signal / noise).log10())
}
