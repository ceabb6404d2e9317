//! A residual network as a graph of ONNX, for use: batch norms are part of the convolutions before them.

use super::{ResNet, Stem, Unit};
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
        let features = graph.flatten(&features);
        let [weight, bias] = [("fc.weight", self.layout.weight), ("fc.bias", self.layout.bias)].map(|(name, id)| {
            let parameter = self.parameters.get(id);
            graph.weights(name, parameter.shape(), parameter.values())
        });
        let logits = graph.linear(&features, &weight, &bias);
        graph.output("logits", &logits, Kind::F32, &[self.config.classes]);
    }

    /// A convolution, and what its batch norm comes to.
    fn unit_to_graph(&self, unit: &Unit, x: &str, graph: &mut Graph) -> String {
        let [scale, shift] = self.folded_norm(unit);
        let convolution = self.parameters.get(unit.conv);
        let of_output = convolution.values().len() / scale.len();
        let scaled = convolution.values().chunks_exact(of_output).zip(&scale);
        let weights: Vec<f32> = scaled.flat_map(|(weights, scale)| weights.iter().map(move |w| w * scale)).collect();
        let [name, _] = &unit.names;
        let weight = graph.weights(&format!("{name}.weight"), convolution.shape(), &weights);
        let bias = graph.weights(&format!("{name}.bias"), &[shift.len()], &shift);
        let strides = Attribute::Ints("strides", &[unit.window.stride; 2]);
        graph.op("Conv", &[x, &weight, &bias], &[strides, Attribute::Ints("pads", &[unit.window.padding; 4])])
    }
}
