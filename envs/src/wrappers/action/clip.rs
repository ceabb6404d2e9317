//! Actions within bounds.

use super::{ActionMap, ActionWrapper};
use crate::wrappers::{continuous_actions, memory::Memory};
use crate::{Action, Dtype, Env, Generator, Result, Space};

/// Takes any floats and clips them to the bounds of the action space (Gymnasium's `ClipAction`).
pub type ClipAction<E> = ActionWrapper<E, Clip>;

/// What [`ClipAction`] does.
#[derive(Clone, Debug)]
pub struct Clip {
    low: Vec<f32>,
    high: Vec<f32>,
    clipped: Vec<f32>,
}

impl<E: Env> ClipAction<E> {
    /// `env`, which takes continuous actions.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`](crate::EnvError::UnfitWrapper) if it does not.
    pub fn new(env: E) -> Result<Self> {
        let (low, high, shape) = continuous_actions("ClipAction", &env)?;
        let unbounded = Space::Box {
            low: vec![f32::NEG_INFINITY; low.len()],
            high: vec![f32::INFINITY; low.len()],
            shape,
            dtype: Dtype::F32,
        };
        Ok(Self::around(env, Clip { clipped: low.clone(), low, high }, unbounded))
    }
}

impl Memory for Clip {}

impl ActionMap for Clip {
    #[inline]
    fn action<'a>(&'a mut self, action: Action<'a>, _rng: &mut Generator) -> Action<'a> {
        let Action::Continuous(action) = action else { return action };
        let bounds = self.low.iter().zip(&self.high);
        for ((clipped, x), (low, high)) in self.clipped.iter_mut().zip(action).zip(bounds) {
            *clipped = x.clamp(*low, *high);
        }
        Action::Continuous(&self.clipped)
    }
}
