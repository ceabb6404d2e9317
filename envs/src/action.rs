//! Actions: of one environment, and of a batch.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One environment's action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action<'a> {
    /// An element of a [`Space::Discrete`](crate::Space::Discrete).
    Discrete(i32),
    /// An element of a [`Space::MultiDiscrete`](crate::Space::MultiDiscrete) or
    /// [`Space::MultiBinary`](crate::Space::MultiBinary).
    Multi(&'a [i32]),
    /// A flat point of a [`Space::Box`](crate::Space::Box), row-major.
    Continuous(&'a [f32]),
}

impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discrete(action) => write!(f, "{action}"),
            Self::Multi(actions) => write!(f, "{actions:?}"),
            Self::Continuous(values) => write!(f, "{values:?}"),
        }
    }
}

impl From<i32> for Action<'_> {
    fn from(action: i32) -> Self {
        Self::Discrete(action)
    }
}

impl<'a> From<&'a [i32]> for Action<'a> {
    fn from(action: &'a [i32]) -> Self {
        Self::Multi(action)
    }
}

impl<'a> From<&'a [f32]> for Action<'a> {
    fn from(action: &'a [f32]) -> Self {
        Self::Continuous(action)
    }
}

impl<'a> From<&'a OwnedAction> for Action<'a> {
    fn from(action: &'a OwnedAction) -> Self {
        action.as_action()
    }
}

impl Action<'_> {
    /// The same action with its numbers its own.
    pub fn to_owned(self) -> OwnedAction {
        match self {
            Self::Discrete(action) => OwnedAction::Discrete(action),
            Self::Multi(values) => OwnedAction::Multi(values.to_vec()),
            Self::Continuous(values) => OwnedAction::Continuous(values.to_vec()),
        }
    }
}

/// An action to keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OwnedAction {
    /// See [`Action::Discrete`].
    Discrete(i32),
    /// See [`Action::Multi`].
    Multi(Vec<i32>),
    /// See [`Action::Continuous`].
    Continuous(Vec<f32>),
}

impl From<i32> for OwnedAction {
    fn from(action: i32) -> Self {
        Self::Discrete(action)
    }
}

impl From<Vec<f32>> for OwnedAction {
    fn from(action: Vec<f32>) -> Self {
        Self::Continuous(action)
    }
}

impl OwnedAction {
    /// Becomes a copy of `action`; numbers go where there were numbers.
    pub fn copy_from(&mut self, action: Action<'_>) {
        match (self, action) {
            (Self::Discrete(own), Action::Discrete(action)) => *own = action,
            (Self::Multi(own), Action::Multi(values)) => {
                own.clear();
                own.extend_from_slice(values);
            }
            (Self::Continuous(own), Action::Continuous(values)) => {
                own.clear();
                own.extend_from_slice(values);
            }
            (own, action) => *own = action.to_owned(),
        }
    }

    /// The action to step with.
    pub fn as_action(&self) -> Action<'_> {
        match self {
            Self::Discrete(action) => Action::Discrete(*action),
            Self::Multi(values) => Action::Multi(values),
            Self::Continuous(values) => Action::Continuous(values),
        }
    }
}

/// A batch of actions, one for each environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Actions<'a> {
    /// One integer an environment.
    Discrete(&'a [i32]),
    /// One row of integers an environment, one after the other.
    Multi(&'a [i32]),
    /// One row an environment, one after the other.
    Continuous(&'a [f32]),
}

impl<'a> Actions<'a> {
    /// The action of environment `i`, whose action space has `width` elements (1 if discrete).
    ///
    /// # Panics
    /// If the batch has no action `i`.
    #[inline]
    pub fn get(self, i: usize, width: usize) -> Action<'a> {
        match self {
            Self::Discrete(actions) => Action::Discrete(actions[i]),
            Self::Multi(actions) => Action::Multi(&actions[i * width..(i + 1) * width]),
            Self::Continuous(actions) => Action::Continuous(&actions[i * width..(i + 1) * width]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_told_by_their_numbers() {
        let told =
            [Action::Discrete(2), Action::Multi(&[0, 1]), Action::Continuous(&[0.5])].map(|action| action.to_string());
        assert_eq!(told, ["2", "[0, 1]", "[0.5]"]);
    }

    #[test]
    fn batches_are_row_major() {
        assert_eq!(Actions::Continuous(&[1.0, 2.0, 3.0, 4.0]).get(1, 2), Action::from(&[3.0, 4.0][..]));
        assert_eq!(Actions::Multi(&[1, 2, 3, 4]).get(1, 2), Action::Multi(&[3, 4]));
        assert_eq!(Actions::Discrete(&[5, 6]).get(1, 1), 6.into());
    }
}
