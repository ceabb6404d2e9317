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
use super::layer::{Layer, Linear, NamedTensor, TensorMismatch, add_layer, sequential};
use super::matmul::{Epilogue, Strided, add_column_sums, matmul, products_of_rows, transpose};
use super::orthogonal::orthogonal;
use super::simd::Isa;

/// The shape of a network and where each layer's parameters lie in the flat buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    layers: Vec<Layer>,
    dueling: Option<Dueling>,
    hidden: Vec<usize>,
    outputs: usize,
    activation: Activation,
    isa: Isa,
}

/// Looks at a layer on the way back: the layer, its number, the gradient by its outputs, and the outputs of all layers.
type Visit<'a> = &'a mut dyn FnMut(&Layer, usize, &[f32], &[Vec<f32>]);

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

impl Mlp {
    /// A network from `inputs` through the `hidden` layers, each followed by `activation`, to `outputs`
    /// linear values.
    pub fn new(inputs: usize, hidden: &[usize], outputs: usize, activation: Activation) -> Self {
        let layers = sequential(inputs, hidden, outputs);
        Self { layers, dueling: None, hidden: hidden.to_vec(), outputs, activation, isa: Isa::detect() }
    }

    /// A dueling network (Wang et al. 2016): the last of the `hidden` layers is there twice, once for the value of
    /// the state and once for the advantages of the actions, and the outputs are value + advantage − mean advantage.
    pub fn dueling(inputs: usize, hidden: &[usize], actions: usize, activation: Activation) -> Self {
        let (layers, dueling) = dueling::layers(inputs, hidden, actions);
        Self { layers, dueling: Some(dueling), ..Self::new(inputs, hidden, actions, activation) }
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
        self.last().bias + self.last().outputs
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
        flat
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
            let epilogue = match (hidden, self.activation) {
                (true, Activation::Relu) => Epilogue::BiasRelu(bias),
                _ => Epilogue::Bias(bias),
            };
            let (k, n) = (layer.inputs, layer.outputs);
            matmul(self.isa, batch, n, k, Strided::rows(input, k), &params[layer.weight..], output, epilogue);
            if hidden && self.activation != Activation::Relu {
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
        self.propagate(params, batch, scratch, output_gradient, &mut |layer, l, dy, outputs| {
            let (k, n) = (layer.inputs, layer.outputs);
            let input = if l == 0 { x } else { outputs[l - 1].as_slice() };
            let dw = &mut gradient[layer.weight..layer.weight + k * n];
            matmul(self.isa, k, n, batch, Strided::transposed(input, k), dy, dw, Epilogue::Accumulate);
            if let Some(mask) = &layer.mask {
                dw.iter_mut().zip(mask).for_each(|(dw, mask)| *dw *= mask);
            }
            add_column_sums(self.isa, dy, &mut gradient[layer.bias..layer.bias + n]);
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
        self.propagate(params, batch, scratch, output_gradient, &mut |layer, l, dy, _| {
            if l == 0 {
                let n = layer.outputs;
                let weights = &params[layer.weight + columns.start * n..layer.weight + columns.end * n];
                to.resize(batch * columns.len(), 0.0);
                products_of_rows(self.isa, dy, weights, n, to);
            }
        });
    }

    /// Goes back through the layers from the last one on, calling `visit` with each layer, its number, the gradient by
    /// its outputs and the outputs of all layers.
    fn propagate(
        &self,
        params: &[f32],
        batch: usize,
        scratch: &mut Activations,
        output_gradient: &[f32],
        visit: Visit<'_>,
    ) {
        let Activations { outputs, gradients, transposed } = scratch;
        let last = self.layers.len() - 1;
        if let Some(dueling) = &self.dueling {
            dueling.spread(output_gradient, self.output_stride(), &mut gradients[last][..batch * self.output_stride()]);
        }
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let (k, n) = (layer.inputs, layer.outputs);
            let (below, above) = gradients.split_at_mut(l);
            let given = l == last && self.dueling.is_none();
            let dy = if given { &output_gradient[..batch * n] } else { &above[0][..batch * n] };
            visit(layer, l, dy, outputs);
            if let Some(dx) = below.last_mut() {
                transposed.resize(transposed.len().max(k * n), 0.0);
                transpose(self.isa, &params[layer.weight..layer.weight + k * n], k, n, transposed);
                let dx = &mut dx[..batch * k];
                // The head's padding is zeros: its columns need not be summed over.
                matmul(self.isa, batch, k, layer.used, Strided::rows(dy, n), transposed, dx, Epilogue::Zero);
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
        if let Some(dueling) = &self.dueling {
            let by_output = slope.clone();
            dueling.spread(&by_output, self.output_stride(), &mut slope);
        }
        for (l, layer) in self.layers.iter().enumerate().rev() {
            if l + 1 < self.layers.len() {
                scale_by_slope(self.isa, self.activation, &scratch.outputs[l][..layer.outputs], &mut slope);
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

    /// What follows each hidden layer.
    pub fn activation(&self) -> Activation {
        self.activation
    }
}

impl Activations {
    fn fit(&mut self, mlp: &Mlp, batch: usize) {
        self.outputs.resize_with(mlp.layers.len(), Vec::new);
        self.gradients.resize_with(mlp.layers.len(), Vec::new);
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
        let kinds = [Mlp::new as fn(_, &[usize], _, _) -> Mlp, Mlp::dueling, Mlp::gaussian];
        for (isa, kind) in Isa::available().into_iter().flat_map(|isa| (0..kinds.len()).map(move |kind| (isa, kind))) {
            for activation in [Activation::Relu, Activation::Tanh] {
                let mlp = kinds[kind](5, &[24, 9], 3, activation).on(isa);
                let params = mlp.init(&mut rng);
                let batch = 6;
                let x: Vec<f32> = (0..batch * 5).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
                let mut weights = vec![0.0; batch * mlp.output_stride()];
                for row in weights.chunks_exact_mut(mlp.output_stride()) {
                    row[..mlp.outputs()].fill_with(|| rng.uniform(-1.0, 1.0) as f32);
                }
                let mut scratch = Activations::default();
                mlp.forward(&params, &x, batch, &mut scratch);
                let mut gradient = vec![0.0; mlp.flat_len()];
                mlp.backward(&params, &x, batch, &mut scratch, &weights, &mut gradient);
                let places = |(layer, linear): (&Layer, &Linear)| layer.weights(linear).chain(layer.biases(linear));
                let real: std::collections::BTreeSet<usize> = mlp.linears().flat_map(places).collect();
                assert_eq!(real.len(), mlp.num_parameters());
                for at in real.iter().copied().step_by(7) {
                    let step = 1e-3;
                    let (mut up, mut down) = (params.clone(), params.clone());
                    up[at] += step;
                    down[at] -= step;
                    let slope = (loss(&mlp, &up, &x, batch, &weights) - loss(&mlp, &down, &x, batch, &weights))
                        / (2.0 * f64::from(step));
                    assert!(
                        (slope - f64::from(gradient[at])).abs() < 2e-2 * slope.abs().max(0.1),
                        "{isa} {activation} kind {kind} {at}: {slope} {}",
                        gradient[at]
                    );
                }
                assert!((0..mlp.flat_len()).all(|i| real.contains(&i) || gradient[i] == 0.0), "padding got a gradient");

                let mut by_input = Vec::new();
                mlp.backward_to_input(&params, batch, &mut scratch, &weights, 2..5, &mut by_input);
                assert_eq!(by_input.len(), 3 * batch);
                for (i, found) in by_input.iter().enumerate() {
                    let (at, step) = (i / 3 * 5 + 2 + i % 3, 1e-3);
                    let (mut up, mut down) = (x.clone(), x.clone());
                    up[at] += step;
                    down[at] -= step;
                    let slope = (loss(&mlp, &params, &up, batch, &weights)
                        - loss(&mlp, &params, &down, batch, &weights))
                        / (2.0 * f64::from(step));
                    assert!((slope - f64::from(*found)).abs() < 2e-2 * slope.abs().max(0.1), "{i}: {slope} {found}");
                }
            }
        }
    }

    #[test]
    fn slopes_by_the_input_agree_with_finite_differences() {
        let mut rng = Generator::new(4);
        let (relu, tanh) = (Activation::Relu, Activation::Tanh);
        let plain = [relu, tanh].map(|activation| Mlp::new(5, &[24, 9], 3, activation));
        for mlp in plain.into_iter().chain([Mlp::dueling(5, &[24, 9], 3, tanh)]) {
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
                assert!((slope - expected).abs() < 2e-3, "{mlp:?} {i}: {slope} {expected}");
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

    /// Names as a PyTorch module with `network`, `value_head` and `advantage_head` has them, for any depth.
    #[test]
    fn a_dueling_networks_tensors_are_those_of_its_streams() {
        let names = |hidden: &[usize]| {
            let mlp = Mlp::dueling(4, hidden, 20, Activation::Relu);
            let params = mlp.init(&mut Generator::new(3));
            let tensors = mlp.tensors(&params);
            assert_eq!(tensors.iter().map(|t| t.values.len()).sum::<usize>(), mlp.num_parameters());
            let find = |name: &str| tensors.iter().find(|t| t.name == name).cloned();
            assert_eq!(mlp.flatten(find).expect("the same shapes"), params);
            let weights =
                tensors.iter().filter_map(|t| Some((t.name.strip_suffix(".weight")?.to_string(), t.shape.clone())));
            weights.map(|(name, shape)| format!("{name} {shape:?}")).collect::<Vec<_>>().join(", ")
        };
        let streams = "value_head.2 [1, 9], advantage_head.2 [20, 9]";
        assert_eq!(
            names(&[32, 9]),
            format!("network.0 [32, 4], value_head.0 [9, 32], advantage_head.0 [9, 32], {streams}")
        );
        assert_eq!(names(&[9]), format!("value_head.0 [9, 4], advantage_head.0 [9, 4], {streams}"));
        assert_eq!(names(&[]), "value_head.0 [1, 4], advantage_head.0 [20, 4]");
    }

    #[test]
    fn a_vector_that_hangs_on_no_input_has_its_own_name() {
        let mlp = Mlp::gaussian(4, &[20], 3, Activation::Tanh);
        let params = mlp.init(&mut Generator::new(3));
        let names: Vec<_> = mlp.tensors(&params).into_iter().map(|t| format!("{} {:?}", t.name, t.shape)).collect();
        assert_eq!(names, ["0.weight [20, 4]", "0.bias [20]", "2.weight [3, 20]", "2.bias [3]", "log_std [3]"]);
        assert_eq!((mlp.names().len(), mlp.norms(&params).len()), (5, 5));
        let tensors = mlp.tensors(&params);
        let find = |name: &str| tensors.iter().find(|t| t.name == name).cloned();
        assert_eq!(mlp.flatten(find).expect("the same shapes"), params);
    }

    /// Q = V + A − mean A, with the streams computed apart by networks of their own.
    #[test]
    fn a_dueling_network_is_its_streams_put_together() {
        let mut rng = Generator::new(11);
        let (mlp, batch) = (Mlp::dueling(5, &[7, 18], 3, Activation::Relu), 4);
        let params = mlp.init(&mut rng);
        let tensors = mlp.tensors(&params);
        let x: Vec<f32> = (0..batch * 5).map(|_| rng.uniform(-2.0, 2.0) as f32).collect();
        let stream = |head: &str, outputs: usize| {
            let mlp = Mlp::new(5, &[7, 18], outputs, Activation::Relu);
            let names = [("0.", "network.0.".into()), ("2.", format!("{head}.0.")), ("4.", format!("{head}.2."))];
            let find = |name: &str| {
                let (ours, theirs) = names.iter().find(|(ours, _)| name.starts_with(ours))?;
                tensors.iter().find(|t| t.name == name.replacen(ours, theirs, 1)).cloned()
            };
            let params = mlp.flatten(find).expect("the same shapes");
            let mut scratch = Activations::default();
            let rows = mlp.forward(&params, &x, batch, &mut scratch).chunks_exact(mlp.output_stride());
            rows.map(|row| row[..outputs].to_vec()).collect::<Vec<_>>()
        };
        let (values, advantages) = (stream("value_head", 1), stream("advantage_head", 3));
        let mut scratch = Activations::default();
        let rows = mlp.forward(&params, &x, batch, &mut scratch).chunks_exact(mlp.output_stride());
        for ((row, value), advantages) in rows.zip(values).zip(advantages) {
            let mean = advantages.iter().sum::<f32>() / 3.0;
            for (q, advantage) in row.iter().zip(&advantages) {
                assert!((q - (value[0] + advantage - mean)).abs() < 1e-5);
            }
            assert!(row[3..].iter().all(|padding| *padding == 0.0));
        }
    }
}
