//! A residual network for use, layer by layer: batch norms are part of the convolutions before them.

use super::{Conv, ResNet, Stem, Unit};
use crate::models::{Op, Plan, Weighted};

impl ResNet {
    /// From images to logits.
    pub(super) fn to_plan(&self) -> Plan {
        let [rows, columns] = self.size;
        let mut plan = Plan::new(&[rows, columns, self.config.channels]);
        let mut y = self.unit_to_plan(&self.layout.stem, 0, true, &mut plan);
        if self.config.stem == Stem::ImageNet {
            y = plan.push("maxpool", &[y], Op::MaxPool, false);
        }
        for block in &self.layout.blocks {
            let beside = block.shortcut.as_ref().map_or(y, |unit| self.unit_to_plan(unit, y, false, &mut plan));
            for (at, unit) in block.units.iter().enumerate() {
                y = self.unit_to_plan(unit, y, at + 1 < block.units.len(), &mut plan);
            }
            // Such as layer1.0, of layer1.0.bn1.
            let name = block.units[0].norm.rsplit_once('.').map_or("block", |(name, _)| name);
            y = plan.push(name, &[y, beside], Op::Add, true);
        }
        y = plan.push("avgpool", &[y], Op::AveragePool, false);
        for layer in &self.layout.fc {
            y = plan.push(&layer.name, &[y], Op::Linear(layer.weighted(&self.parameters)), false);
        }
        plan
    }

    /// Convolutions, and what the batch norm after the last comes to.
    fn unit_to_plan(&self, unit: &Unit, x: usize, rectifies: bool, plan: &mut Plan) -> usize {
        let [scale, bias] = self.folded_norm(unit);
        let [inner @ .., last] = unit.convs.as_slice() else { unreachable!("there is a convolution") };
        let of = |conv: &Conv| {
            let weight = self.parameters.get(conv.weight);
            (weight.shape().to_vec(), weight.values().to_vec())
        };
        let mut y = x;
        for conv in inner {
            let (shape, weights) = of(conv);
            let bias = vec![0.0; shape[0]];
            y = plan.push(&conv.name, &[y], Op::Conv(Weighted { shape, weights, bias }, conv.window), false);
        }
        let (shape, mut weights) = of(last);
        let of_output = weights.len() / scale.len();
        let rows = weights.chunks_exact_mut(of_output).zip(&scale);
        rows.for_each(|(weights, scale)| weights.iter_mut().for_each(|w| *w *= scale));
        plan.push(&last.name, &[y], Op::Conv(Weighted { shape, weights, bias }, last.window), rectifies)
    }
}
