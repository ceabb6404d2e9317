//! What a network costs.

use super::{Conv, ResNet, ResNetConfig, Stem, Unit};
use crate::models::linear::Linear;
use crate::models::{Cost, LayerCost};
use crate::nn::Real;

impl<E: Real> ResNet<E> {
    /// Its layers and what they cost. Batch norms are counted as two operations a number, as PyTorch's counters leave them out
    /// and fused kernels have them for nothing.
    pub fn layers_cost(&self) -> Cost {
        let mut layers = Vec::new();
        let mut kept = 0_u64;
        let mut unit = |unit: &Unit, mut size: [usize; 2]| {
            let (mut shape, mut numbers) = (Vec::new(), 0);
            for Conv { name, window, sizes: [outputs, inputs, kernel], .. } in &unit.convs {
                size = size.map(|side| ResNetConfig::side(side, *kernel, window.stride, window.padding));
                shape = vec![*outputs, size[0], size[1]];
                let (weights, pixels) = ((outputs * inputs * kernel * kernel) as u64, (size[0] * size[1]) as u64);
                numbers = *outputs as u64 * pixels;
                kept += numbers;
                layers.push(LayerCost {
                    name: name.clone(),
                    kind: "Conv2d".into(),
                    output: shape.clone(),
                    parameters: weights,
                    flops: 2 * weights * pixels,
                });
            }
            let (name, kind, parameters) = (unit.norm.clone(), "BatchNorm2d".into(), 2 * shape[0] as u64);
            layers.push(LayerCost { name, kind, output: shape, parameters, flops: 2 * numbers });
            kept += numbers;
            size
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
        layers.extend(self.layout.fc.iter().map(Linear::cost));
        let input = vec![self.config.channels, self.size[0], self.size[1]];
        // Gradients come and go; the largest take about a quarter of what is kept for them.
        let held = kept + kept / 4 + 2 * input.iter().product::<usize>() as u64;
        Cost::new(self.config.name.clone(), input, layers).holding(held)
    }
}
