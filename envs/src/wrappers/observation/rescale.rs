//! Observations in other units.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::memory::Memory;
use crate::wrappers::rescale::{Bounds, Rescale};
use crate::{Dtype, Env, EnvError, Result, Row, RowMut, Space};

/// Maps observations linearly from the bounds of their space to `min_obs` and `max_obs` (Gymnasium's
/// `RescaleObservation`).
pub type RescaleObservation<E> = ObservationWrapper<E, Rescale>;

impl<E: Env> RescaleObservation<E> {
    /// The bounds are one number for all elements, or a number for each; where the observation space has no bound,
    /// neither have they.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] if the observations are not floats; [`EnvError::BadArgument`] for bounds of another
    /// number, or that do not fit.
    pub fn new(env: E, min_obs: impl Into<Bounds>, max_obs: impl Into<Bounds>) -> Result<Self> {
        let (low, high, shape) = match env.observation_space() {
            Space::Box { low, high, shape, dtype: Dtype::F32 } => (low, high, shape),
            space => {
                let (needs, advice) = ("a Box of float32", "make one of it with DtypeObservation('float32')");
                return Err(EnvError::unfit_observation("RescaleObservation", needs, &space, advice));
            }
        };
        let names = ["min_obs", "max_obs"];
        let (rescale, [low, high]) =
            Rescale::new("RescaleObservation", names, [&low, &high], [min_obs.into(), max_obs.into()])?;
        Ok(Self::around(env, rescale, Space::Box { low, high, shape, dtype: Dtype::F32 }))
    }
}

impl Memory for Rescale {}

impl ObservationMap for Rescale {
    #[inline]
    fn next(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        let (Row::F32(inner), RowMut::F32(observation)) = (inner, observation) else { return };
        for (i, (rescaled, x)) in observation.iter_mut().zip(inner).enumerate() {
            *rescaled = self.forward(i, *x);
        }
    }
}
