//! What a network costs.

use super::{ResNet, ResNetConfig, Stem, Unit};
use crate::models::{Cost, LayerCost};
use crate::nn::Real;

impl<E: Real> ResNet<E> {
    /// Its layers and what they cost. Batch norms are counted as two operations a number, as PyTorch's counters leave them out
    /// and fused kernels have them for nothing.
    pub fn layers_cost(&self) -> Cost {
        let mut layers = Vec::new();
        let mut kept = 0_u64;
        let mut unit = |unit: &Unit, size: [usize; 2]| {
            let [outputs, inputs, kernel] = unit.sizes;
            let [rows, columns] =
                size.map(|side| ResNetConfig::side(side, kernel, unit.window.stride, unit.window.padding));
            let numbers = (rows * columns * outputs) as u64;
            let shape = vec![outputs, rows, columns];
            let weights = (outputs * inputs * kernel * kernel) as u64;
            let [conv, bn] = unit.names.clone();
            let flops = 2 * weights * (rows * columns) as u64;
            layers.push(LayerCost {
                name: conv,
                kind: "Conv2d".into(),
                output: shape.clone(),
                parameters: weights,
                flops,
            });
            let (kind, parameters) = ("BatchNorm2d".into(), 2 * outputs as u64);
            layers.push(LayerCost { name: bn, kind, output: shape, parameters, flops: 2 * numbers });
            kept += 2 * numbers;
            [rows, columns]
        };
        let mut size = unit(&self.layout.stem, self.size);
        if self.config.stem == Stem::ImageNet {
            size = size.map(|side| ResNetConfig::side(side, 3, 2, 1));
        }
        for block in &self.layout.blocks {
            let before = size;
            for inner in &block.units {
                size = unit(inner, size);
            }
            if let Some(shortcut) = &block.shortcut {
                unit(shortcut, before);
            }
        }
        let (weights, classes) = (self.parameters.get(self.layout.weight).values().len() as u64, self.config.classes);
        layers.push(LayerCost {
            name: "fc".into(),
            kind: "Linear".into(),
            output: vec![classes],
            parameters: weights + classes as u64,
            flops: 2 * weights + classes as u64,
        });
        let input = vec![self.config.channels, self.size[0], self.size[1]];
        // Gradients come and go; the largest take about a quarter of what is kept for them.
        let held = kept + kept / 4 + 2 * input.iter().product::<usize>() as u64;
        Cost::new(self.config.name.clone(), input, layers).holding(held)
    }
}
