//! Floats in bins.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::bins::{Bins, BinsOfAxes};
use crate::wrappers::memory::Memory;
use crate::{Dtype, Env, EnvError, Result, Row, RowMut, Space};

/// Tells of each element only in which of `bins` equal intervals it lies (Gymnasium's `DiscretizeObservation`).
pub type DiscretizeObservation<E> = ObservationWrapper<E, BinsOfAxes>;

impl<E: Env> DiscretizeObservation<E> {
    /// One integer for all elements together (the last element's bin changes fastest), or one for each with
    /// `multidiscrete`, which is not Gymnasium's default.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] if the observations are no floats or not bounded; [`EnvError::BadArgument`] if a
    /// number of bins is 0, there are not as many as elements, or all together are too many.
    pub fn new(env: E, bins: impl Into<Bins>, multidiscrete: bool) -> Result<Self> {
        match env.observation_space() {
            Space::Box { low, high, dtype: Dtype::F32, .. }
                if low.iter().chain(&high).all(|bound| bound.is_finite()) =>
            {
                let (axes, space) =
                    BinsOfAxes::new("DiscretizeObservation", [&low, &high], bins.into(), multidiscrete)?;
                Ok(Self::around(env, axes, space))
            }
            space => {
                let needs = "floats between finite bounds";
                let advice = "change them with DtypeObservation or TransformObservation first, or leave it out";
                Err(EnvError::unfit_observation("DiscretizeObservation", needs, &space, advice))
            }
        }
    }
}

impl Memory for BinsOfAxes {}

impl ObservationMap for BinsOfAxes {
    fn next(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        let (Row::F32(inner), RowMut::I32(observation)) = (inner, observation) else { return };
        self.write_bins(inner, observation);
    }
}
