//! Layers as they lie in a network's flat buffer, and their parameters by name.

use std::ops::Range;

use super::matmul::pad;

/// One matrix product: `y = x · W + b`, W stored as `[inputs, outputs]`, both padded.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    /// Floats from one input row to the next: the first layer reads unpadded observations.
    pub(super) inputs: usize,
    /// Floats from one output row to the next.
    pub(super) outputs: usize,
    /// Output columns that are more than padding, with any between them.
    pub(super) used: usize,
    /// Where W and b start in the flat buffer.
    pub(super) weight: usize,
    pub(super) bias: usize,
    /// The blocks of W that hold parameters. Everything outside is zero and stays so.
    pub(super) linears: Vec<Linear>,
    /// 1 where W has parameters and 0 elsewhere, if a column reads fewer inputs than another does.
    pub(super) mask: Option<Vec<f32>>,
    /// Whether its outputs are normalized: scale and shift of each column lie behind b.
    pub(super) norm: bool,
}

/// A linear map as people and PyTorch know it, at its place in a layer's matrix.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Linear {
    /// PyTorch's name of the module.
    pub(super) name: String,
    /// Rows of W.
    pub(super) inputs: Range<usize>,
    /// Columns of W.
    pub(super) outputs: Range<usize>,
}

/// A named parameter as people and PyTorch know it: without padding, weights as `[outputs, inputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// `0.weight`, `0.bias`, `2.weight`, ...: the names of `torch.nn.Sequential(Linear, ReLU, Linear, ...)`. Of a
    /// dueling network `network.0.weight`, ..., `value_head.0.weight`, ..., `advantage_head.0.weight`, ... A vector
    /// that hangs on no input, such as `log_std`, has its own name.
    pub name: String,
    /// `[outputs, inputs]` or `[outputs]`.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub values: Vec<f32>,
}

/// A tensor on disk that is missing or of another shape than the network's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("tensor `{name}` should have shape {expected:?}, found {}", found.as_ref().map_or("none of that name".into(), |s| format!("{s:?}")))]
pub struct TensorMismatch {
    /// The tensor's name.
    pub name: String,
    /// The network's shape.
    pub expected: Vec<usize>,
    /// The shape that was found, if any.
    pub found: Option<Vec<usize>>,
}

/// Adds a layer of these linear maps to a network of `inputs` inputs.
pub(super) fn add_layer(layers: &mut Vec<Layer>, inputs: usize, linears: Vec<Linear>) {
    let (inputs, weight) = layers.last().map_or((inputs, 0), |below| (below.outputs, below.end()));
    let used = linears.iter().map(|linear| linear.outputs.end).max().unwrap_or(0);
    let outputs = pad(used);
    let bias = weight + inputs * outputs;
    let mut layer = Layer { inputs, outputs, used, weight, bias, linears, mask: None, norm: false };
    if layer.linears.iter().any(|linear| linear.inputs != layer.linears[0].inputs) {
        let mut mask = vec![0.0; inputs * outputs];
        layer.linears.iter().flat_map(|linear| layer.weights(linear)).for_each(|at| mask[at - weight] = 1.0);
        layer.mask = Some(mask);
    }
    layers.push(layer);
}

/// The layers of `torch.nn.Sequential(Linear, activation, Linear, ...)`.
pub(super) fn sequential(inputs: usize, hidden: &[usize], outputs: usize) -> Vec<Layer> {
    let (mut layers, mut width) = (Vec::with_capacity(hidden.len() + 1), inputs);
    for (l, &outputs) in hidden.iter().chain([&outputs]).enumerate() {
        // The activations take every other number.
        let linear = Linear { name: format!("{}", 2 * l), inputs: 0..width, outputs: 0..outputs };
        add_layer(&mut layers, inputs, vec![linear]);
        width = outputs;
    }
    layers
}

/// The layers of `torch.nn.Sequential(Linear, LayerNorm, activation, ..., Linear)`.
pub(super) fn normalized(inputs: usize, hidden: &[usize], outputs: usize) -> Vec<Layer> {
    let (mut layers, mut width) = (Vec::with_capacity(hidden.len() + 1), inputs);
    for (l, &units) in hidden.iter().chain([&outputs]).enumerate() {
        let linear = Linear { name: format!("{}", 3 * l), inputs: 0..width, outputs: 0..units };
        add_layer(&mut layers, inputs, vec![linear]);
        if let Some(layer) = layers.last_mut().filter(|_| l < hidden.len()) {
            layer.norm = true;
            // Vectors that hang on no input, in the places behind the biases.
            for (part, place) in [("weight", layer.outputs), ("bias", 2 * layer.outputs)] {
                let name = format!("{}.{part}", 3 * l + 1);
                layer.linears.push(Linear { name, inputs: 0..0, outputs: place..place + units });
            }
        }
        width = units;
    }
    layers
}

impl Layer {
    /// Where the next layer begins in the flat buffer.
    pub(super) fn end(&self) -> usize {
        self.bias + if self.norm { 3 } else { 1 } * self.outputs
    }

    /// Where the scale of each normalized output lies.
    pub(super) fn gain(&self) -> Range<usize> {
        self.bias + self.outputs..self.bias + 2 * self.outputs
    }

    /// Where what is added to it lies.
    pub(super) fn shift(&self) -> Range<usize> {
        self.bias + 2 * self.outputs..self.bias + 3 * self.outputs
    }

    /// Where a linear map's weights lie in the flat buffer, output by output.
    pub(super) fn weights(&self, linear: &Linear) -> impl Iterator<Item = usize> + use<> {
        let (weight, stride, inputs) = (self.weight, self.outputs, linear.inputs.clone());
        linear.outputs.clone().flat_map(move |o| inputs.clone().map(move |i| weight + i * stride + o))
    }

    /// Where its biases lie.
    pub(super) fn biases(&self, linear: &Linear) -> Range<usize> {
        self.bias + linear.outputs.start..self.bias + linear.outputs.end
    }

    /// The parameters of a linear map by name. What hangs on no input has no weights.
    pub(super) fn tensors(&self, linear: &Linear, flat: &[f32]) -> Vec<NamedTensor> {
        let (outputs, inputs) = (linear.outputs.len(), linear.inputs.len());
        let weight = self.weights(linear).map(|at| flat[at]).collect();
        let bias = flat[self.biases(linear)].to_vec();
        let shapes = [vec![outputs, inputs], vec![outputs]];
        let all = shapes.into_iter().zip([weight, bias]).filter(|(shape, _)| !shape.contains(&0));
        linear.names().into_iter().zip(all).map(|(name, (shape, values))| NamedTensor { name, shape, values }).collect()
    }
}

impl Linear {
    /// What its weights and its biases are called.
    pub(super) fn names(&self) -> Vec<String> {
        if self.inputs.is_empty() {
            return vec![self.name.clone()];
        }
        ["weight", "bias"].map(|part| format!("{}.{part}", self.name)).into()
    }
}
