//! Any function of the observation.

use super::{ObservationMap, ObservationWrapper};
use crate::wrappers::memory::Memory;
use crate::{Env, Row, RowMut, Space};

/// Replaces each observation by a function of it (Gymnasium's `TransformObservation`).
pub type TransformObservation<E, F> = ObservationWrapper<E, Transform<F>>;

/// What [`TransformObservation`] does.
#[derive(Clone, Copy, Debug)]
pub struct Transform<F>(F);

impl<E: Env, F: FnMut(Row<'_>, RowMut<'_>) + Send> TransformObservation<E, F> {
    /// `func` reads the inner observation and writes one of `observation_space`; without that, one of the same space.
    pub fn new(env: E, func: F, observation_space: Option<Space>) -> Self {
        let space = observation_space.unwrap_or_else(|| env.observation_space());
        Self::around(env, Transform(func), space)
    }
}

impl<F: Send> Memory for Transform<F> {}

impl<F: FnMut(Row<'_>, RowMut<'_>) + Send> ObservationMap for Transform<F> {
    #[inline]
    fn next(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        (self.0)(inner, observation);
    }
}
