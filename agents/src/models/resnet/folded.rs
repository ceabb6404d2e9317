//! A network for use: batch norms are part of the convolutions before them.

use super::{Conv, ResNet, Stem, Unit};
use crate::models::linear::Linear;
use crate::nn::Real;
use crate::nn::ops::{self, FoldedConv, Map};
use crate::nn::{Matrix, product};
use dfdx::prelude::NoneTape;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(super) struct Folded<E: Real> {
    stem: Option<FoldedUnit<E>>,
    blocks: Vec<FoldedBlock<E>>,
}

#[derive(Clone, Debug)]
struct FoldedBlock<E: Real> {
    units: Vec<FoldedUnit<E>>,
    shortcut: Option<FoldedUnit<E>>,
}

/// Convolutions, the batch norm folded into the last.
#[derive(Clone, Debug)]
struct FoldedUnit<E: Real> {
    inner: Vec<FoldedConv<E>>,
    last: FoldedConv<E>,
}

impl<E: Real> FoldedUnit<E> {
    /// See [`FoldedConv::forward`].
    fn forward(&self, x: &Map<E>, residual: Option<Map<E>>, rectifies: bool) -> Map<E> {
        match self.inner.as_slice() {
            [] => self.last.forward(x, residual, rectifies),
            [first, rest @ ..] => {
                let inner = rest.iter().fold(first.forward(x, None, false), |y, conv| conv.forward(&y, None, false));
                self.last.forward(&inner, residual, rectifies)
            }
        }
    }
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

    fn fold(&self, unit: &Unit) -> FoldedUnit<E> {
        let [scale, shift] = self.folded_norm(unit);
        let [inner @ .., last] = unit.convs.as_slice() else { unreachable!("there is a convolution") };
        let alone = |conv: &Conv| {
            let [outputs, ..] = conv.sizes;
            let weight = self.parameters.get(conv.weight);
            FoldedConv::new(weight, conv.window, &vec![E::one(); outputs], vec![E::zero(); outputs])
        };
        FoldedUnit {
            inner: inner.iter().map(alone).collect(),
            last: FoldedConv::new(self.parameters.get(last.weight), last.window, &scale, shift),
        }
    }

    /// The logits of images, in use: with the running statistics. Of a stage what comes out of it.
    pub fn logits_of(&self, x: Vec<E>) -> Vec<E> {
        let folded = self.folded.get_or_init(|| Folded {
            stem: self.begins().then(|| self.fold(&self.layout.stem)),
            blocks: self
                .blocks()
                .iter()
                .map(|block| FoldedBlock {
                    units: block.units.iter().map(|unit| self.fold(unit)).collect(),
                    shortcut: block.shortcut.as_ref().map(|unit| self.fold(unit)),
                })
                .collect(),
        });
        let mut y = self.inputs_map(x);
        if let Some(stem) = &folded.stem {
            y = stem.forward(&y, None, true);
            if self.config.stem == Stem::ImageNet {
                y = ops::max_pool(&y, &mut NoneTape);
            }
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
        if !self.ends() {
            return y.into_values();
        }
        let rows = y.shape()[0];
        let features = ops::values(&ops::average_pool(&y, NoneTape));
        self.layout.fc.iter().fold(features, |x, Linear { sizes: [inputs, outputs], weight, bias, .. }| {
            let of = |id| self.parameters.get(id).values();
            let mut y = bias.map_or_else(|| vec![E::zero(); *outputs], |bias| of(bias).to_vec()).repeat(rows);
            let weight = Matrix::new(of(*weight), *outputs, *inputs).transposed();
            product(Matrix::new(&x, rows, *inputs), weight, &mut y, true);
            y
        })
    }
}
