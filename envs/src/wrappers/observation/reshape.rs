//! Observations in another shape.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::memory::Memory;
use crate::{Env, EnvError, Result, Row, RowMut, Space};

/// Gives observations another shape; the numbers stay in their order (Gymnasium's `ReshapeObservation`).
pub type ReshapeObservation<E> = ObservationWrapper<E, Same>;

/// What [`ReshapeObservation`] does to the numbers: nothing.
#[derive(Clone, Copy, Debug)]
pub struct Same;

impl<E: Env> ReshapeObservation<E> {
    /// `env` with observations of `shape`.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] if the observations are no Box; [`EnvError::BadArgument`] if `shape` has another
    /// number of elements.
    pub fn new(env: E, shape: &[usize]) -> Result<Self> {
        match env.observation_space() {
            Space::Box { low, high, dtype, .. } if shape.iter().product::<usize>() == low.len() => {
                Ok(Self::around(env, Same, Space::Box { low, high, dtype, shape: shape.to_vec() }))
            }
            Space::Box { low, shape: found, .. } => {
                let expected = format!("a shape of {} elements, as {found:?} has", low.len());
                Err(EnvError::bad_argument("ReshapeObservation", "shape", format!("{shape:?}"), expected))
            }
            space => {
                let (needs, advice) = ("observations of one Box", "make one of them with FlattenObservation");
                Err(EnvError::unfit_observation("ReshapeObservation", needs, &space, advice))
            }
        }
    }
}

impl Memory for Same {}

impl ObservationMap for Same {
    fn next(&mut self, inner: Row<'_>, mut observation: RowMut<'_>) {
        observation.copy_from(inner);
    }
}
