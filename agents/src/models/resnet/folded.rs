//! A network for use: batch norms are part of the convolutions before them.

use super::{ResNet, Stem, Unit};
use crate::nn::Real;
use crate::nn::ops::{self, FoldedConv};
use crate::nn::{Matrix, product};
use dfdx::prelude::NoneTape;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(super) struct Folded<E: Real> {
    stem: FoldedConv<E>,
    blocks: Vec<FoldedBlock<E>>,
}

#[derive(Clone, Debug)]
struct FoldedBlock<E: Real> {
    units: Vec<FoldedConv<E>>,
    shortcut: Option<FoldedConv<E>>,
}

impl<E: Real> ResNet<E> {
    /// Whether nothing of the batch norm of `unit` is learnt: then it normalizes by the running statistics in training, too.
    pub(super) fn is_frozen(&self, unit: &Unit) -> bool {
        [unit.weight, unit.bias].iter().all(|id| !self.parameters.get(*id).is_trained())
    }

    /// The scale and the shift of each channel that the batch norm of `unit` comes to.
    pub(super) fn folded_norm(&self, unit: &Unit) -> [Vec<E>; 2] {
        let of = |id| self.parameters.get(id).values();
        ops::folded(of(unit.weight), of(unit.bias), of(unit.running_mean), of(unit.running_var)).into()
    }

    fn fold(&self, unit: &Unit) -> FoldedConv<E> {
        let [scale, shift] = self.folded_norm(unit);
        FoldedConv::new(self.parameters.get(unit.conv), unit.window, &scale, shift)
    }

    /// The logits of pictures, in use: with the running statistics.
    pub fn logits_of(&self, x: Vec<E>) -> Vec<E> {
        let folded = self.folded.get_or_init(|| Folded {
            stem: self.fold(&self.layout.stem),
            blocks: self
                .layout
                .blocks
                .iter()
                .map(|block| FoldedBlock {
                    units: block.units.iter().map(|unit| self.fold(unit)).collect(),
                    shortcut: block.shortcut.as_ref().map(|unit| self.fold(unit)),
                })
                .collect(),
        });
        let mut y = folded.stem.forward(&self.pictures(x), None, true);
        if self.config.stem == Stem::ImageNet {
            y = ops::max_pool(&y, &mut NoneTape);
        }
        for FoldedBlock { units, shortcut } in &folded.blocks {
            let [first, inner @ .., last] = units.as_slice() else { continue };
            let mut inside = first.forward(&y, None, true);
            let beside = match shortcut {
                Some(shortcut) => shortcut.forward(&y, None, false),
                None => y,
            };
            for unit in inner {
                inside = unit.forward(&inside, None, true);
            }
            y = last.forward(&inside, Some(beside), true);
        }
        let features = ops::values(&ops::average_pool(&y, NoneTape));
        let (classes, inputs) = (self.config.classes, y.channels());
        let of = |id| self.parameters.get(id).values();
        let mut logits = of(self.layout.bias).repeat(y.shape()[0]);
        let weight = Matrix::new(of(self.layout.weight), classes, inputs).transposed();
        product(Matrix::new(&features, y.shape()[0], inputs), weight, &mut logits, true);
        logits
    }
}
