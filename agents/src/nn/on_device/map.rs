//! Images and what layers make of them.

use dfdx::prelude::HasShape as _;
use dfdx::tensor_ops::Device;

use super::half::{Compute, rounded};
use super::{Accelerator, Rows};
use crate::nn::Real;

/// A batch of feature maps, NHWC: a row a pixel, a column a channel.
#[derive(Clone, Debug)]
pub(crate) struct Map<E: Real, D: Device<E>> {
    pub(super) rows: Rows<E, D>,
    /// Images, rows, columns.
    pub(super) shape: [usize; 3],
    /// Whether its numbers, and those of the gradient by it, are those of 16 bits.
    pub(super) half: bool,
}

impl<E: Real, D: Compute<E>> Map<E, D> {
    /// Data: images × rows × columns × channels, rounded to 16 bits if `half`.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there are not as many numbers as the shape says.
    pub(crate) fn data(
        values: Vec<E>,
        [images, height, width, channels]: [usize; 4],
        half: bool,
        accelerator: &Accelerator<D>,
    ) -> Result<Self, D::Err> {
        let rows = accelerator.device.try_tensor_from_vec(values, (images * height * width, channels))?;
        Ok(Self { rows: rounded(rows, half)?, shape: [images, height, width], half })
    }

    /// A row a pixel.
    pub(crate) fn rows(&self) -> &Rows<E, D> {
        &self.rows
    }

    /// How many pixels there are, of all images.
    pub(crate) fn pixels(&self) -> usize {
        self.rows.shape().0
    }

    /// How many images there are.
    pub(crate) fn images(&self) -> usize {
        self.shape[0]
    }
}
