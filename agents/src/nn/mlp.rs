//! A multilayer perceptron over one flat buffer of parameters.
//!
//! All weights live in one `[f32]`: copying them to an actor, averaging a target network, clipping a
//! gradient and stepping Adam are each one pass over one slice. Every layer's outputs are padded with zeros
//! to a multiple of 16 so that kernels have no edges; a padded weight gets no gradient and stays zero. The
//! forward and backward passes here work on plain slices and allocate nothing: actors use the first without
//! any tape, and [`super::fused`] puts both on dfdx's.

use std::ops::Range;

use cartwheel_envs::Generator;

use super::activation::{Activation, activate, scale_by_slope};
use super::dueling::{self, Dueling};
use super::layer::{Layer, Linear, NamedTensor, TensorMismatch, add_layer, normalized, sequential};
use super::layer_norm::{self, Normalized};
use super::matmul::{Epilogue, Strided, add_column_sums, matmul, products_of_rows, transpose};
use super::orthogonal::orthogonal;
use super::simd::Isa;

/// The shape of a network and where each layer's parameters lie in the flat buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    layers: Vec<Layer>,
    dueling: Option<Dueling>,
    /// σ₀ of a network with noise.
    noisy_std_init: Option<f64>,
    hidden: Vec<usize>,
    outputs: usize,
    activation: Activation,
    isa: Isa,
}

/// A layer on the way back.
struct Passed<'a> {
    layer: &'a Layer,
    /// Its number.
    number: usize,
    /// The gradient by what its matrix product came to.
    dy: &'a [f32],
    /// The outputs of all layers.
    outputs: &'a [Vec<f32>],
    /// What its normalization left, if it has one.
    normalized: &'a Normalized,
}

/// What a forward pass leaves for a backward pass, reused from call to call.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    /// The outputs of each layer, `[batch, padded outputs]`.
    outputs: Vec<Vec<f32>>,
    /// The gradients of the same.
    gradients: Vec<Vec<f32>>,
    /// Of each layer that is normalized.
    normalized: Vec<Normalized>,
    /// A transposed weight matrix.
    transposed: Vec<f32>,
}

impl Mlp {
    /// A network from `inputs` through the `hidden` layers, each followed by `activation`, to `outputs`
    /// linear values.
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize, activation: Activation) -> Self {
        let layers = sequential(inputs, hidden, outputs);
        let hidden = hidden.to_vec();
        Self { layers, dueling: None, noisy_std_init: None, hidden, outputs, activation, isa: Isa::detect() }
    }

    /// A dueling network (Wang et al. 2016): the last of the `hidden` layers is there twice, once for the value of
    /// the state and once for the advantages of the actions, and the outputs are value + advantage − mean advantage.
    /// Each action has `atoms` outputs, one after the other, and each of these is put together by itself.
    pub fn dueling(inputs: usize, hidden: &[usize], actions: usize, atoms: usize, activation: Activation) -> Self {
        let (layers, dueling) = dueling::layers(inputs, hidden, actions, atoms);
        Self { layers, dueling: Some(dueling), ..Self::new(inputs, hidden, actions * atoms, activation) }
    }

    /// A network as [`new`](Self::new)'s whose hidden layers are normalized before their activation (Ba et al. 2016).
    pub fn layer_norm(inputs: usize, hidden: &[usize], outputs: usize, activation: Activation) -> Self {
        Self { layers: normalized(inputs, hidden, outputs), ..Self::new(inputs, hidden, outputs, activation) }
    }

    /// A network whose outputs are the means of a Gaussian of so many `dimensions` and, after them, the logarithms of its
    /// standard deviations, which hang on no input: the policy of A2C and PPO.
    pub fn gaussian(inputs: usize, hidden: &[usize], dimensions: usize, activation: Activation) -> Self {
        let mut layers = sequential(inputs, hidden, dimensions);
        if let Some(head) = layers.pop() {
            let mut linears = head.linears;
            let log_std = Linear { name: "log_std".into(), inputs: 0..0, outputs: dimensions..2 * dimensions };
            linears.push(log_std);
            add_layer(&mut layers, inputs, linears);
        }
        Self { layers, outputs: 2 * dimensions, ..Self::new(inputs, hidden, dimensions, activation) }
    }

    /// The same with noise of so great a σ₀ in its last two layers (Fortunato et al. 2018), which only training knows of:
    /// see [`Network::set_noise`](super::Network::set_noise).
    pub fn noisy(self, std_init: f64) -> Self {
        Self { noisy_std_init: Some(std_init), ..self }
    }

    /// σ₀ of the noise, if there is any.
    pub(super) fn noisy_std_init(&self) -> Option<f64> {
        self.noisy_std_init
    }

    /// The same on a given instruction set, for comparing them.
    #[cfg(test)]
    pub(super) fn on(self, isa: Isa) -> Self {
        Self { isa, ..self }
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
        self.outputs
    }

    /// Floats from one output row to the next: [`outputs`](Self::outputs) and then zeros.
    pub fn output_stride(&self) -> usize {
        self.last().outputs
    }

    /// Length of the flat buffer, padding included.
    pub fn flat_len(&self) -> usize {
        self.last().end()
    }

    /// Parameters as people count them.
    pub fn num_parameters(&self) -> usize {
        let linears = self.layers.iter().flat_map(|layer| &layer.linears);
        linears.map(|linear| (linear.inputs.len() + 1) * linear.outputs.len()).sum()
    }

    /// The instruction set that the kernels run on.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Fresh parameters, uniform in ±1/√inputs for weights and biases: `torch.nn.Linear`'s default.
    pub fn init(&self, rng: &mut Generator) -> Vec<f32> {
        let mut flat = vec![0.0; self.flat_len()];
        for layer in &self.layers {
            for linear in &layer.linears {
                // What hangs on no input begins at 0.
                let bound = if linear.inputs.is_empty() { 0.0 } else { 1.0 / (linear.inputs.len() as f64).sqrt() };
                for at in layer.weights(linear).chain(layer.biases(linear)) {
                    flat[at] = rng.uniform(-bound, bound) as f32;
                }
            }
        }
        self.begin_norms(&mut flat);
        flat
    }

    /// What is normalized begins unscaled.
    fn begin_norms(&self, flat: &mut [f32]) {
        for layer in self.layers.iter().filter(|layer| layer.norm) {
            flat[layer.gain()][..layer.used].fill(1.0);
        }
    }

    /// Fresh parameters as Stable-Baselines3's actor-critic policies have them (`ortho_init`): orthogonal weights, scaled
    /// by √2 in hidden layers and by `output_gain` in the last, and biases of 0 (Saxe et al. 2014).
    pub fn init_orthogonal(&self, output_gain: f64, rng: &mut Generator) -> Vec<f32> {
        let mut flat = vec![0.0; self.flat_len()];
        for (l, layer) in self.layers.iter().enumerate() {
            let gain = if l + 1 == self.layers.len() { output_gain } else { std::f64::consts::SQRT_2 };
            for linear in &layer.linears {
                let weights = orthogonal(linear.outputs.len(), linear.inputs.len(), rng);
                for (at, weight) in layer.weights(linear).zip(weights) {
                    flat[at] = (gain * weight) as f32;
                }
            }
        }
        self.begin_norms(&mut flat);
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
            let output = &mut rest[0][..batch * layer.outputs];
            let bias = &params[layer.bias..];
            let hidden = l + 1 < self.layers.len();
            let at_once = hidden && !layer.norm && self.activation == Activation::Relu;
            let epilogue = if at_once { Epilogue::BiasRelu(bias) } else { Epilogue::Bias(bias) };
            let (k, n) = (layer.inputs, layer.outputs);
            matmul(self.isa, batch, n, k, Strided::rows(input, k), &params[layer.weight..], output, epilogue);
            if layer.norm {
                layer_norm::forward(layer, params, output, &mut scratch.normalized[l]);
            }
            if hidden && !at_once {
                activate(self.isa, self.activation, output);
            }
        }
        let outputs = &mut scratch.outputs[self.layers.len() - 1][..batch * self.output_stride()];
        if let Some(dueling) = &self.dueling {
            dueling.combine(outputs, self.output_stride());
        }
        outputs
    }

    /// What the last [`forward`](Self::forward) with this `scratch` returned, and rows of larger batches before it.
    pub fn last_outputs<'a>(&self, scratch: &'a Activations) -> &'a [f32] {
        scratch.outputs.last().map_or(&[], Vec::as_slice)
    }

    /// Where the biases of the linear map `name` lie in the flat buffer, if there is one.
    pub fn biases(&self, name: &str) -> Option<Range<usize>> {
        self.linears().find(|(_, linear)| linear.name == name).map(|(layer, linear)| layer.biases(linear))
    }

    /// The names of the parameters, in the order of [`tensors`](Self::tensors).
    pub fn names(&self) -> Vec<String> {
        self.linears().flat_map(|(_, linear)| linear.names()).collect()
    }

    /// The Euclidean norm of the numbers under each of [`names`](Self::names).
    ///
    /// # Panics
    /// If `flat` is too short.
    pub fn norms(&self, flat: &[f32]) -> Vec<f32> {
        fn norm(values: impl Iterator<Item = f32>) -> f32 {
            values.map(|x| f64::from(x * x)).sum::<f64>().sqrt() as f32
        }
        let of = |(layer, linear): (&Layer, &Linear)| {
            let weights = (!linear.inputs.is_empty()).then(|| norm(layer.weights(linear).map(|at| flat[at])));
            weights.into_iter().chain([norm(layer.biases(linear).map(|at| flat[at]))])
        };
        self.linears().flat_map(of).collect()
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
        self.propagate(params, batch, scratch, output_gradient, &mut |passed| {
            let Passed { layer, number, dy, outputs, normalized } = passed;
            let (k, n) = (layer.inputs, layer.outputs);
            let input = if number == 0 { x } else { outputs[number - 1].as_slice() };
            let dw = &mut gradient[layer.weight..layer.weight + k * n];
            matmul(self.isa, k, n, batch, Strided::transposed(input, k), dy, dw, Epilogue::Accumulate);
            if let Some(mask) = &layer.mask {
                dw.iter_mut().zip(mask).for_each(|(dw, mask)| *dw *= mask);
            }
            add_column_sums(self.isa, dy, &mut gradient[layer.bias..layer.bias + n]);
            if layer.norm {
                let of_norm = &mut gradient[layer.gain().start..layer.shift().end];
                of_norm.iter_mut().zip(&normalized.gradient).for_each(|(sum, own)| *sum += own);
            }
        });
    }

    /// Writes to `to`, row after row, the gradient by the given `columns` of the inputs, given `output_gradient`, the
    /// gradient of the loss by the outputs of the last [`forward`](Self::forward) with this `scratch`.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn backward_to_input(
        &self,
        params: &[f32],
        batch: usize,
        scratch: &mut Activations,
        output_gradient: &[f32],
        columns: Range<usize>,
        to: &mut Vec<f32>,
    ) {
        to.clear();
        self.propagate(params, batch, scratch, output_gradient, &mut |Passed { layer, number, dy, .. }| {
            if number == 0 {
                let n = layer.outputs;
                let weights = &params[layer.weight + columns.start * n..layer.weight + columns.end * n];
                to.resize(batch * columns.len(), 0.0);
                products_of_rows(self.isa, dy, weights, n, to);
            }
        });
    }

    /// Goes back through the layers from the last one on, calling `visit` with each.
    fn propagate(
        &self,
        params: &[f32],
        batch: usize,
        scratch: &mut Activations,
        output_gradient: &[f32],
        visit: &mut dyn FnMut(Passed<'_>),
    ) {
        let Activations { outputs, gradients, normalized, transposed } = scratch;
        let last = self.layers.len() - 1;
        if let Some(dueling) = &self.dueling {
            dueling.spread(output_gradient, self.output_stride(), &mut gradients[last][..batch * self.output_stride()]);
        }
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let (k, n) = (layer.inputs, layer.outputs);
            let (below, above) = gradients.split_at_mut(l);
            let given = l == last && self.dueling.is_none();
            let dy = if given { &output_gradient[..batch * n] } else { &above[0][..batch * n] };
            visit(Passed { layer, number: l, dy, outputs, normalized: &normalized[l] });
            if let Some(dx) = below.last_mut() {
                transposed.resize(transposed.len().max(k * n), 0.0);
                transpose(self.isa, &params[layer.weight..layer.weight + k * n], k, n, transposed);
                let dx = &mut dx[..batch * k];
                // The head's padding is zeros: its columns need not be summed over.
                matmul(self.isa, batch, k, layer.used, Strided::rows(dy, n), transposed, dx, Epilogue::Zero);
                scale_by_slope(self.isa, self.activation, &outputs[l - 1][..batch * k], dx);
                if self.layers[l - 1].norm {
                    layer_norm::backward(&self.layers[l - 1], params, dx, &mut normalized[l - 1]);
                }
            }
        }
    }

    /// The slope of a function of the outputs by each input at `x`, a single row: what it hangs on. `by_outputs` is given
    /// the outputs and zeros, for the function's slope by each output.
    ///
    /// # Panics
    /// If `params` or `x` is too short.
    pub fn input_gradient(
        &self,
        params: &[f32],
        x: &[f32],
        by_outputs: impl FnOnce(&[f32], &mut [f32]),
        scratch: &mut Activations,
    ) -> Vec<f32> {
        let mut slope = vec![0.0; self.output_stride()];
        by_outputs(self.forward(params, x, 1, scratch), &mut slope);
        if let Some(dueling) = &self.dueling {
            let by_output = slope.clone();
            dueling.spread(&by_output, self.output_stride(), &mut slope);
        }
        for (l, layer) in self.layers.iter().enumerate().rev() {
            if l + 1 < self.layers.len() {
                scale_by_slope(self.isa, self.activation, &scratch.outputs[l][..layer.outputs], &mut slope);
                if layer.norm {
                    layer_norm::backward(layer, params, &mut slope, &mut scratch.normalized[l]);
                }
            }
            let rows = params[layer.weight..layer.bias].chunks_exact(layer.outputs);
            slope = rows.map(|row| row.iter().zip(&slope).map(|(w, s)| w * s).sum()).collect();
        }
        slope
    }

    /// The parameters by name, without padding.
    pub fn tensors(&self, flat: &[f32]) -> Vec<NamedTensor> {
        self.linears().flat_map(|(layer, linear)| layer.tensors(linear, flat)).collect()
    }

    /// The flat buffer that holds the parameters `find` gives by name, whatever name they carry themselves.
    ///
    /// # Errors
    /// The first that is missing or of another shape.
    pub fn flatten(&self, find: impl Fn(&str) -> Option<NamedTensor>) -> Result<Vec<f32>, TensorMismatch> {
        let mut flat = vec![0.0; self.flat_len()];
        for (layer, linear) in self.linears() {
            let tensors = layer.tensors(linear, &flat).into_iter().map(|expected| match find(&expected.name) {
                Some(tensor) if tensor.shape == expected.shape => Ok(tensor.values),
                found => {
                    let found = found.map(|tensor| tensor.shape);
                    Err(TensorMismatch { name: expected.name, expected: expected.shape, found })
                }
            });
            let values = tensors.collect::<Result<Vec<_>, _>>()?.concat();
            let places = layer.weights(linear).chain(layer.biases(linear));
            places.zip(values).for_each(|(at, value)| flat[at] = value);
        }
        Ok(flat)
    }

    /// The linear maps, each with the layer that it is in.
    fn linears(&self) -> impl Iterator<Item = (&Layer, &Linear)> {
        self.layers.iter().flat_map(|layer| layer.linears.iter().map(move |linear| (layer, linear)))
    }

    /// What the form of dfdx's own operations needs.
    pub(super) fn layers(&self) -> (&[Layer], Option<&Dueling>) {
        (&self.layers, self.dueling.as_ref())
    }

    /// Units of each hidden layer.
    pub fn hidden(&self) -> &[usize] {
        &self.hidden
    }

    /// Whether value and advantages are learnt apart.
    pub fn is_dueling(&self) -> bool {
        self.dueling.is_some()
    }

    /// Whether hidden layers are normalized.
    pub fn is_normalized(&self) -> bool {
        self.layers[0].norm
    }

    /// What follows each hidden layer.
    pub fn activation(&self) -> Activation {
        self.activation
    }
}

impl Activations {
    /// The outputs of each layer.
    pub(super) fn outputs(&self) -> &[Vec<f32>] {
        &self.outputs
    }

    fn fit(&mut self, mlp: &Mlp, batch: usize) {
        self.outputs.resize_with(mlp.layers.len(), Vec::new);
        self.gradients.resize_with(mlp.layers.len(), Vec::new);
        self.normalized.resize_with(mlp.layers.len(), Normalized::default);
        for ((layer, output), gradient) in mlp.layers.iter().zip(&mut self.outputs).zip(&mut self.gradients) {
            let needed = batch * layer.outputs;
            if output.len() < needed {
                output.resize(needed, 0.0);
                gradient.resize(needed, 0.0);
            }
        }
    }
}

#[cfg(test)]
#[path = "mlp_tests.rs"]
mod tests;
