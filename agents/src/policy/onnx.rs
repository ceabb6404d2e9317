//! A policy as a file of ONNX.

use cartwheel_envs::{ACTION_MASK, Dtype, Space, Statistics};

use super::Policy;
use crate::nn::Image;
use crate::onnx::{Attribute, Dim, Graph, Kind};

/// A `NormalizeObservation` that stood between the environment and the policy.
#[derive(Clone, Copy, Debug)]
pub struct Normalization<'a> {
    /// What it had learnt of observations.
    pub statistics: &'a Statistics,
    /// What it adds to the variance.
    pub epsilon: f64,
}

impl Policy {
    /// The policy as a file of ONNX, which chooses the best action for each observation of a batch as [`act`](Self::act) does.
    /// Those of `normalizations` are part of it, the innermost first: its observations are those that the first one is given,
    /// as float32. `metadata` are added to the file's by their keys.
    ///
    /// | input | |
    /// |---|---|
    /// | `observation` | observations as Gymnasium's spaces have them: float32, uint8 or int32 of a `Box`'s type and shape, int64 of a `Discrete` (`[batch]`) or `MultiDiscrete`, int8 of a `MultiBinary` |
    /// | `observation.key`, ... | in its place each part of a `Dict` or `Tuple` |
    /// | `h_0`, `c_0` | what a recurrent policy remembers, `[layers, batch, units]`; zeros where an episode begins |
    ///
    /// | output | |
    /// |---|---|
    /// | `action` | as the environment takes it: int64 of actions with numbers, float32 of a `Box` |
    /// | `q_values` | of what learns values: that of each action, `[batch, actions]` |
    /// | `logits` | of a categorical policy: those of each part's choices side by side |
    /// | `mean`, `log_std` | of a Gaussian, before bounds and tanh; without `log_std` where exploration depends on the state |
    /// | `h_n`, `c_n` | what is given as `h_0` and `c_0` in the next step |
    ///
    /// `observation_space` and `action_space` are among the file's metadata, in JSON.
    pub fn to_onnx(&self, normalizations: &[Normalization<'_>], metadata: &[(&str, String)]) -> Vec<u8> {
        let spaces = [("observation_space", self.observation_space()), ("action_space", self.action_space())];
        let spaces = spaces.map(|(key, space)| (key, serde_json::to_string(space).unwrap_or_default()));
        let mut graph = Graph::new(&[&spaces, metadata].concat());
        let mlp = self.mlp();
        let (mut parts, mut valid) = (Vec::new(), None);
        for leaf in self.observation_space().leaves() {
            let name = if leaf.name.is_empty() { "observation".into() } else { format!("observation.{}", leaf.name) };
            if self.features().masked() > 0 && leaf.name == ACTION_MASK {
                valid = Some(flags(leaf.space, &name, &mut graph));
                continue;
            }
            // A picture is the first of a row.
            let picture = self.features().picture().filter(|picture| picture.range == leaf.range);
            let at = if picture.is_some() { 0 } else { parts.len() };
            let seen = picture.map(|picture| picture.image).filter(|_| mlp.reads().cnn().is_some());
            parts.splice(at..at, features_of(leaf.space, &name, seen, normalizations, &mut graph));
        }
        let [units, layers] = mlp.lstm_shape();
        let of_memory = [Dim::Of(layers), Dim::Batch, Dim::Of(units)];
        let memories = (layers > 0).then(|| ["h_0", "c_0"].map(|name| graph.input_of(name, Kind::F32, &of_memory)));
        let answers = mlp.to_graph(&self.parameters, self.network_name(), &mut graph, &parts, memories);
        self.acting.actions.to_graph(self.action_space(), &answers, valid.as_deref(), &mut graph);
        for (name, value) in ["h_n", "c_n"].into_iter().zip(answers.memories.iter().flatten()) {
            graph.output_of(name, value, Kind::F32, &of_memory);
        }
        graph.into_bytes()
    }
}

/// What a network sees of a part of an observation, as [`Features`](crate::Features) says: values side by side, or channel by channel
/// of a picture that convolutions see.
fn features_of(
    space: &Space,
    name: &str,
    seen: Option<Image>,
    normalizations: &[Normalization<'_>],
    graph: &mut Graph,
) -> Vec<String> {
    match space {
        Space::Box { shape, dtype, high, .. } => {
            let given = graph.input(name, kind(*dtype), shape);
            let mut x = if matches!(dtype, Dtype::F32) { given } else { graph.cast(&given, Kind::F32) };
            for Normalization { statistics, epsilon } in normalizations {
                let of_batch = [&[1], shape.as_slice()].concat();
                let mean: Vec<_> = statistics.moments.mean.iter().map(|mean| *mean as f32).collect();
                let std = statistics.moments.var.iter().map(|var| (*var as f32 + *epsilon as f32).sqrt());
                let [mean, std] = [mean, std.collect()].map(|values| graph.floats(&of_batch, &values));
                let centered = graph.op("Sub", &[&x, &mean], &[]);
                x = graph.op("Div", &[&centered, &std], &[]);
            }
            if matches!(dtype, Dtype::U8) {
                let highest = graph.floats(&[], &[high.iter().copied().fold(1.0, f32::max)]);
                x = graph.op("Div", &[&x, &highest], &[]);
            }
            vec![match seen {
                Some(Image { height, width, channels, planes }) if planes == channels => {
                    graph.reshape(&x, &[-1, channels as i64, height as i64, width as i64])
                }
                Some(Image { height, width, channels, planes }) => {
                    let sizes = [planes, height, width, channels / planes].map(|size| size as i64);
                    let by_pixel = graph.reshape(&x, &[&[-1], &sizes[..]].concat());
                    let by_plane = graph.op("Transpose", &[&by_pixel], &[Attribute::Ints("perm", &[0, 1, 4, 2, 3])]);
                    graph.reshape(&by_plane, &[-1, channels as i64, sizes[1], sizes[2]])
                }
                None => graph.flatten(&x),
            }]
        }
        Space::MultiBinary { n } => {
            let given = graph.input(name, Kind::I8, &[*n]);
            vec![graph.cast(&given, Kind::F32)]
        }
        Space::Discrete { n, start } => {
            let given = graph.input(name, Kind::I64, &[]);
            vec![one_hot(&given, *n, *start, graph)]
        }
        Space::MultiDiscrete { nvec, start } => {
            let given = graph.input(name, Kind::I64, &[nvec.len()]);
            let each = graph.split(&given, 1, &vec![1; nvec.len()]);
            let of = |((value, n), start): ((&String, &i32), &i32)| {
                let number = graph.reshape(value, &[-1]);
                one_hot(&number, *n, *start, graph)
            };
            each.iter().zip(nvec).zip(start).map(of).collect()
        }
        // No leaf is a composite.
        _ => Vec::new(),
    }
}

/// Which actions are valid, of the part of an observation that tells it: all, where it says that none is.
fn flags(space: &Space, name: &str, graph: &mut Graph) -> String {
    let given = match space {
        Space::Box { shape, dtype, .. } => graph.input(name, kind(*dtype), shape),
        space => graph.input(name, Kind::I8, &[space.width()]),
    };
    let flat = graph.flatten(&given);
    // By way of truths: any number but 0 is as good as 1.
    let truths = graph.cast(&flat, Kind::Bool);
    let flags = graph.cast(&truths, Kind::F32);
    let most = graph.op("ReduceMax", &[&flags], &[Attribute::Ints("axes", &[1])]);
    graph.op("Equal", &[&flags, &most], &[])
}

fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F32 => Kind::F32,
        Dtype::U8 => Kind::U8,
        Dtype::I32 => Kind::I32,
    }
}

/// A 1 in the place of each number among `n` zeros, `[batch, n]`.
fn one_hot(numbers: &str, n: i32, start: i32, graph: &mut Graph) -> String {
    let (start, n) = (graph.integers(&[start.into()]), graph.integers(&[n.into()]));
    let numbers = graph.op("Sub", &[numbers, &start], &[]);
    let off_and_on = graph.floats(&[2], &[0.0, 1.0]);
    graph.op("OneHot", &[&numbers, &n, &off_and_on], &[])
}
