//! Stages of a residual network.

use std::ops::Range;
use std::sync::OnceLock;

use super::{ResNet, ResNetConfig, Residual, Stem, Unit};
use crate::models::Piece;
use crate::nn::Real;
use crate::nn::ops::Map;

impl<E: Real> ResNet<E> {
    /// See [`Classifier::pieces`](crate::models::Classifier::pieces).
    pub(super) fn all_pieces(&self) -> Vec<Piece> {
        let cost = self.layers_cost();
        let mut rest = cost.layers.as_slice();
        let mut next = |name: String, layers: usize| {
            let (own, after) = rest.split_at(layers);
            rest = after;
            Piece::of(name, own)
        };
        let layers = |unit: &Unit| unit.convs.len() + 1;
        let mut pieces = vec![next("conv1".into(), layers(&self.layout.stem))];
        for Residual { units, shortcut } in &self.layout.blocks {
            let name = units[0].norm.rsplit_once('.').map_or("", |(block, _)| block);
            pieces.push(next(name.to_owned(), units.iter().chain(shortcut).map(layers).sum()));
        }
        pieces.push(next("fc".into(), self.layout.fc.len()));
        pieces
    }

    /// See [`Classifier::keep`](crate::models::Classifier::keep).
    pub(super) fn keep_pieces(&mut self, pieces: Range<usize>) {
        let first = |piece: usize| match piece.checked_sub(1) {
            None => 0,
            Some(block) => match self.layout.blocks.get(block) {
                Some(block) => block.units[0].convs[0].weight.place(),
                None if block == self.layout.blocks.len() => self.layout.fc[0].weight.place(),
                None => self.parameters.iter().len(),
            },
        };
        let places = first(pieces.start)..first(pieces.end);
        self.parameters.keep(&places);
        self.stage = pieces;
        self.folded = OnceLock::new();
    }

    /// Whether images come into it.
    pub(super) fn begins(&self) -> bool {
        self.stage.start == 0
    }

    /// Whether logits come out of it.
    pub(super) fn ends(&self) -> bool {
        self.stage.end == self.layout.blocks.len() + 2
    }

    /// The blocks that are here.
    pub(super) fn blocks(&self) -> &[Residual] {
        let blocks = &self.layout.blocks;
        let at = |piece: usize| piece.saturating_sub(1).min(blocks.len());
        &blocks[at(self.stage.start)..at(self.stage.end)]
    }

    /// Rows, columns and channels of what comes into it.
    pub(super) fn input_shape(&self) -> [usize; 3] {
        let ([rows, columns], channels) = (self.size, self.config.channels);
        if self.begins() {
            return [rows, columns, channels];
        }
        let mut shape = after(&self.layout.stem, [rows, columns, channels]);
        if self.config.stem == Stem::ImageNet {
            let [rows, columns, channels] = shape;
            let [rows, columns] = [rows, columns].map(|side| ResNetConfig::side(side, 3, 2, 1));
            shape = [rows, columns, channels];
        }
        let before = &self.layout.blocks[..self.stage.start - 1];
        before.iter().flat_map(|block| &block.units).fold(shape, |shape, unit| after(unit, shape))
    }

    /// What comes into it as a map of data.
    pub(super) fn inputs_map(&self, x: Vec<E>) -> Map<E> {
        let shape = self.batch_shape(&x);
        Map::data(x, shape)
    }

    /// Samples, rows, columns and channels of what comes into it.
    pub(super) fn batch_shape(&self, x: &[E]) -> [usize; 4] {
        let [rows, columns, channels] = self.input_shape();
        [x.len() / (rows * columns * channels).max(1), rows, columns, channels]
    }
}

/// Rows, columns and channels behind `unit`.
fn after(unit: &Unit, shape: [usize; 3]) -> [usize; 3] {
    unit.convs.iter().fold(shape, |[rows, columns, _], conv| {
        let [outputs, _, kernel] = conv.sizes;
        let side = |side| ResNetConfig::side(side, kernel, conv.window.stride, conv.window.padding);
        [side(rows), side(columns), outputs]
    })
}
