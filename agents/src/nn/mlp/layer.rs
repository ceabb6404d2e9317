//! Layers as they lie in a network's flat buffer, and their parameters by name.

use std::ops::Range;
use std::sync::Arc;

use super::inputs::Inputs;
use crate::nn::kernels::conv::Conv2d;
use crate::nn::kernels::matmul::{PAD, pad};

/// One matrix product: `y = x · W + b`, W stored as `[inputs, columns]`, both padded. Of a convolution each of many places in
/// a row is such an x.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    /// Floats from one input row to the next: the first layer reads unpadded observations.
    pub(crate) inputs: usize,
    /// Floats from one output row to the next.
    pub(crate) outputs: usize,
    /// Columns of W.
    pub(crate) columns: usize,
    /// Output columns that are more than padding, with any between them.
    pub(crate) used: usize,
    /// Where W and b start in the flat buffer.
    pub(crate) weight: usize,
    pub(crate) bias: usize,
    /// Floats behind b: scale and shift of normalized outputs, or deviations that depend on the state.
    pub(crate) behind: usize,
    /// The blocks of W that hold parameters. Everything outside is zero and stays so.
    pub(crate) linears: Vec<Linear>,
    /// 1 where W has parameters and 0 elsewhere, if a column reads fewer inputs than another does.
    pub(crate) mask: Option<Vec<f32>>,
    /// The parts of W that are more than zeros, for products with it and with its transpose.
    pub(crate) bands: Vec<Band>,
    pub(crate) transposed_bands: Vec<Band>,
    /// Whether its outputs are normalized.
    pub(crate) norm: bool,
    /// The convolution that it is, if it is one.
    pub(crate) conv: Option<Conv2d>,
    /// Columns of the network's input rows that lie behind the `used` ones in its output rows, for the next layer to read.
    pub(crate) beside: Range<usize>,
}

/// Neighbouring columns of a matrix, by whole vectors, and the rows outside of which they are zero.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    pub(crate) columns: Range<usize>,
    pub(crate) rows: Range<usize>,
    /// Whether not all of these are of the same block, so that there are zeros between them.
    pub(crate) mixed: bool,
}

/// The bands of a matrix of so many columns with these blocks: the rows and columns of each.
fn bands(columns: usize, blocks: &[[Range<usize>; 2]]) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for start in (0..columns).step_by(PAD) {
        let columns = start..start + PAD;
        let mut here = blocks.iter().filter(|[_, at]| at.start < columns.end && columns.start < at.end);
        let mut rows = here.next().map_or(0..0, |[rows, _]| rows.clone());
        let mut mixed = false;
        for [of, _] in here {
            mixed |= rows != *of;
            rows = match (rows.is_empty(), of.is_empty()) {
                (true, _) => of.clone(),
                (_, true) => rows,
                _ => rows.start.min(of.start)..rows.end.max(of.end),
            };
        }
        match bands.last_mut().filter(|last| last.rows == rows && last.mixed == mixed) {
            Some(last) => last.columns.end = columns.end,
            None => bands.push(Band { columns, rows, mixed }),
        }
    }
    bands
}

/// A linear map as people and PyTorch know it, at its place in a layer's matrix.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Linear {
    /// PyTorch's name of the module.
    pub(crate) name: String,
    /// What follows "weight" and "bias" in the names of its parameters, where a module has several of them.
    pub(crate) part: String,
    /// Rows of W.
    pub(crate) inputs: Range<usize>,
    /// Columns of W.
    pub(crate) outputs: Range<usize>,
    /// The row of W for each input, where they are in another order than PyTorch's.
    pub(crate) rows: Option<Arc<[usize]>>,
    /// Numbers in a row of a matrix that depends on no input; 0 for a vector.
    pub(crate) row: usize,
}

/// A named parameter as people and PyTorch know it: without padding, weights as `[outputs, inputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// `0.weight`, `0.bias`, `2.weight`, ...: the names of `torch.nn.Sequential(Linear, ReLU, Linear, ...)`. What sees a
    /// image before them is called as in Stable-Baselines3: `features_extractor.cnn.0.weight`, ... Of a dueling network `network.0.weight`, ..., `value_head.0.weight`, ..., `advantage_head.0.weight`, ... Of what
    /// remembers `lstm.weight_ih_l0`, ... as of `torch.nn.LSTM`. What depends on no input, such as `log_std`, has its own name.
    pub name: String,
    /// `[outputs, inputs]` or `[outputs]`; of a convolution `[outputs, inputs, height, width]`; of a `log_std` that depends on the
    /// state `[features, actions]`.
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
pub(crate) fn add_layer(layers: &mut Vec<Layer>, inputs: usize, linears: Vec<Linear>) {
    let (inputs, weight) = layers.last().map_or((inputs, 0), |below| (below.outputs, below.end()));
    let used = linears.iter().map(|linear| linear.outputs.end).max().unwrap_or(0);
    let outputs = pad(used);
    let bias = weight + inputs * outputs;
    let (columns, beside) = (outputs, 0..0);
    let mut blocks: Vec<_> = linears.iter().map(|linear| [linear.extent(), linear.outputs.clone()]).collect();
    let alike = linears.iter().all(|linear| linear.inputs == linears[0].inputs);
    if alike {
        blocks = vec![[0..inputs, 0..used]];
    }
    let swapped: Vec<_> = blocks.iter().map(|[inputs, outputs]| [outputs.clone(), inputs.clone()]).collect();
    let (bands, transposed_bands) = (self::bands(outputs, &blocks), self::bands(inputs, &swapped));
    let (behind, mask, norm, conv) = (0, None, false, None);
    let mut layer = Layer {
        inputs,
        outputs,
        columns,
        used,
        weight,
        bias,
        behind,
        linears,
        mask,
        bands,
        transposed_bands,
        norm,
        conv,
        beside,
    };
    if !alike {
        let mut mask = vec![0.0; inputs * outputs];
        layer.linears.iter().flat_map(|linear| layer.weights(linear)).for_each(|at| mask[at - weight] = 1.0);
        layer.mask = Some(mask);
    }
    layers.push(layer);
}

/// The layers of `torch.nn.Sequential(Linear, activation, Linear, ...)`, behind those that see an image.
pub(crate) fn sequential(inputs: &Inputs, hidden: &[usize], outputs: usize) -> Vec<Layer> {
    let (mut layers, mut width) = inputs.layers();
    for (l, &outputs) in hidden.iter().chain([&outputs]).enumerate() {
        // The activations take every other number.
        let linear = Linear::new(format!("{}", 2 * l), 0..width, 0..outputs);
        add_layer(&mut layers, inputs.width(), vec![linear]);
        width = outputs;
    }
    layers
}

/// The layers of `torch.nn.Sequential(Linear, LayerNorm, activation, ..., Linear)`, behind those that see an image.
pub(crate) fn normalized(inputs: &Inputs, hidden: &[usize], outputs: usize) -> Vec<Layer> {
    let (mut layers, mut width) = inputs.layers();
    for (l, &units) in hidden.iter().chain([&outputs]).enumerate() {
        let linear = Linear::new(format!("{}", 3 * l), 0..width, 0..units);
        add_layer(&mut layers, inputs.width(), vec![linear]);
        if let Some(layer) = layers.last_mut().filter(|_| l < hidden.len()) {
            layer.norm = true;
            layer.behind = 2 * layer.columns;
            // Vectors that depend on no input, in the places behind the biases.
            for (part, place) in [("weight", layer.columns), ("bias", 2 * layer.columns)] {
                let name = format!("{}.{part}", 3 * l + 1);
                layer.linears.push(Linear::new(name, 0..0, place..place + units));
            }
        }
        width = units;
    }
    layers
}

impl Layer {
    /// Where the next layer begins in the flat buffer.
    pub(crate) fn end(&self) -> usize {
        self.bias + self.columns + self.behind
    }

    /// Floats of an output row before others are put beside them.
    pub(crate) fn own_outputs(&self) -> usize {
        if self.beside.is_empty() { self.outputs } else { self.columns }
    }

    /// Numbers of an output row for the next layer to read.
    pub(crate) fn width(&self) -> usize {
        self.used + self.beside.len()
    }

    /// Where the scale of each normalized output lies.
    pub(crate) fn gain(&self) -> Range<usize> {
        self.bias + self.columns..self.bias + 2 * self.columns
    }

    /// Where what is added to it lies.
    pub(crate) fn shift(&self) -> Range<usize> {
        self.bias + 2 * self.columns..self.bias + 3 * self.columns
    }

    /// Sets the gradients of what lies between blocks of W, and is no parameter, to zero.
    pub(crate) fn clear_between_blocks(&self, gradient: &mut [f32]) {
        let Some(mask) = &self.mask else { return };
        for Band { columns, rows, .. } in self.bands.iter().filter(|band| band.mixed) {
            for row in rows.clone() {
                let of_row = row * self.columns + columns.start..row * self.columns + columns.end;
                gradient[of_row.clone()].iter_mut().zip(&mask[of_row]).for_each(|(gradient, mask)| *gradient *= mask);
            }
        }
    }

    /// Where a linear map's weights lie in the flat buffer, output by output.
    pub(crate) fn weights(&self, linear: &Linear) -> impl Iterator<Item = usize> + use<> {
        let (weight, stride, rows) = (self.weight, self.columns, linear.weight_rows());
        linear.outputs.clone().flat_map(move |o| rows.clone().map(move |row| weight + row * stride + o))
    }

    /// Where its biases lie.
    pub(crate) fn biases(&self, linear: &Linear) -> Range<usize> {
        self.bias + linear.outputs.start..self.bias + linear.outputs.end
    }

    /// The parameters of a linear map by name. What depends on no input has biases alone.
    pub(crate) fn tensors(&self, linear: &Linear, flat: &[f32]) -> Vec<NamedTensor> {
        let (outputs, inputs) = (linear.outputs.len(), linear.inputs.len());
        let weight = self.weights(linear).map(|at| flat[at]).collect();
        let bias = flat[self.biases(linear)].to_vec();
        let of_weight = match self.conv {
            Some(Conv2d { kernel, .. }) => vec![outputs, inputs / kernel.pow(2), kernel, kernel],
            None => vec![outputs, inputs],
        };
        let of_bias = outputs.checked_div(linear.row).map_or(vec![outputs], |rows| vec![rows, linear.row]);
        let shapes = [of_weight, of_bias];
        let all = shapes.into_iter().zip([weight, bias]).filter(|(shape, _)| !shape.contains(&0));
        linear.names().into_iter().zip(all).map(|(name, (shape, values))| NamedTensor { name, shape, values }).collect()
    }
}

impl Linear {
    /// One whose inputs are in order.
    pub(crate) fn new(name: String, inputs: Range<usize>, outputs: Range<usize>) -> Self {
        Self { name, part: String::new(), inputs, outputs, rows: None, row: 0 }
    }

    /// One of several of a module.
    pub(crate) fn part(name: &str, part: String, inputs: Range<usize>, outputs: Range<usize>) -> Self {
        Self { part, ..Self::new(name.into(), inputs, outputs) }
    }

    /// The rows of W, in the order of PyTorch's inputs.
    pub(crate) fn weight_rows(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let rows = self.rows.clone();
        self.inputs.clone().map(move |i| rows.as_ref().map_or(i, |rows| rows[i]))
    }

    /// From the first to behind the last row of W that it reads.
    fn extent(&self) -> Range<usize> {
        let rows = self.weight_rows();
        rows.clone().min().unwrap_or(0)..rows.max().map_or(0, |last| last + 1)
    }

    /// What its weights and its biases are called.
    pub(crate) fn names(&self) -> Vec<String> {
        if self.inputs.is_empty() {
            return vec![self.name.clone()];
        }
        ["weight", "bias"].map(|what| format!("{}.{what}{}", self.name, self.part)).into()
    }
}
