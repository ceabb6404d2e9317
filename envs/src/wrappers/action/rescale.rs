//! Actions in other units.

use super::{ActionMap, ActionWrapper};
use crate::wrappers::rescale::Rescale;
use crate::wrappers::{Bounds, continuous_actions, memory::Memory};
use crate::{Action, Dtype, Env, EnvError, Generator, Result, Space};

/// Takes actions between `min_action` and `max_action` and maps them linearly to the bounds of the action space
/// (Gymnasium's `RescaleAction`).
pub type RescaleAction<E> = ActionWrapper<E, RescaleBack>;

/// What [`RescaleAction`] does.
#[derive(Clone, Debug)]
pub struct RescaleBack {
    rescale: Rescale,
    rescaled: Vec<f32>,
}

impl<E: Env> RescaleAction<E> {
    /// The bounds are one number for all elements, or a number for each; where the action space has no bound, neither
    /// have they.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] if the actions are not continuous; [`EnvError::BadArgument`] for bounds of another
    /// number, that do not fit, or that are not apart.
    pub fn new(env: E, min_action: impl Into<Bounds>, max_action: impl Into<Bounds>) -> Result<Self> {
        let (low, high, shape) = continuous_actions("RescaleAction", &env)?;
        let names = ["min_action", "max_action"];
        let (rescale, [min, max]) =
            Rescale::new("RescaleAction", names, [&low, &high], [min_action.into(), max_action.into()])?;
        if let Some((min, max)) = min.iter().zip(&max).find(|(min, max)| min == max) {
            let expected = format!("below max_action, which is {max}: there is no way back from a point");
            return Err(EnvError::bad_argument("RescaleAction", "min_action", min, expected));
        }
        let space = Space::Box { low: min, high: max, shape, dtype: Dtype::F32 };
        Ok(Self::around(env, RescaleBack { rescale, rescaled: low }, space))
    }
}

impl Memory for RescaleBack {}

impl ActionMap for RescaleBack {
    #[inline]
    fn action<'a>(&'a mut self, action: Action<'a>, _rng: &mut Generator) -> Action<'a> {
        let Action::Continuous(action) = action else { return action };
        for (i, (rescaled, x)) in self.rescaled.iter_mut().zip(action).enumerate() {
            *rescaled = self.rescale.backward(i, *x);
        }
        Action::Continuous(&self.rescaled)
    }
}
