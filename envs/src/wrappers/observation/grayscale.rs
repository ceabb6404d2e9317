//! Color images in gray.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::image::Image;
use crate::wrappers::memory::Memory;
use crate::{Env, EnvError, Result, Row, RowMut, Space};

/// Red, green and blue in gray, as Gymnasium weighs them.
const WEIGHTS: [f64; 3] = [0.2125, 0.7154, 0.0721];

/// Makes gray images of color images (Gymnasium's `GrayscaleObservation`).
pub type GrayscaleObservation<E> = ObservationWrapper<E, Grayscale>;

/// What [`GrayscaleObservation`] does.
#[derive(Clone, Copy, Debug)]
pub struct Grayscale;

impl<E: Env> GrayscaleObservation<E> {
    /// Images of shape \[height, width\], or with `keep_dim` (Gymnasium's default is without) \[height, width, 1\].
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] if the observations are no color images.
    pub fn new(env: E, keep_dim: bool) -> Result<Self> {
        let space = env.observation_space();
        match Image::of(&space) {
            Some(Image { height, width, channels: 3 }) => {
                let shape = if keep_dim { vec![height, width, 1] } else { vec![height, width] };
                Ok(Self::around(env, Grayscale, Space::image_u8(&shape)))
            }
            _ => {
                let needs = "color images, a Box(0, 255, (height, width, 3), uint8)";
                Err(EnvError::unfit_observation("GrayscaleObservation", needs, &space, "leave it out"))
            }
        }
    }
}

impl Memory for Grayscale {}

impl ObservationMap for Grayscale {
    fn next(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        let (Row::U8(inner), RowMut::U8(observation)) = (inner, observation) else { return };
        for (gray, rgb) in observation.iter_mut().zip(inner.as_chunks::<3>().0) {
            let [red, green, blue] = [0, 1, 2].map(|i| f64::from(rgb[i]) * WEIGHTS[i]);
            *gray = (red + green + blue) as u8;
        }
    }
}
