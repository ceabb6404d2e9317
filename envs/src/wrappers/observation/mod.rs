//! Wrappers that change what is observed.

mod delay;
mod discretize;
mod dtype;
mod filter;
mod flatten;
mod frame_stack;
mod grayscale;
mod normalize;
mod rescale;
mod reshape;
mod resize;
mod time_aware;
mod transform;

pub use delay::DelayObservation;
pub use discretize::DiscretizeObservation;
pub use dtype::DtypeObservation;
pub use filter::FilterObservation;
pub use flatten::FlattenObservation;
pub use frame_stack::{FrameStackObservation, Padding};
pub use grayscale::GrayscaleObservation;
pub use normalize::NormalizeObservation;
pub use rescale::RescaleObservation;
pub use reshape::ReshapeObservation;
pub use resize::ResizeObservation;
pub use time_aware::TimeAwareObservation;
pub use transform::TransformObservation;

use super::memory::{Memory, forward_memory};
use crate::{Action, Env, Generator, Result, Row, RowMut, Rows, Space, Statistics, Step};

/// What an observation wrapper makes of observations.
pub trait ObservationMap: Memory {
    /// Writes what becomes of an episode's first observation; as of any other, if not written.
    fn first(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        self.next(inner, observation);
    }

    /// Writes what becomes of the inner environment's observation.
    fn next(&mut self, inner: Row<'_>, observation: RowMut<'_>);
}

/// An environment whose observations go through `M` (Gymnasium's `ObservationWrapper`).
///
/// A wrapper of one's own is an [`ObservationMap`], [around](Self::around) an environment.
#[derive(Clone, Debug)]
pub struct ObservationWrapper<E, M> {
    env: E,
    map: M,
    space: Space,
    /// The inner environment's last observation.
    inner: Rows,
}

impl<E: Env, M: ObservationMap> ObservationWrapper<E, M> {
    /// `env` with its observations mapped into `observation_space`.
    pub fn around(env: E, map: M, observation_space: Space) -> Self {
        let inner = Rows::for_space(&env.observation_space(), 1);
        Self { env, map, space: observation_space, inner }
    }
}

impl<E: Env, M: ObservationMap> Env for ObservationWrapper<E, M> {
    fn observation_space(&self) -> Space {
        self.space.clone()
    }

    fn action_space(&self) -> Space {
        self.env.action_space()
    }

    #[inline]
    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.env.reset(rng, self.inner.row_mut(0))?;
        self.map.first(self.inner.row(0), observation);
        Ok(())
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let step = self.env.step(action, rng, self.inner.row_mut(0))?;
        self.map.next(self.inner.row(0), observation);
        Ok(step)
    }

    forward_memory!();
}
