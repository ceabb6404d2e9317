//! Residual networks (He et al. 2015), v1.5 as torchvision's: the stride of a bottleneck is in its middle convolution.
//!
//! | | |
//! |---|---|
//! | `resnet18`, `resnet34`, `resnet50`, `resnet101` | torchvision's, tensor for tensor: its files load as they are |
//! | `resnet8`, `resnet20` | the paper's §4.2 for small images: three stages of 16, 32 and 64 channels after a convolution of 3 × 3; where a block changes size its shortcut is a convolution of 1 × 1 (the paper's B) |
//!
//! Images are NHWC. In training batch norms take the moments of the batch and move the running ones, unless they are frozen; in use they are folded into
//! the convolutions, and biases, shortcuts and rectifiers into their products.

mod build;
mod classify;
mod config;
mod cost;
mod folded;
mod on_device;
mod plan;
mod stage;
mod train;

#[cfg(test)]
pub(crate) mod tests;

use std::ops::Range;
use std::sync::OnceLock;

use super::linear::Linear;
use crate::nn::ops::Window;
use crate::nn::{ParameterId, Parameters, Place, Real};

pub use config::{Block, ResNetConfig, Stem};

use folded::Folded;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct ResNet<E: Real = f32> {
    config: ResNetConfig,
    parameters: Parameters<E>,
    layout: Layout,
    /// The pieces that are here: the stem is the first, each block one, and the last layer the last.
    stage: Range<usize>,
    /// Rows and columns of an image; any will do, but for the smallest.
    size: [usize; 2],
    learns_in_half: bool,
    place: Place,
    /// The weights for use, made when they are first asked for.
    folded: OnceLock<Folded<E>>,
}

/// Which parameters are whose.
#[derive(Clone, Debug)]
struct Layout {
    stem: Unit,
    blocks: Vec<Residual>,
    /// The last layer: one linear map, or two of a low rank.
    fc: Vec<Linear>,
}

/// A block: what comes out of the units is added to the shortcut.
#[derive(Clone, Debug)]
struct Residual {
    units: Vec<Unit>,
    shortcut: Option<Unit>,
}

/// A convolution, as one or as two of a low rank, and the batch norm after it.
#[derive(Clone, Debug)]
struct Unit {
    convs: Vec<Conv>,
    /// The name of the batch norm.
    norm: String,
    weight: ParameterId,
    bias: ParameterId,
    running_mean: ParameterId,
    running_var: ParameterId,
    num_batches_tracked: ParameterId,
}

/// A convolution without a bias.
#[derive(Clone, Debug)]
struct Conv {
    name: String,
    window: Window,
    /// Outputs, inputs, and rows of the kernel.
    sizes: [usize; 3],
    weight: ParameterId,
}

impl<E: Real> ResNet<E> {
    /// Its blocks, channels and classes.
    pub fn config(&self) -> &ResNetConfig {
        &self.config
    }

    /// Rows and columns of the images it is shown.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Its parameters and buffers.
    pub fn parameters(&self) -> &Parameters<E> {
        &self.parameters
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> &mut Parameters<E> {
        self.folded = OnceLock::new();
        &mut self.parameters
    }
}
