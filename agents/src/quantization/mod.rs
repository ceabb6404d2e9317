//! Post-training static quantization of classifiers: integers of 8 bits for weights and activations, by ranges that were
//! measured on samples.
//!
//! | file | holds |
//! |---|---|
//! | `observer` | which range of an activation to spread the integers over |
//! | `tensor` | numbers as integers, and back |
//!
//! The scheme is that of fbgemm, PyTorch's for servers: an activation has one scale and one zero point, by a
//! [`HistogramObserver`]; weights have a scale an output and no zero point; sums and biases are wide. What is rounded are the
//! input, what comes out of each layer and each sum with a shortcut, after the rectifier. The logits stay floats: nothing
//! computes with them, and their 8 bits would cost accuracy alone.
//!
//! [`Calibration`] shows a network samples; [`Quantized`] computes what integers would come to, in floats that are rounded to
//! the numbers that these stand for, and is written as ONNX.

mod observer;
mod tensor;
#[cfg(test)]
mod tests;

pub use observer::{HistogramObserver, NotFinite};
pub use tensor::{Affine, ChannelWise, Scheme, signal_to_noise};

use serde::Serialize;

use crate::models::Plan;

/// The largest integer of a bias: a power of two below what int32 holds, which leaves room for the products that are added.
const LARGEST_BIAS: f32 = (1 << 30) as f32;

/// Why a network is not quantized.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizationError {
    /// A value that has no range.
    #[error(
        "{layer} is not finite for a sample that it was calibrated on, and has no range to spread integers over: look for what \
         is wrong with the weights, or with the samples"
    )]
    NotFinite {
        /// The layer whose output it is, or `input`.
        layer: String,
    },
    /// The samples are all alike.
    #[error("the samples to calibrate on are all of one number, which says nothing of others: give some that differ")]
    Constant,
    /// Nothing was measured.
    #[error("there are no samples to calibrate on: give some")]
    NoSamples,
}

/// Measures the ranges of what a network's layers make of samples.
#[derive(Clone, Debug)]
pub struct Calibration {
    plan: Plan,
    /// One a value; of those that are not rounded nothing is seen.
    observers: Vec<HistogramObserver>,
}

impl Calibration {
    /// Of a network.
    pub fn new(plan: Plan) -> Self {
        let observers = vec![HistogramObserver::default(); plan.layers.len() + 1];
        Self { plan, observers }
    }

    /// Shows it the samples `x`, as the model takes them, one after the other: a batch, which ranges grow with.
    ///
    /// # Errors
    /// If a value is not finite.
    pub fn see(&mut self, x: Vec<f32>) -> Result<(), QuantizationError> {
        let (observers, mut first) = (&mut self.observers, None);
        let logits = self.plan.run(x, &mut |value, numbers| {
            if first.is_none() && observers[value].see(numbers).is_err() {
                first = Some(value);
            }
        });
        // They have no range, but what is wrong with them is wrong with the model.
        let last = logits.iter().any(|logit| !logit.is_finite()).then_some(self.plan.layers.len());
        match first.or(last) {
            Some(value) => Err(QuantizationError::NotFinite { layer: self.plan.name(value).to_owned() }),
            None => Ok(()),
        }
    }

    /// The network in integers.
    ///
    /// # Errors
    /// If there were no samples, or they are all of one number.
    pub fn quantize(self, scheme: Scheme) -> Result<Quantized, QuantizationError> {
        let Self { mut plan, observers } = self;
        if observers[0].range().is_some_and(|[lowest, highest]| lowest == highest) {
            return Err(QuantizationError::Constant);
        }
        let mut activations = Vec::with_capacity(observers.len());
        for (value, observer) in observers.iter().enumerate() {
            activations.push(match observer.range() {
                Some(range) => Some(Affine::covering(range, scheme)),
                None if plan.is_rounded(value) => return Err(QuantizationError::NoSamples),
                None => None,
            });
        }
        let (mut integers, mut layers) = (Vec::new(), Vec::new());
        for at in 0..plan.layers.len() {
            let of_input = activations[plan.scaled_as(plan.layers[at].inputs[0])];
            let layer = &mut plan.layers[at];
            let mut report = LayerReport::new(&layer.name, layer.op.kind(), activations[at + 1], &observers[at + 1]);
            integers.push(layer.op.weighted_mut().zip(of_input).map(|(of, of_input)| {
                // Of a channel with all but no weights the bias has to fit, too.
                let smallest = of.bias.iter().map(|bias| bias.abs() / LARGEST_BIAS / of_input.scale);
                let weights = ChannelWise::new(&of.weights, smallest);
                let rounded = weights.dequantized();
                report.weight_bits = Some(8);
                report.weight_snr_db = signal_to_noise(&of.weights, &rounded);
                of.weights = rounded;
                Integers { weights, of_input }
            }));
            layers.push(report);
        }
        layers.insert(0, LayerReport::new("input", "Input", activations[0], &observers[0]));
        // A value that is the highest of others has no scale of its own.
        layers.retain(|layer| layer.activation.is_some() || layer.weight_bits.is_some());
        Ok(Quantized { plan, scheme, activations, integers, layers })
    }
}

/// A network whose weights and activations are integers of 8 bits.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// With weights that are numbers which integers stand for.
    plan: Plan,
    scheme: Scheme,
    /// One a value that is rounded.
    activations: Vec<Option<Affine>>,
    /// One a layer that has weights.
    integers: Vec<Option<Integers>>,
    layers: Vec<LayerReport>,
}

impl Quantized {
    /// The logits of the samples `x`, one after the other.
    pub fn logits(&self, x: Vec<f32>) -> Vec<f32> {
        self.plan.run(x, &mut |value, numbers| {
            if let Some(scale) = &self.activations[value] {
                scale.round_trip(numbers);
            }
        })
    }

    /// What quantization does to its input and each layer.
    pub fn layers(&self) -> &[LayerReport] {
        &self.layers
    }

    /// Which integers activations are.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How a value becomes an integer.
    pub(crate) fn activation(&self, value: usize) -> Option<&Affine> {
        self.activations[value].as_ref()
    }

    /// The integers of a layer that has weights.
    pub(crate) fn integers(&self, at: usize) -> Option<&Integers> {
        self.integers[at].as_ref()
    }
}

/// A layer's weights as integers, and how what it reads becomes them.
#[derive(Clone, Debug)]
pub(crate) struct Integers {
    pub(crate) weights: ChannelWise,
    pub(crate) of_input: Affine,
}

/// A line of a quantized network's table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerReport {
    /// The name of its parameters, without their last part; or `input`.
    pub name: String,
    /// What it is, such as `Conv2d`.
    pub kind: String,
    /// Bits of a weight, if it has any.
    pub weight_bits: Option<u32>,
    /// How much larger weights are than what rounding took away, in decibels; none where nothing was.
    pub weight_snr_db: Option<f64>,
    /// How what comes out becomes integers; logits do not.
    pub activation: Option<ActivationReport>,
}

/// How an activation becomes integers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ActivationReport {
    /// Bits of a number.
    pub bits: u32,
    /// The lowest number that was seen,
    pub lowest: f32,
    /// and the highest.
    pub highest: f32,
    /// The step from one integer to the next.
    pub scale: f32,
    /// What 0 becomes.
    pub zero_point: i32,
}

impl LayerReport {
    fn new(name: &str, kind: &str, activation: Option<Affine>, observer: &HistogramObserver) -> Self {
        let activation = activation.zip(observer.extremes()).map(|(affine, [lowest, highest])| ActivationReport {
            bits: 8,
            lowest,
            highest,
            scale: affine.scale,
            zero_point: affine.zero_point,
        });
        Self { name: name.into(), kind: kind.into(), weight_bits: None, weight_snr_db: None, activation }
    }
}
