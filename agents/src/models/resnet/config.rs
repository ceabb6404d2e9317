//! Which residual network.

use std::collections::HashMap;

use crate::models::Ranks;

/// What a residual block is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Two convolutions of 3 × 3.
    Basic,
    /// Convolutions of 1 × 1, 3 × 3 and 1 × 1; the last one has four times as many channels. The one of 3 × 3 has the stride
    /// ("v1.5").
    Bottleneck,
}

/// What the network begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// A convolution of 7 × 7 with stride 2, and a max pool with stride 2: for images of about 224 × 224.
    ImageNet,
    /// A convolution of 3 × 3: for images of about 32 × 32.
    Cifar,
}

/// A residual network's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResNetConfig {
    /// Its name, such as `resnet50`.
    pub name: String,
    /// Its blocks.
    pub block: Block,
    /// Blocks of each stage; each stage after the first halves rows and columns.
    pub layers: Vec<usize>,
    /// Channels of the first stage, without what a bottleneck multiplies by; each stage after it has twice as many.
    pub width: usize,
    /// What comes before the blocks.
    pub stem: Stem,
    /// Channels of an image.
    pub channels: usize,
    /// Classes.
    pub classes: usize,
    /// Layers that are products of two.
    pub ranks: Ranks,
}

impl Block {
    /// Channels that come out, for each of the block's width.
    pub(super) fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// Names, blocks, stages, first width and begin of the networks there are.
const NETWORKS: [(&str, Block, &[usize], usize, Stem); 6] = [
    ("resnet8", Block::Basic, &[1, 1, 1], 16, Stem::Cifar),
    ("resnet20", Block::Basic, &[3, 3, 3], 16, Stem::Cifar),
    ("resnet18", Block::Basic, &[2, 2, 2, 2], 64, Stem::ImageNet),
    ("resnet34", Block::Basic, &[3, 4, 6, 3], 64, Stem::ImageNet),
    ("resnet50", Block::Bottleneck, &[3, 4, 6, 3], 64, Stem::ImageNet),
    ("resnet101", Block::Bottleneck, &[3, 4, 23, 3], 64, Stem::ImageNet),
];

impl ResNetConfig {
    /// The network of this name, for images of so many channels; nothing if there is none.
    pub fn named(name: &str, channels: usize, classes: usize) -> Option<Self> {
        let found = NETWORKS.iter().find(|(known, ..)| *known == name);
        found.map(|(name, block, layers, width, stem)| Self {
            name: (*name).to_owned(),
            block: *block,
            layers: layers.to_vec(),
            width: *width,
            stem: *stem,
            channels,
            classes,
            ranks: Ranks::new(),
        })
    }

    /// The names there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NETWORKS.iter().map(|(name, ..)| *name)
    }

    /// The network whose tensors have these names and shapes, by how many blocks it has and of which kind: a file of
    /// torchvision's does not say what it is. Nothing if there is none.
    pub fn of_tensors(shapes: &HashMap<String, Vec<usize>>) -> Option<Self> {
        let bottleneck = shapes.contains_key("layer1.0.conv3.weight");
        let stage = |stage: usize| {
            (0..).take_while(|at| shapes.contains_key(&format!("layer{stage}.{at}.conv1.weight"))).count()
        };
        let layers: Vec<usize> = (1..).map(stage).take_while(|blocks| *blocks > 0).collect();
        let &[_, channels, kernel, _] = shapes.get("conv1.weight")?.as_slice() else { return None };
        let classes = shapes.get("fc.bias")?.first().copied()?;
        let found = NETWORKS.iter().find(|(_, block, own, _, stem)| {
            **own == *layers
                && (*block == Block::Bottleneck) == bottleneck
                && (*stem == Stem::ImageNet) == (kernel == 7)
        });
        found.and_then(|(name, ..)| Self::named(name, channels, classes))
    }

    /// Rows or columns that come out of a window, of `size` that go in.
    pub(super) fn side(size: usize, kernel: usize, stride: usize, padding: usize) -> usize {
        (size + 2 * padding).saturating_sub(kernel) / stride + 1
    }
}
