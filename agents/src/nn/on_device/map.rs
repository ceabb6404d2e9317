//! Pictures and what layers make of them.

use dfdx::prelude::{Axis, GatherTo as _, HasShape as _, ReshapeTo as _, Tensor, TryConcatAlong as _};
use dfdx::tensor_ops::Device;

use super::places::Places;
use super::{Accelerator, Rows};
use crate::nn::{DeviceError, Real};

/// A batch of feature maps, NHWC: a row a pixel, a column a channel. The tape is beside it.
#[derive(Clone, Debug)]
pub(crate) struct Map<E: Real, D: Device<E>> {
    pub(super) rows: Rows<E, D>,
    /// Images, rows, columns.
    pub(super) shape: [usize; 3],
    /// Whether a gradient by it is wanted: not of data.
    pub(super) wants_gradient: bool,
}

impl<E: Real, D: Device<E>> Map<E, D> {
    /// Data: images × rows × columns × channels.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there are not as many numbers as the shape says.
    pub(crate) fn data(
        values: Vec<E>,
        [images, height, width, channels]: [usize; 4],
        accelerator: &Accelerator<D>,
    ) -> Result<Self, DeviceError> {
        let rows = accelerator.device.try_tensor_from_vec(values, (images * height * width, channels));
        Ok(Self { rows: rows.map_err(DeviceError::new)?, shape: [images, height, width], wants_gradient: false })
    }

    /// How many pictures there are.
    pub(crate) fn images(&self) -> usize {
        self.shape[0]
    }
}

/// The rows of `x` at `places` beside one another, and `beside` where there are none; `x` itself if no places are told.
pub(super) fn gathered<E: Real, D: Device<E>>(
    x: &Rows<E, D>,
    places: Option<&Places<D>>,
    beside: E,
) -> Result<Rows<E, D>, D::Err> {
    let Some(places) = places else { return Ok(x.clone()) };
    let ((_, channels), (rows, taps)) = (*x.shape(), *places.shape());
    let beside = x.device().try_tensor_from_vec(vec![beside; channels], (1, channels))?;
    let padded = (x.clone(), beside).try_concat_along(Axis::<0>)?;
    let together: Tensor<(usize, usize, usize), E, D> = padded.try_gather(places.clone())?;
    together.try_reshape_like(&(rows, taps * channels))
}
