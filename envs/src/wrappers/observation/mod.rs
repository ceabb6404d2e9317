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
use crate::{Action, Env, Generator, Result, Row, RowMut, Rows, Space, StateVariable, Statistics, Step, forward_env};

/// What an observation wrapper makes of observations.
pub trait ObservationMap: Memory {
    /// Writes what becomes of an episode's first observation; as of any other, if not written.
    fn first(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        self.next(inner, observation);
    }

    /// Writes what becomes of the inner environment's observation.
    fn next(&mut self, inner: Row<'_>, observation: RowMut<'_>);

    /// Writes what becomes of `inner` in the place of the last observation: as of the next one, if not written, which is
    /// right for who remembers nothing.
    fn instead(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
        self.next(inner, observation);
    }
}

/// An environment whose observations go through `M` (Gymnasium's `ObservationWrapper`).
///
/// A wrapper of one's own is an [`ObservationMap`], [around](Self::around) an environment:
///
/// ```
/// use cartwheel_envs::*;
///
/// /// Shows how much each number changed since the step before.
/// struct Difference(Vec<f32>);
///
/// impl Memory for Difference {}
///
/// impl ObservationMap for Difference {
///     fn first(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
///         self.0.fill(0.0);
///         self.next(inner, observation);
///     }
///
///     fn next(&mut self, inner: Row<'_>, observation: RowMut<'_>) {
///         let (Row::F32(inner), RowMut::F32(observation)) = (inner, observation) else { return };
///         for ((change, last), x) in observation.iter_mut().zip(&mut self.0).zip(inner) {
///             *change = x - std::mem::replace(last, *x);
///         }
///     }
/// }
///
/// let env = EnvBuilder::new("Pendulum-v1").build()?;
/// let any = Space::box_f32(vec![f32::NEG_INFINITY; 3], vec![f32::INFINITY; 3]);
/// let mut env = ObservationWrapper::around(env, Difference(vec![0.0; 3]), any);
/// let problems = check_env(&mut env);
/// // It must also save what it remembers (see `Memory`), and say what becomes of a state that was set (`instead`).
/// let rules: Vec<_> = problems.iter().map(|problem| problem.rule).collect();
/// assert_eq!(rules, ["state variables", "save and restore"]);
/// # Ok::<(), EnvError>(())
/// ```
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
    forward_env!(env: action_space);

    fn observation_space(&self) -> Space {
        self.space.clone()
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

    fn state_variables(&self) -> Vec<StateVariable> {
        self.env.state_variables()
    }

    fn set_state_variables(&mut self, values: &[f64], observation: RowMut<'_>) -> Result<()> {
        self.env.set_state_variables(values, self.inner.row_mut(0))?;
        self.map.instead(self.inner.row(0), observation);
        Ok(())
    }

    forward_memory!();
}
