//! A residual network as a graph of ONNX, for use: batch norms are part of the convolutions before them.

use super::{Conv, ResNet, Stem, Unit};
use crate::onnx::{Attribute, Graph, Kind};

impl ResNet {
    /// From pictures channel by channel to logits; both are the graph's.
    pub(super) fn to_graph(&self, graph: &mut Graph) {
        let [height, width] = self.size;
        let x = graph.input("input", Kind::F32, &[self.config.channels, height, width]);
        let mut y = self.unit_to_graph(&self.layout.stem, &x, graph);
        y = graph.op("Relu", &[&y], &[]);
        if self.config.stem == Stem::ImageNet {
            let [kernel, strides] = [("kernel_shape", [3; 2]), ("strides", [2; 2])];
            let [kernel, strides] = [&kernel, &strides].map(|(name, sides)| Attribute::Ints(name, sides));
            y = graph.op("MaxPool", &[&y], &[kernel, strides, Attribute::Ints("pads", &[1; 4])]);
        }
        for block in &self.layout.blocks {
            let beside = block.shortcut.as_ref().map(|unit| self.unit_to_graph(unit, &y, graph));
            let beside = beside.unwrap_or_else(|| y.clone());
            for (at, unit) in block.units.iter().enumerate() {
                y = self.unit_to_graph(unit, &y, graph);
                if at + 1 == block.units.len() {
                    y = graph.op("Add", &[&y, &beside], &[]);
                }
                y = graph.op("Relu", &[&y], &[]);
            }
        }
        let features = graph.op("GlobalAveragePool", &[&y], &[]);
        let mut y = graph.flatten(&features);
        for layer in &self.layout.fc {
            y = layer.to_graph(&self.parameters, &y, graph);
        }
        graph.output("logits", &y, Kind::F32, &[self.config.classes]);
    }

    /// A convolution, and what its batch norm comes to.
    fn unit_to_graph(&self, unit: &Unit, x: &str, graph: &mut Graph) -> String {
        let [scale, shift] = self.folded_norm(unit);
        let (mut y, last) = (x.to_owned(), unit.convs.len() - 1);
        for (at, Conv { name, window, weight, .. }) in unit.convs.iter().enumerate() {
            let convolution = self.parameters.get(*weight);
            let of_output = convolution.len() / convolution.shape()[0];
            let mut weights = convolution.values().to_vec();
            if at == last {
                let rows = weights.chunks_exact_mut(of_output).zip(&scale);
                rows.for_each(|(weights, scale)| weights.iter_mut().for_each(|w| *w *= scale));
            }
            let weight = graph.weights(&format!("{name}.weight"), convolution.shape(), &weights);
            let bias = (at == last).then(|| graph.weights(&format!("{name}.bias"), &[shift.len()], &shift));
            let inputs: Vec<&str> = [&y, &weight].into_iter().chain(&bias).map(String::as_str).collect();
            let strides = Attribute::Ints("strides", &[window.stride; 2]);
            y = graph.op("Conv", &inputs, &[strides, Attribute::Ints("pads", &[window.padding; 4])]);
        }
        y
    }
}
