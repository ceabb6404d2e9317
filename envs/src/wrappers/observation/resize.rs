//! Images of another size.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::image::{Image, Resizer};
use crate::wrappers::memory::Memory;
use crate::{Env, EnvError, Result, Row, RowMut, Space};

/// Resizes images by averaging over areas (Gymnasium's `ResizeObservation`, which takes OpenCV's `INTER_AREA`).
pub type ResizeObservation<E> = ObservationWrapper<E, Resizer>;

impl<E: Env> ResizeObservation<E> {
    /// Images of `shape`: \[height, width\].
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] if the observations are no images; [`EnvError::BadArgument`] if a side is 0.
    pub fn new(env: E, shape: [usize; 2]) -> Result<Self> {
        let space = env.observation_space();
        let Some(image) = Image::of(&space) else {
            let needs = "images, a Box(0, 255, (height, width) or (height, width, channels), uint8)";
            return Err(EnvError::unfit_observation("ResizeObservation", needs, &space, "leave it out"));
        };
        let [height, width] = shape;
        if height == 0 || width == 0 {
            let found = format!("({height}, {width})");
            return Err(EnvError::bad_argument("ResizeObservation", "shape", found, "two integers of at least 1"));
        }
        let resized = Space::image_u8(&[&shape[..], &space.shape()[2..]].concat());
        Ok(Self::around(env, Resizer::new(image, height, width), resized))
    }
}

impl Memory for Resizer {}

impl ObservationMap for Resizer {
    fn next(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        let (Row::U8(inner), RowMut::U8(observation)) = (inner, observation) else { return };
        self.resize(inner, observation);
    }
}
