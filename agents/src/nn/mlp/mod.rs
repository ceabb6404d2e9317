//! The network that acts and learns, over one flat buffer of parameters: a multilayer perceptron, with convolutions before its
//! hidden layers where it sees an image.
//!
//! All weights live in one `[f32]`: copying them to an actor, averaging a target network, clipping a
//! gradient and stepping Adam are each one pass over one slice. Every layer's outputs are padded with zeros
//! to a multiple of 16 so that kernels have no edges; a padded weight gets no gradient and stays zero.
//!
//! | file | holds |
//! |---|---|
//! | `passes`, `narrow` | forward and backward; what actors run |
//! | `inputs` | what it reads, and the convolutions that see an image |
//! | `layer`, `dueling`, `layer_norm` | where its parameters lie and what they are called; value and advantages learnt apart; normalized layers |
//! | `activation` | what follows a layer |
//! | `init`, `orthogonal` | what it begins as |
//! | `branch` | a value function behind the same convolutions |
//! | `implicit` | quantiles of any fraction of returns |
//! | `lstm` | what a network remembers of sequences of rows |
//! | `noisy` | noise in its parameters, as deep as is learnt |
//! | `state_dependent` | deviations of actions that depend on the state |
//! | `dead_units` | units that never answer |
//! | `weights`, `onnx` | it on disk, and as a graph of ONNX |

pub(crate) mod activation;
pub(crate) mod branch;
pub(crate) mod dead_units;
pub(crate) mod dueling;
pub(crate) mod implicit;
pub(crate) mod init;
pub(crate) mod inputs;
pub(crate) mod layer;
pub(crate) mod layer_norm;
pub(crate) mod lstm;
pub(crate) mod narrow;
pub(crate) mod noisy;
pub(crate) mod onnx;
pub(crate) mod orthogonal;
pub(crate) mod passes;
pub(crate) mod state_dependent;
pub(crate) mod weights;

use std::ops::Range;

use crate::nn::kernels::matmul::pad;
use crate::nn::kernels::simd::Isa;
use activation::Activation;
use branch::Branch;
use dueling::Dueling;
use implicit::Implicit;
use inputs::Inputs;
use layer::{Layer, Linear, NamedTensor, TensorMismatch, add_layer, normalized, sequential};
use lstm::Lstm;
use passes::Activations;
use state_dependent::StateDependent;

/// The shape of a network and where each layer's parameters lie in the flat buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    reads: Inputs,
    layers: Vec<Layer>,
    dueling: Option<Dueling>,
    implicit: Option<Implicit>,
    lstm: Option<Lstm>,
    deviations: Option<StateDependent>,
    branch: Option<Branch>,
    /// Whether nothing follows the first hidden layer.
    projects: bool,
    /// σ₀ of a network with noise.
    noisy_std_init: Option<f64>,
    hidden: Vec<usize>,
    outputs: usize,
    activation: Activation,
    isa: Isa,
}

impl Mlp {
    /// A network from `inputs`, a number of them or [`Inputs`], through the `hidden` layers, each followed by `activation`,
    /// to `outputs` linear values. What sees an image before hidden layers is followed by ReLUs.
    pub fn new(inputs: impl Into<Inputs>, hidden: &[usize], outputs: usize, activation: Activation) -> Self {
        let reads = inputs.into();
        let layers = sequential(&reads, hidden, outputs);
        let hidden = hidden.to_vec();
        Self {
            reads,
            layers,
            dueling: None,
            implicit: None,
            lstm: None,
            deviations: None,
            branch: None,
            projects: false,
            noisy_std_init: None,
            hidden,
            outputs,
            activation,
            isa: Isa::detect(),
        }
    }

    /// A dueling network (Wang et al. 2016): the last of the `hidden` layers is there twice, once for the value of
    /// the state and once for the advantages of the actions, and the outputs are value + advantage − mean advantage.
    /// Each action has `atoms` outputs, one after the other, and each of these is put together by itself.
    pub fn dueling(
        inputs: impl Into<Inputs>,
        hidden: &[usize],
        actions: usize,
        atoms: usize,
        activation: Activation,
    ) -> Self {
        let inputs = inputs.into();
        let (layers, dueling) = dueling::layers(&inputs, hidden, actions, atoms);
        Self { layers, dueling: Some(dueling), ..Self::new(inputs, hidden, actions * atoms, activation) }
    }

    /// A network of implicit quantiles (Dabney et al. 2018), dueling or not: it is asked for the quantile of any fraction of the
    /// returns of each action, which `cosines` numbers tell it of. What it is asked lies behind its input rows: as many
    /// fractions of each row as of the others, those of one row after the other. Without, it answers those of the middles of
    /// so many `fractions` of equal size. Its outputs are quantiles of one action after the other.
    ///
    /// # Panics
    /// If there is no hidden layer.
    pub fn implicit(
        inputs: impl Into<Inputs>,
        hidden: &[usize],
        actions: usize,
        [cosines, fractions]: [usize; 2],
        activation: Activation,
        dueling: bool,
    ) -> Self {
        let plain = match dueling {
            true => Self::dueling(inputs, hidden, actions, 1, activation),
            false => Self::new(inputs, hidden, actions, activation),
        };
        let implicit = Implicit::new(&plain.layers, actions, cosines, fractions);
        Self { implicit: Some(implicit), outputs: actions * fractions, ..plain }
    }

    /// A network as [`new`](Self::new)'s whose hidden layers are normalized before their activation (Ba et al. 2016).
    pub fn layer_norm(inputs: impl Into<Inputs>, hidden: &[usize], outputs: usize, activation: Activation) -> Self {
        let inputs = inputs.into();
        Self { layers: normalized(&inputs, hidden, outputs), ..Self::new(inputs, hidden, outputs, activation) }
    }

    /// A network whose outputs are the means of a Gaussian of so many `dimensions` and, after them, the logarithms of its
    /// standard deviations, which depend on no input: the policy of A2C and PPO.
    pub fn gaussian(inputs: impl Into<Inputs>, hidden: &[usize], dimensions: usize, activation: Activation) -> Self {
        let inputs = inputs.into();
        let mut layers = sequential(&inputs, hidden, dimensions);
        if let Some(head) = layers.pop() {
            let mut linears = head.linears;
            linears.push(Linear::new("log_std".into(), 0..0, dimensions..2 * dimensions));
            add_layer(&mut layers, inputs.width(), linears);
        }
        Self { layers, outputs: 2 * dimensions, ..Self::new(inputs, hidden, dimensions, activation) }
    }

    /// The same with `layers` of `hidden_size` units that remember what they have read (`lstm.rs`) before the hidden
    /// layers. What rows are a sequence and what is remembered at its beginning lies behind the input rows: for each sequence
    /// how many rows it has, and then [`memory_len`](Self::memory_len) numbers. Without, each row begins with nothing
    /// remembered.
    pub fn remembering(self, hidden_size: usize, layers: usize) -> Self {
        let at = self.layers.len() - 1 - self.hidden.len();
        let mut layers_before = self.layers;
        let behind = layers_before.split_off(at);
        let reads = layers_before.last().map_or([self.reads.width(); 2], |last| [last.outputs, last.width()]);
        let begin = layers_before.last().map_or(0, Layer::end);
        let mut own = Vec::new();
        for (l, mut layer) in behind.into_iter().enumerate() {
            let linears = layer.linears.iter_mut().filter(|linear| l == 0 && !linear.inputs.is_empty());
            linears.for_each(|linear| linear.inputs = 0..hidden_size);
            add_layer(&mut own, pad(hidden_size), layer.linears);
        }
        for layer in &mut own {
            (layer.weight, layer.bias) = (layer.weight + begin, layer.bias + begin);
        }
        let begin = own.last().map_or(begin, Layer::end);
        layers_before.extend(own);
        Self { layers: layers_before, lstm: Some(Lstm::new([hidden_size, layers], reads, at, begin)), ..self }
    }

    /// The same with nothing behind the first hidden layer: it only brings what is read to another number of numbers.
    pub fn projecting(self) -> Self {
        Self { projects: true, ..self }
    }

    /// The same as a policy of state-dependent exploration (`state_dependent.rs`): means, and deviations that depend on the state,
    /// where there were twice as many outputs as an action has numbers. Whether actions are squashed afterwards says what is
    /// learnt. Layers that remember are there before.
    pub fn state_dependent(mut self, squashed: bool) -> Self {
        let (at, actions) = (self.layers.len() - 1, self.outputs / 2);
        let last = &mut self.layers[at];
        self.deviations = Some(StateDependent::of(last, actions, squashed));
        let behind = last.behind;
        for layer in self.lstm.iter_mut().flat_map(|lstm| lstm.layers.iter_mut().flatten()) {
            (layer.weight, layer.bias) = (layer.weight + behind, layer.bias + behind);
        }
        self
    }

    /// The same with noise of so great a σ₀ in its last two layers (Fortunato et al. 2018), which only training knows of:
    /// see [`Network::set_noise`](crate::nn::Network::set_noise).
    pub fn noisy(self, std_init: f64) -> Self {
        Self { noisy_std_init: Some(std_init), ..self }
    }

    /// σ₀ of the noise, if there is any.
    pub(crate) fn noisy_std_init(&self) -> Option<f64> {
        self.noisy_std_init
    }

    /// The same on a given instruction set, for comparing them.
    #[cfg(test)]
    pub(crate) fn on(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    pub(crate) fn last(&self) -> &Layer {
        &self.layers[self.layers.len() - 1]
    }

    /// Numbers in an input row.
    pub fn inputs(&self) -> usize {
        self.reads.width()
    }

    /// What an input row is.
    pub fn reads(&self) -> &Inputs {
        &self.reads
    }

    /// Values in an output row, without those of a value function.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Floats from one output row to the next: [`outputs`](Self::outputs) and then zeros.
    pub fn output_stride(&self) -> usize {
        self.implicit.as_ref().map_or(self.last().outputs, |implicit| implicit.stride(implicit.fractions()))
    }

    /// The same of a network of implicit quantiles that is asked for so many of each row; of others it is always the same.
    pub fn output_stride_of(&self, fractions: usize) -> usize {
        self.implicit.as_ref().map_or(self.last().outputs, |implicit| implicit.stride(fractions))
    }

    /// Length of the flat buffer, padding included.
    pub fn flat_len(&self) -> usize {
        self.all_layers().last().map_or(0, Layer::end)
    }

    /// Parameters as people count them.
    pub fn num_parameters(&self) -> usize {
        let linears = self.all_layers().flat_map(|layer| &layer.linears);
        linears.map(|linear| (linear.inputs.len() + 1) * linear.outputs.len()).sum()
    }

    /// Floats that a forward and a backward pass leave of each row: what the layers put out, and the gradients by it.
    pub fn activations_len(&self) -> usize {
        2 * self.passes().map(|layer| layer.outputs).sum::<usize>()
    }

    /// The instruction set that the kernels run on.
    pub fn isa(&self) -> Isa {
        self.isa
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
        self.all_layers().flat_map(|layer| layer.linears.iter().map(move |linear| (layer, linear)))
    }

    /// All layers, and after them what takes fractions in or remembers.
    pub(crate) fn all_layers(&self) -> impl Iterator<Item = &Layer> {
        let lstm = self.lstm.iter().flat_map(|lstm| lstm.layers.iter().flatten());
        self.passes().chain(self.implicit.as_ref().map(|implicit| &implicit.embedding)).chain(lstm)
    }

    /// What remembers, if anything does.
    pub(crate) fn lstm(&self) -> Option<&Lstm> {
        self.lstm.as_ref()
    }

    /// How deviations depend on the state, if they do.
    pub(crate) fn deviations(&self) -> Option<StateDependent> {
        self.deviations
    }

    /// Units of each layer that remembers, and how many such layers there are; 0 and 0 if nothing does.
    pub fn lstm_shape(&self) -> [usize; 2] {
        self.lstm.as_ref().map_or([0; 2], |lstm| [lstm.hidden_size, lstm.layers.len()])
    }

    /// Numbers that are remembered from one row of a sequence to the next: h and c of each layer; 0 if nothing is.
    pub fn memory_len(&self) -> usize {
        self.lstm.as_ref().map_or(0, Lstm::memory_len)
    }

    /// What is remembered after each row of the last [`forward`](Self::forward) with this `scratch`,
    /// [`memory_len`](Self::memory_len) numbers each, and rows of larger batches before it.
    pub fn memories<'a>(&self, scratch: &'a Activations) -> &'a [f32] {
        scratch.unrolled.memories()
    }

    /// Where fractions are taken in, if they are.
    pub(crate) fn takes_fractions(&self) -> Option<&Implicit> {
        self.implicit.as_ref()
    }

    /// Numbers that tell a network of implicit quantiles of a fraction.
    pub fn embedding_dim(&self) -> Option<usize> {
        self.implicit.as_ref().map(|implicit| implicit.cosines)
    }

    /// What the form of dfdx's own operations needs.
    pub(crate) fn layers(&self) -> (&[Layer], Option<&Dueling>) {
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

    /// Whether the first hidden layer only projects.
    pub(crate) fn projects(&self) -> bool {
        self.projects
    }

    /// The number of the first hidden layer, where that only projects.
    pub(crate) fn projection(&self) -> Option<usize> {
        self.projects.then(|| self.layers.len() - 1 - self.hidden.len())
    }

    /// Whether hidden layers are normalized.
    pub fn is_normalized(&self) -> bool {
        self.layers.iter().any(|layer| layer.norm)
    }

    /// What follows layer number `l`; nothing follows the last, nor that of values.
    pub(crate) fn activation_after(&self, l: usize) -> Option<Activation> {
        let hidden = self.layers.len() - 1 - self.hidden.len();
        match l {
            _ if self.is_answer(l) => None,
            _ if l == hidden && self.projects => None,
            _ if l < hidden => Some(Activation::Relu),
            _ => Some(self.activation),
        }
    }

    /// Whether what layer number `l` makes is answered and not read by another.
    pub(crate) fn is_answer(&self, l: usize) -> bool {
        l + 1 == self.layers.len() || l + 1 == self.passes().count()
    }

    /// Activation of hidden layers.
    pub fn activation(&self) -> Activation {
        self.activation
    }
}

#[cfg(test)]
mod tests;
