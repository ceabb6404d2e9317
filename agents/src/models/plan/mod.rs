//! A classifier for use, layer by layer: batch norms are part of the convolutions before them. It is what files of ONNX are
//! written from (`onnx`) and what quantization measures, rounds and runs (`run`); `half` says whether it fits f16.

mod half;
mod onnx;
mod run;

pub use half::{HalfRange, OverflowsHalf};

use crate::nn::ops::Window;

/// See the module's documentation. Values are known by numbers: 0 is the input, and each layer's output the next one.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Of a sample: `[inputs]`, or `[rows, columns, channels]` of an image.
    pub(crate) input: Vec<usize>,
    pub(crate) layers: Vec<Layer>,
}

/// A layer, and the rectifier that may follow it.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// What its parameters are called by, such as `layer1.0.conv1`.
    pub(crate) name: String,
    /// The values that it reads.
    pub(crate) inputs: Vec<usize>,
    pub(crate) op: Op,
    pub(crate) rectifies: bool,
}

/// What a layer does.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Conv(Weighted, Window),
    Linear(Weighted),
    /// Windows of 3 × 3, two pixels apart.
    MaxPool,
    /// The mean of each channel; rows come out.
    AveragePool,
    /// The sum of two values.
    Add,
}

/// Weights in PyTorch's layout, outputs first, and a bias of each output.
#[derive(Clone, Debug)]
pub(crate) struct Weighted {
    pub(crate) shape: Vec<usize>,
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl Op {
    pub(crate) fn weighted(&self) -> Option<&Weighted> {
        match self {
            Self::Conv(weighted, _) | Self::Linear(weighted) => Some(weighted),
            _ => None,
        }
    }

    pub(crate) fn weighted_mut(&mut self) -> Option<&mut Weighted> {
        match self {
            Self::Conv(weighted, _) | Self::Linear(weighted) => Some(weighted),
            _ => None,
        }
    }

    /// What it is called in tables.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Conv(..) => "Conv2d",
            Self::Linear(_) => "Linear",
            Self::MaxPool => "MaxPool2d",
            Self::AveragePool => "AvgPool2d",
            Self::Add => "Add",
        }
    }
}

impl Plan {
    /// One without layers, for samples of this shape: `[inputs]`, or `[rows, columns, channels]`.
    pub(crate) fn new(input: &[usize]) -> Self {
        Self { input: input.to_vec(), layers: Vec::new() }
    }

    /// Adds a layer that reads the values `inputs`; answers the number of its own.
    pub(crate) fn push(&mut self, name: &str, inputs: &[usize], op: Op, rectifies: bool) -> usize {
        self.layers.push(Layer { name: name.to_owned(), inputs: inputs.to_vec(), op, rectifies });
        self.layers.len()
    }

    /// What a value is called: `input`, or the name of the layer that makes it.
    pub(crate) fn name(&self, value: usize) -> &str {
        if value == 0 { "input" } else { &self.layers[value - 1].name }
    }

    /// The layer that makes a value, of all but the input.
    pub(crate) fn maker(&self, value: usize) -> Option<&Layer> {
        value.checked_sub(1).map(|layer| &self.layers[layer])
    }

    /// Whether a quantized network rounds a value: all but the last one, which is the answer, and the highest of numbers that
    /// are rounded already.
    pub(crate) fn is_rounded(&self, value: usize) -> bool {
        value < self.layers.len() && !matches!(self.maker(value), Some(Layer { op: Op::MaxPool, .. }))
    }

    /// The value that has the scale of this one: itself, or what its highest numbers were taken from.
    pub(crate) fn scaled_as(&self, value: usize) -> usize {
        match self.maker(value) {
            Some(Layer { op: Op::MaxPool, inputs, .. }) => self.scaled_as(inputs[0]),
            _ => value,
        }
    }
}
