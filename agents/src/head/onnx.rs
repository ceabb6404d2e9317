//! What a network's outputs come to, as a graph of ONNX.

use cartwheel_envs::Space;

use super::{ActionHead, Head};
use crate::mask::INVALID;
use crate::nn::Answers;
use crate::onnx::{Attribute, Graph, Kind};

impl ActionHead {
    /// Adds the best action, as the environment takes it, to a graph as its output `action`, and what it was chosen by as
    /// another. `valid` are flags of the choices, `[batch, choices]`, where not all always are valid.
    pub(crate) fn to_graph(&self, space: &Space, answers: &Answers, valid: Option<&str>, graph: &mut Graph) {
        match self.head {
            Head::QValues | Head::Distribution(_) | Head::Quantiles(_) => {
                let values = self.values(&answers.outputs, graph);
                let values = masked(valid, &values, graph);
                let action = best(&values, false, graph);
                self.counted(action, &[], graph);
                graph.output("q_values", &values, Kind::F32, &[self.choices()]);
            }
            Head::Categorical => {
                let logits = masked(valid, &answers.outputs, graph);
                if matches!(space, Space::Discrete { .. }) {
                    let action = best(&logits, false, graph);
                    self.counted(action, &[], graph);
                } else {
                    let parts = graph.split(&logits, 1, &self.counts);
                    let actions: Vec<_> = parts.iter().map(|logits| best(logits, true, graph)).collect();
                    let action = graph.concat(&actions, 1);
                    self.counted(action, &[self.counts.len()], graph);
                }
                graph.output("logits", &logits, Kind::F32, &[self.choices()]);
            }
            Head::Gaussian | Head::SquashedGaussian | Head::Tanh => self.numbers(space, answers, graph),
        }
    }

    /// The value of each action.
    fn values(&self, outputs: &str, graph: &mut Graph) -> String {
        let of_each =
            |graph: &mut Graph| graph.reshape(outputs, &[-1, self.choices() as i64, self.head.atoms() as i64]);
        match self.head {
            Head::Distribution(support) => {
                let logits = of_each(graph);
                let chances = graph.op("Softmax", &[&logits], &[Attribute::Int("axis", -1)]);
                let returns: Vec<f32> = (0..support.n_atoms).map(|i| support.atom(i)).collect();
                let returns = graph.floats(&[returns.len()], &returns);
                graph.op("MatMul", &[&chances, &returns], &[])
            }
            Head::Quantiles(_) => {
                let quantiles = of_each(graph);
                let axis = [Attribute::Ints("axes", &[2]), Attribute::Int("keepdims", 0)];
                graph.op("ReduceMean", &[&quantiles], &axis)
            }
            _ => outputs.to_owned(),
        }
    }

    /// The action by its number or numbers, counted from 0.
    fn counted(&self, own: String, shape: &[usize], graph: &mut Graph) {
        let starts: Vec<_> = self.starts.iter().map(|start| i64::from(*start)).collect();
        let starts = graph.integers(&starts);
        let action = graph.op("Add", &[&own, &starts], &[]);
        graph.output("action", &action, Kind::I64, shape);
    }

    /// The action of a `Box`, of what a Gaussian or a network without one answers.
    fn numbers(&self, space: &Space, answers: &Answers, graph: &mut Graph) {
        let count = self.low.len();
        let (mut mean, mut log_std) = (answers.outputs.clone(), None);
        if self.head == Head::SquashedGaussian && !answers.is_state_dependent {
            let parts = graph.split(&mean, 1, &[count; 2]);
            mean.clone_from(&parts[0]);
            let bounds = [-20.0, 2.0].map(|bound| graph.floats(&[], &[bound]));
            log_std = Some(graph.op("Clip", &[&parts[1], &bounds[0], &bounds[1]], &[]));
        }
        if let Some(of_all) = &answers.log_std {
            let (of_all, shape) = (graph.floats(&[1, count], of_all), graph.op("Shape", &[&mean], &[]));
            log_std = Some(graph.op("Expand", &[&of_all, &shape], &[]));
        }
        let [low, high] = [&self.low, &self.high].map(|bounds| graph.floats(&[1, count], bounds));
        let mut action = mean.clone();
        if self.squashes() {
            let half: Vec<_> = self.low.iter().zip(&self.high).map(|(low, high)| 0.5 * (high - low)).collect();
            let (half, one) = (graph.floats(&[1, count], &half), graph.floats(&[], &[1.0]));
            let squashed = graph.op("Tanh", &[&action], &[]);
            let from_low = graph.op("Add", &[&squashed, &one], &[]);
            let within = graph.op("Mul", &[&from_low, &half], &[]);
            action = graph.op("Add", &[&low, &within], &[]);
        }
        let action = graph.op("Max", &[&action, &low], &[]);
        let action = graph.op("Min", &[&action, &high], &[]);
        let shape = if let Space::Box { shape, .. } = space { shape.as_slice() } else { &[] };
        let of_batch: Vec<_> = std::iter::once(-1).chain(shape.iter().map(|len| *len as i64)).collect();
        let action = graph.reshape(&action, &of_batch);
        graph.output("action", &action, Kind::F32, shape);
        if self.head != Head::Tanh {
            graph.output("mean", &mean, Kind::F32, &[count]);
        }
        if let Some(log_std) = log_std {
            graph.output("log_std", &log_std, Kind::F32, &[count]);
        }
    }
}

/// `outputs` in which choices that are not valid are never the best.
fn masked(valid: Option<&str>, outputs: &str, graph: &mut Graph) -> String {
    let Some(valid) = valid else { return outputs.to_owned() };
    let invalid = graph.floats(&[], &[INVALID]);
    graph.op("Where", &[valid, outputs, &invalid], &[])
}

/// The place of the greatest number of each row, the first of equals.
fn best(rows: &str, keeps: bool, graph: &mut Graph) -> String {
    graph.op("ArgMax", &[rows], &[Attribute::Int("axis", 1), Attribute::Int("keepdims", keeps.into())])
}
