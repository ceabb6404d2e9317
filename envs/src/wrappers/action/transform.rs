//! Any function of the action.

use super::{ActionMap, ActionWrapper};
use crate::wrappers::memory::Memory;
use crate::{Action, Env, Generator, OwnedAction, Space};

/// Replaces each action by a function of it (Gymnasium's `TransformAction`).
pub type TransformAction<E, F> = ActionWrapper<E, Transform<F>>;

/// What [`TransformAction`] does.
#[derive(Clone, Debug)]
pub struct Transform<F> {
    func: F,
    /// What it made of the last action.
    made: OwnedAction,
}

impl<E: Env, F: FnMut(Action<'_>, &mut OwnedAction) + Send> TransformAction<E, F> {
    /// `func` reads an action of `action_space`, without that of the inner environment's, and writes one for the inner
    /// environment into what it wrote the last time.
    pub fn new(env: E, func: F, action_space: Option<Space>) -> Self {
        let space = action_space.unwrap_or_else(|| env.action_space());
        Self::around(env, Transform { func, made: OwnedAction::Discrete(0) }, space)
    }
}

impl<F: Send> Memory for Transform<F> {}

impl<F: FnMut(Action<'_>, &mut OwnedAction) + Send> ActionMap for Transform<F> {
    fn action<'a>(&'a mut self, action: Action<'a>, _rng: &mut Generator) -> Action<'a> {
        (self.func)(action, &mut self.made);
        self.made.as_action()
    }
}
