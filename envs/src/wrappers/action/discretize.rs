//! Floats by the bin.

use super::{ActionMap, ActionWrapper};
use crate::wrappers::bins::{Bins, BinsOfAxes};
use crate::wrappers::{continuous_actions, memory::Memory};
use crate::{Action, Env, EnvError, Generator, Result};

/// Takes integers for the middles of `bins` equal intervals of each element (Gymnasium's `DiscretizeAction`).
pub type DiscretizeAction<E> = ActionWrapper<E, Discretize>;

/// What [`DiscretizeAction`] does.
#[derive(Clone, Debug)]
pub struct Discretize {
    axes: BinsOfAxes,
    centers: Vec<f32>,
}

impl<E: Env> DiscretizeAction<E> {
    /// One integer for all elements together (the last element's bin changes fastest), or one for each with
    /// `multidiscrete`, which is not Gymnasium's default.
    ///
    /// # Errors
    /// [`EnvError::UnfitWrapper`] if the actions are not continuous or not bounded; [`EnvError::BadArgument`] if a
    /// number of bins is 0, there are not as many as elements, or all together are too many.
    pub fn new(env: E, bins: impl Into<Bins>, multidiscrete: bool) -> Result<Self> {
        let (low, high, _) = continuous_actions("DiscretizeAction", &env)?;
        if low.iter().chain(&high).any(|bound| bound.is_infinite()) {
            return Err(EnvError::UnfitWrapper {
                wrapper: "DiscretizeAction",
                needs: "actions between finite bounds",
                which: "action",
                space: env.action_space().to_string(),
                advice: "put it inside of what takes the bounds away",
            });
        }
        let (axes, space) = BinsOfAxes::new("DiscretizeAction", [&low, &high], bins.into(), multidiscrete)?;
        Ok(Self::around(env, Discretize { axes, centers: low }, space))
    }
}

impl Memory for Discretize {}

impl ActionMap for Discretize {
    fn action<'a>(&'a mut self, action: Action<'a>, _rng: &mut Generator) -> Action<'a> {
        match action {
            Action::Discrete(index) => self.axes.write_centers(&[index], &mut self.centers),
            Action::Multi(indices) => self.axes.write_centers(indices, &mut self.centers),
            Action::Continuous(_) => return action,
        }
        Action::Continuous(&self.centers)
    }
}
