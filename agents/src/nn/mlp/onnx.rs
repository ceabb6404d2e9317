//! A network as a graph of ONNX.

use std::ops::Range;

use super::Mlp;
use super::activation::Activation;
use super::implicit::Implicit;
use super::layer::Layer;
use super::layer_norm::EPSILON;
use super::lstm::Lstm;
use super::state_dependent::CLIP_MEAN;
use crate::onnx::{Attribute, Graph};

/// What a network answers.
pub(crate) struct Answers {
    /// Outputs, `[batch, outputs]`, but for deviations that the last layer does not answer beside means.
    pub(crate) outputs: String,
    /// Whether exploration depends on the state, so that `outputs` are means alone.
    pub(crate) is_state_dependent: bool,
    /// Logarithms of standard deviations that depend on no input, where there are such.
    pub(crate) log_std: Option<Vec<f32>>,
    /// h and c after this step, `[layers, batch, units]`, of what remembers.
    pub(crate) memories: Option<[String; 2]>,
}

/// Values that lie side by side in a layer's outputs, by where.
type Streams = Vec<(Range<usize>, String)>;

impl Mlp {
    /// Adds the network with the parameters `flat` to a graph: `x` are values of `[batch, numbers]` that are its inputs, one after
    /// the other, of which the first is an image channel by channel, `[batch, channels, height, width]`, where it sees one;
    /// `memories` are h and c of what remembers. Parameters are called as in
    /// weights files, behind `prefix`.
    pub(crate) fn to_graph(
        &self,
        flat: &[f32],
        prefix: &str,
        graph: &mut Graph,
        x: &[String],
        memories: Option<[String; 2]>,
    ) -> Answers {
        let is_state_dependent = self.is_state_dependent();
        let mut answers = Answers { outputs: String::new(), is_state_dependent, log_std: None, memories: None };
        let (seen, beside) = if self.reads().cnn().is_some() { x.split_at(1) } else { (x, &x[..0]) };
        let mut streams: Streams = vec![(0..self.inputs(), graph.concat(seen, 1))];
        let mut is_picture = false;
        let (layers, dueling) = self.layers();
        for (l, layer) in layers.iter().enumerate() {
            if let Some(implicit) = self.takes_fractions().filter(|implicit| implicit.at == l) {
                streams.iter_mut().for_each(|(place, psi)| *psi = implicit.to_graph(flat, graph, place.clone(), psi));
            }
            if let (Some(lstm), Some(memories)) = (self.lstm().filter(|lstm| lstm.at == l), &memories) {
                let (h, after) = lstm.to_graph(flat, prefix, graph, whole_of(&streams), memories);
                (streams, answers.memories) = (whole(h), Some(after));
            }
            if is_picture && layer.conv.is_none() {
                streams = whole(graph.flatten(whole_of(&streams)));
            }
            is_picture = layer.conv.is_some();
            streams = layer.to_graph(flat, prefix, graph, &streams);
            let activation = match self.activation_after(l) {
                Some(Activation::Relu) => "Relu",
                Some(Activation::Tanh) => "Tanh",
                Some(Activation::Elu) => "Elu",
                Some(Activation::LeakyRelu) => "LeakyRelu",
                None => continue,
            };
            streams.iter_mut().for_each(|(_, value)| *value = graph.op(activation, &[value], &[]));
            if !layer.beside.is_empty() {
                streams = whole(graph.concat(&[&[whole_of(&streams).to_owned()], beside].concat(), 1));
            }
        }
        let last = self.last();
        answers.outputs = match (dueling, streams.as_slice()) {
            (Some(_), [(_, value), (_, advantages)]) => {
                let atoms = last.linears[0].outputs.len() as i64;
                let value = graph.reshape(value, &[-1, 1, atoms]);
                let advantages = graph.reshape(advantages, &[-1, last.linears[1].outputs.len() as i64 / atoms, atoms]);
                let mean = graph.op("ReduceMean", &[&advantages], &[Attribute::Ints("axes", &[1])]);
                let better = graph.op("Sub", &[&advantages, &mean], &[]);
                let outputs = graph.op("Add", &[&value, &better], &[]);
                graph.flatten(&outputs)
            }
            _ => whole_of(&streams).to_owned(),
        };
        if self.deviations().is_some_and(|own| own.squashed) {
            let bounds = [-CLIP_MEAN, CLIP_MEAN].map(|bound| graph.floats(&[], &[bound]));
            answers.outputs = graph.op("Clip", &[&answers.outputs, &bounds[0], &bounds[1]], &[]);
        }
        if let (None, Some(place)) = (self.deviations(), self.biases("log_std")) {
            answers.log_std = Some(flat[place].to_vec());
        }
        if let Some(implicit) = self.takes_fractions() {
            // From fraction by fraction to action by action.
            let fractions = implicit.fractions() as i64;
            let outputs = graph.reshape(&answers.outputs, &[-1, fractions, self.outputs() as i64 / fractions]);
            let outputs = graph.op("Transpose", &[&outputs], &[Attribute::Ints("perm", &[0, 2, 1])]);
            answers.outputs = graph.flatten(&outputs);
        }
        answers
    }
}

/// A value that is all outputs.
fn whole(value: String) -> Streams {
    vec![(0..0, value)]
}

fn whole_of(streams: &Streams) -> &str {
    &streams[0].1
}

impl Layer {
    /// What it makes of what is below it: a value of each of its linear maps.
    fn to_graph(&self, flat: &[f32], prefix: &str, graph: &mut Graph, below: &Streams) -> Streams {
        let mut streams = Streams::new();
        for linear in self.linears.iter().filter(|linear| !linear.inputs.is_empty()) {
            let x = below.iter().find(|(place, _)| *place == linear.inputs).unwrap_or(&below[0]);
            let named = self.tensors(linear, flat);
            let [weight, bias] = [0, 1].map(|at| {
                let tensor = &named[at];
                graph.weights(&format!("{prefix}.{}", tensor.name), &tensor.shape, &tensor.values)
            });
            let mut y = match self.conv {
                Some(conv) => {
                    let strides = Attribute::Ints("strides", &[conv.stride; 2]);
                    graph.op("Conv", &[&x.1, &weight, &bias], &[strides, Attribute::Ints("pads", &[conv.padding; 4])])
                }
                None => graph.linear(&x.1, &weight, &bias),
            };
            if self.norm {
                let own = [self.gain(), self.shift()].map(|place| flat[place][..self.used].to_vec());
                let [gain, shift] = own.map(|values| graph.floats(&[self.used], &values));
                let axis = Attribute::Int("axis", -1);
                let epsilon = Attribute::Float("epsilon", EPSILON);
                y = graph.op("LayerNormalization", &[&y, &gain, &shift], &[axis, epsilon]);
            }
            streams.push((linear.outputs.clone(), y));
        }
        streams
    }
}

impl Implicit {
    /// ψ(s) ⊙ φ(τ) of each row and each fraction, `[batch · fractions, width]`, of the columns of ψ that `psi` is. φ of the
    /// fractions that are meant is known before.
    fn to_graph(&self, flat: &[f32], graph: &mut Graph, columns: Range<usize>, psi: &str) -> String {
        let fractions = self.fractions_behind(&[], 1, 0);
        let (mut cosines, layer) = (Vec::new(), &self.embedding);
        self.cosines(&fractions, &mut cosines);
        let mut phi = Vec::with_capacity(fractions.len() * columns.len());
        for cosines in cosines.chunks_exact(layer.inputs) {
            phi.extend(columns.clone().map(|o| {
                let products = cosines.iter().enumerate().map(|(i, x)| x * flat[layer.weight + i * layer.columns + o]);
                (flat[layer.bias + o] + products.sum::<f32>()).max(0.0)
            }));
        }
        let phi = graph.floats(&[1, fractions.len(), columns.len()], &phi);
        let psi = graph.reshape(psi, &[-1, 1, columns.len() as i64]);
        let merged = graph.op("Mul", &[&psi, &phi], &[]);
        graph.reshape(&merged, &[-1, columns.len() as i64])
    }
}

impl Lstm {
    /// h of the last layer, and h and c of all after this step.
    fn to_graph(
        &self,
        flat: &[f32],
        prefix: &str,
        graph: &mut Graph,
        x: &str,
        before: &[String; 2],
    ) -> (String, [String; 2]) {
        let count = self.layers.len();
        let [h, c] = [0, 1].map(|of| graph.split(&before[of], 0, &vec![1; count]));
        let mut after = [Vec::new(), Vec::new()];
        let mut x = x.to_owned();
        for (l, layers) in self.layers.iter().enumerate() {
            let [h, c] = [&h[l], &c[l]].map(|value| graph.reshape(value, &[-1, self.hidden_size as i64]));
            let both = [(&layers[0], &x), (&layers[1], &h)]
                .map(|(layer, x)| layer.to_graph(flat, prefix, graph, &whole(x.clone())).remove(0).1);
            let sum = graph.op("Add", &[&both[0], &both[1]], &[]);
            let gates = graph.split(&sum, 1, &[self.hidden_size; 4]);
            let [i, f, o] = [0, 1, 3].map(|gate| graph.op("Sigmoid", &[&gates[gate]], &[]));
            let g = graph.op("Tanh", &[&gates[2]], &[]);
            let (kept, new) = (graph.op("Mul", &[&f, &c], &[]), graph.op("Mul", &[&i, &g], &[]));
            let c = graph.op("Add", &[&kept, &new], &[]);
            let tanh = graph.op("Tanh", &[&c], &[]);
            x = graph.op("Mul", &[&o, &tanh], &[]);
            for (after, value) in after.iter_mut().zip([&x, &c]) {
                after.push(graph.reshape(value, &[1, -1, self.hidden_size as i64]));
            }
        }
        let after = after.map(|values| graph.concat(&values, 0));
        (x, after)
    }
}
