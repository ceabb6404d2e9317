//! A multilayer perceptron over one flat buffer of parameters.
//!
//! All weights live in one `[f32]`: copying them to an actor, averaging a target network, clipping a
//! gradient and stepping Adam are each one pass over one slice. Every layer's outputs are padded with zeros
//! to a multiple of 16 so that kernels have no edges; a padded weight gets no gradient and stays zero. The
//! forward and backward passes here work on plain slices and allocate nothing: actors use the first without
//! any tape, and [`super::fused`] puts both on dfdx's.

use cartwheel_envs::Generator;

use super::activation::{Activation, activate, scale_by_slope};
use super::matmul::{Epilogue, Strided, add_column_sums, matmul, pad, transpose};
use super::simd::Isa;

/// The shape of a network and where each layer's parameters lie in the flat buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    layers: Vec<Layer>,
    activation: Activation,
    isa: Isa,
}

/// One linear layer: `y = x · W + b`, W stored as `[inputs, outputs]`, both padded.
#[derive(Clone, Debug, PartialEq)]
struct Layer {
    /// Inputs and outputs as the user counts them.
    inputs: usize,
    outputs: usize,
    /// The same with the padding: the first layer reads unpadded observations.
    padded_inputs: usize,
    padded_outputs: usize,
    /// Where W and b start in the flat buffer.
    weight: usize,
    bias: usize,
}

/// What a forward pass leaves for a backward pass, reused from call to call.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    /// The outputs of each layer, `[batch, padded outputs]`.
    outputs: Vec<Vec<f32>>,
    /// The gradients of the same.
    gradients: Vec<Vec<f32>>,
    /// A transposed weight matrix.
    transposed: Vec<f32>,
}

/// A named parameter as people and PyTorch know it: without padding, weights as `[outputs, inputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// `0.weight`, `0.bias`, `2.weight`, ...: the names of `torch.nn.Sequential(Linear, ReLU, Linear, ...)`.
    pub name: String,
    /// `[outputs, inputs]` or `[outputs]`.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub values: Vec<f32>,
}

impl Mlp {
    /// A network from `inputs` through the `hidden` layers, each followed by `activation`, to `outputs`
    /// linear values.
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize, activation: Activation) -> Self {
        Self::with_isa(inputs, hidden, outputs, activation, Isa::detect())
    }

    /// The same on a given instruction set, for comparing them.
    pub(super) fn with_isa(inputs: usize, hidden: &[usize], outputs: usize, activation: Activation, isa: Isa) -> Self {
        let mut layers = Vec::with_capacity(hidden.len() + 1);
        let (mut inputs, mut padded_inputs, mut offset) = (inputs, inputs, 0);
        for &outputs in hidden.iter().chain([&outputs]) {
            let padded_outputs = pad(outputs);
            let (weight, bias) = (offset, offset + padded_inputs * padded_outputs);
            offset = bias + padded_outputs;
            layers.push(Layer { inputs, outputs, padded_inputs, padded_outputs, weight, bias });
            (inputs, padded_inputs) = (outputs, padded_outputs);
        }
        Self { layers, activation, isa }
    }

    fn last(&self) -> &Layer {
        &self.layers[self.layers.len() - 1]
    }

    /// Numbers in an input row.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs
    }

    /// Values in an output row.
    pub fn outputs(&self) -> usize {
        self.last().outputs
    }

    /// Floats from one output row to the next: [`outputs`](Self::outputs) and then zeros.
    pub fn output_stride(&self) -> usize {
        self.last().padded_outputs
    }

    /// Length of the flat buffer, padding included.
    pub fn flat_len(&self) -> usize {
        self.last().bias + self.last().padded_outputs
    }

    /// Parameters as people count them.
    pub fn num_parameters(&self) -> usize {
        self.layers.iter().map(|l| (l.inputs + 1) * l.outputs).sum()
    }

    /// The instruction set that the kernels run on.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Fresh parameters, uniform in ±1/√inputs for weights and biases: `torch.nn.Linear`'s default.
    pub fn init(&self, rng: &mut Generator) -> Vec<f32> {
        let mut flat = vec![0.0; self.flat_len()];
        for layer in &self.layers {
            let bound = 1.0 / (layer.inputs as f64).sqrt();
            for at in layer.indices() {
                flat[at] = rng.uniform(-bound, bound) as f32;
            }
        }
        flat
    }

    /// Runs `batch` rows of [`inputs`](Self::inputs) floats through the network; returns the output rows,
    /// [`output_stride`](Self::output_stride) apart.
    ///
    /// # Panics
    /// If `params` or `x` is too short.
    pub fn forward<'a>(&self, params: &[f32], x: &[f32], batch: usize, scratch: &'a mut Activations) -> &'a [f32] {
        scratch.fit(self, batch);
        for (l, layer) in self.layers.iter().enumerate() {
            let (before, rest) = scratch.outputs.split_at_mut(l);
            let input = before.last().map_or(x, |o| o.as_slice());
            let output = &mut rest[0][..batch * layer.padded_outputs];
            let bias = &params[layer.bias..];
            let hidden = l + 1 < self.layers.len();
            let epilogue = match (hidden, self.activation) {
                (true, Activation::Relu) => Epilogue::BiasRelu(bias),
                _ => Epilogue::Bias(bias),
            };
            let (k, n) = (layer.padded_inputs, layer.padded_outputs);
            matmul(self.isa, batch, n, k, Strided::rows(input, k), &params[layer.weight..], output, epilogue);
            if hidden && self.activation != Activation::Relu {
                activate(self.isa, self.activation, output);
            }
        }
        &scratch.outputs[self.layers.len() - 1][..batch * self.output_stride()]
    }

    /// What the last [`forward`](Self::forward) with this `scratch` returned, and rows of larger batches before it.
    pub fn last_outputs<'a>(&self, scratch: &'a Activations) -> &'a [f32] {
        scratch.outputs.last().map_or(&[], Vec::as_slice)
    }

    /// Where the parameters of each name lie in the flat buffer, with zeros for padding between them.
    pub fn slices(&self) -> Vec<(String, std::ops::Range<usize>)> {
        let of = |(l, layer): (usize, &Layer)| {
            [
                (format!("{}.weight", 2 * l), layer.weight..layer.bias),
                (format!("{}.bias", 2 * l), layer.bias..layer.bias + layer.padded_outputs),
            ]
        };
        self.layers.iter().enumerate().flat_map(of).collect()
    }

    /// The Euclidean norm of each of [`slices`](Self::slices).
    ///
    /// # Panics
    /// If `flat` is too short.
    pub fn norms(&self, flat: &[f32]) -> Vec<f32> {
        let norm = |values: &[f32]| values.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt() as f32;
        self.slices().into_iter().map(|(_, range)| norm(&flat[range])).collect()
    }

    /// Adds the gradient of the parameters to `gradient`, given `output_gradient`, the gradient of the loss
    /// by the outputs of the last [`forward`](Self::forward) on `x` with this `scratch`.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn backward(
        &self,
        params: &[f32],
        x: &[f32],
        batch: usize,
        scratch: &mut Activations,
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) {
        let Activations { outputs, gradients, transposed } = scratch;
        let last = self.layers.len() - 1;
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let (k, n) = (layer.padded_inputs, layer.padded_outputs);
            let (below, above) = gradients.split_at_mut(l);
            let dy = if l == last { &output_gradient[..batch * n] } else { &above[0][..batch * n] };
            let input = if l == 0 { x } else { outputs[l - 1].as_slice() };
            let dw = &mut gradient[layer.weight..layer.weight + k * n];
            matmul(self.isa, k, n, batch, Strided::transposed(input, k), dy, dw, Epilogue::Accumulate);
            add_column_sums(self.isa, dy, &mut gradient[layer.bias..layer.bias + n]);
            if let Some(dx) = below.last_mut() {
                transposed.resize(transposed.len().max(k * n), 0.0);
                transpose(self.isa, &params[layer.weight..layer.weight + k * n], k, n, transposed);
                let dx = &mut dx[..batch * k];
                // The head's padding is zeros: its columns need not be summed over.
                matmul(self.isa, batch, k, layer.outputs, Strided::rows(dy, n), transposed, dx, Epilogue::Zero);
                scale_by_slope(self.isa, self.activation, &outputs[l - 1][..batch * k], dx);
            }
        }
    }

    /// The slope of one output by each input at `x`, a single row: what the output hangs on.
    ///
    /// # Panics
    /// If `params` or `x` is too short or there is no such output.
    pub fn input_gradient(&self, params: &[f32], x: &[f32], output: usize, scratch: &mut Activations) -> Vec<f32> {
        self.forward(params, x, 1, scratch);
        let mut slope = vec![0.0; self.output_stride()];
        slope[output] = 1.0;
        for (l, layer) in self.layers.iter().enumerate().rev() {
            if l + 1 < self.layers.len() {
                scale_by_slope(self.isa, self.activation, &scratch.outputs[l][..layer.padded_outputs], &mut slope);
            }
            let rows = params[layer.weight..layer.bias].chunks_exact(layer.padded_outputs);
            slope = rows.map(|row| row.iter().zip(&slope).map(|(w, s)| w * s).sum()).collect();
        }
        slope
    }

    /// The parameters by name, without padding.
    pub fn tensors(&self, flat: &[f32]) -> Vec<NamedTensor> {
        let mut tensors = Vec::new();
        for (l, layer) in self.layers.iter().enumerate() {
            // In torch.nn.Sequential the activations take every other number.
            let name = |part: &str| format!("{}.{part}", 2 * l);
            let at = |o: usize, i: usize| flat[layer.weight + i * layer.padded_outputs + o];
            let weight = (0..layer.outputs).flat_map(|o| (0..layer.inputs).map(move |i| (o, i)));
            tensors.push(NamedTensor {
                name: name("weight"),
                shape: vec![layer.outputs, layer.inputs],
                values: weight.map(|(o, i)| at(o, i)).collect(),
            });
            let bias = &flat[layer.bias..layer.bias + layer.outputs];
            tensors.push(NamedTensor { name: name("bias"), shape: vec![layer.outputs], values: bias.to_vec() });
        }
        tensors
    }

    /// The flat buffer that holds the parameters `find` gives by name, whatever name they carry themselves.
    ///
    /// # Errors
    /// The first that is missing or of another shape.
    pub fn flatten(&self, mut find: impl FnMut(&str) -> Option<NamedTensor>) -> Result<Vec<f32>, TensorMismatch> {
        let mut flat = vec![0.0; self.flat_len()];
        let zeros = vec![0.0; self.flat_len()];
        for expected in self.tensors(&zeros) {
            let found = find(&expected.name);
            let Some(tensor) = found.filter(|t| t.shape == expected.shape) else {
                let found = find(&expected.name).map(|t| t.shape);
                return Err(TensorMismatch { name: expected.name, expected: expected.shape, found });
            };
            let (index, part) = expected.name.split_once('.').unwrap_or_default();
            let layer = &self.layers[index.parse::<usize>().unwrap_or_default() / 2];
            for (n, value) in tensor.values.iter().enumerate() {
                let at = match part {
                    "weight" => layer.weight + (n % layer.inputs) * layer.padded_outputs + n / layer.inputs,
                    _ => layer.bias + n,
                };
                flat[at] = *value;
            }
        }
        Ok(flat)
    }

    /// Inputs, outputs (padded), and offsets of each layer: what the stock-operation form needs.
    pub(super) fn flat_layers(&self) -> impl Iterator<Item = FlatLayer> + '_ {
        self.layers.iter().map(|l| FlatLayer {
            inputs: l.padded_inputs,
            outputs: l.padded_outputs,
            weight: l.weight,
            bias: l.bias,
        })
    }

    /// What follows each hidden layer.
    pub fn activation(&self) -> Activation {
        self.activation
    }
}

/// A layer as it lies in the flat buffer, padding included.
pub(super) struct FlatLayer {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) weight: usize,
    pub(super) bias: usize,
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

impl Layer {
    /// Where the real (unpadded) parameters lie: weights output by output, then biases.
    fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        let weights = (0..self.outputs)
            .flat_map(move |o| (0..self.inputs).map(move |i| self.weight + i * self.padded_outputs + o));
        weights.chain((0..self.outputs).map(|o| self.bias + o))
    }
}

impl Activations {
    fn fit(&mut self, mlp: &Mlp, batch: usize) {
        self.outputs.resize_with(mlp.layers.len(), Vec::new);
        self.gradients.resize_with(mlp.layers.len(), Vec::new);
        for ((layer, output), gradient) in mlp.layers.iter().zip(&mut self.outputs).zip(&mut self.gradients) {
            let needed = batch * layer.padded_outputs;
            if output.len() < needed {
                output.resize(needed, 0.0);
                gradient.resize(needed, 0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(mlp: &Mlp, params: &[f32], x: &[f32], batch: usize, weights: &[f32]) -> f64 {
        let mut scratch = Activations::default();
        let y = mlp.forward(params, x, batch, &mut scratch);
        y.iter().zip(weights).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum()
    }

    /// The backward pass against finite differences, for each activation and instruction set.
    #[test]
    fn gradients_agree_with_finite_differences() {
        let mut rng = Generator::new(7);
        for isa in Isa::available() {
            for activation in [Activation::Relu, Activation::Tanh] {
                let mlp = Mlp::with_isa(5, &[24, 9], 3, activation, isa);
                let params = mlp.init(&mut rng);
                let batch = 6;
                let x: Vec<f32> = (0..batch * 5).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
                let mut weights = vec![0.0; batch * mlp.output_stride()];
                for row in weights.chunks_exact_mut(mlp.output_stride()) {
                    row[..3].fill_with(|| rng.uniform(-1.0, 1.0) as f32);
                }
                let mut scratch = Activations::default();
                mlp.forward(&params, &x, batch, &mut scratch);
                let mut gradient = vec![0.0; mlp.flat_len()];
                mlp.backward(&params, &x, batch, &mut scratch, &weights, &mut gradient);
                for layer in &mlp.layers {
                    for at in layer.indices().step_by(7) {
                        let step = 1e-3;
                        let (mut up, mut down) = (params.clone(), params.clone());
                        up[at] += step;
                        down[at] -= step;
                        let slope = (loss(&mlp, &up, &x, batch, &weights) - loss(&mlp, &down, &x, batch, &weights))
                            / (2.0 * f64::from(step));
                        assert!(
                            (slope - f64::from(gradient[at])).abs() < 2e-2 * slope.abs().max(0.1),
                            "{isa} {activation} {at}: {slope} {}",
                            gradient[at]
                        );
                    }
                }
                let real: std::collections::BTreeSet<usize> =
                    mlp.layers.iter().flat_map(|l| l.indices().collect::<Vec<_>>()).collect();
                assert!((0..mlp.flat_len()).all(|i| real.contains(&i) || gradient[i] == 0.0), "padding got a gradient");
            }
        }
    }

    #[test]
    fn slopes_by_the_input_agree_with_finite_differences() {
        let mut rng = Generator::new(4);
        for activation in [Activation::Relu, Activation::Tanh] {
            let mlp = Mlp::new(5, &[24, 9], 3, activation);
            let params = mlp.init(&mut rng);
            let x: Vec<f32> = (0..5).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
            let mut scratch = Activations::default();
            let slopes = mlp.input_gradient(&params, &x, 1, &mut scratch);
            assert_eq!(slopes.len(), 5);
            for (i, slope) in slopes.iter().enumerate() {
                let mut at = |step: f32| {
                    let mut x = x.clone();
                    x[i] += step;
                    mlp.forward(&params, &x, 1, &mut scratch)[1]
                };
                let expected = (at(1e-3) - at(-1e-3)) / 2e-3;
                assert!((slope - expected).abs() < 2e-3, "{activation} {i}: {slope} {expected}");
            }
        }
    }

    #[test]
    fn named_tensors_round_trip() {
        let mlp = Mlp::new(4, &[32, 20], 2, Activation::Relu);
        let params = mlp.init(&mut Generator::new(3));
        let tensors = mlp.tensors(&params);
        assert_eq!(tensors[2].name, "2.weight");
        assert_eq!(tensors[2].shape, [20, 32]);
        assert_eq!(tensors.iter().map(|t| t.values.len()).sum::<usize>(), mlp.num_parameters());
        // A file may put a prefix before the names.
        let find = |name: &str| {
            let tensor = tensors.iter().find(|t| t.name == name)?;
            Some(NamedTensor { name: format!("prefix.{name}"), ..tensor.clone() })
        };
        assert_eq!(mlp.flatten(find).expect("the same shapes"), params);
        let other = Mlp::new(4, &[32, 21], 2, Activation::Relu).flatten(find).expect_err("another shape");
        assert_eq!(other.to_string(), "tensor `2.weight` should have shape [21, 32], found [20, 32]");
    }
}
