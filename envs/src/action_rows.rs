//! Actions of a batch in memory: one row for each environment or each transition.

use serde::{Deserialize, Serialize};

use crate::{Action, Actions, Space};

/// Actions one after the other, of the kind that their space has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ActionRows {
    /// One number an action.
    Discrete(#[serde(with = "crate::as_bytes")] Vec<i32>),
    /// So many integers an action.
    Multi {
        /// Numbers of an action.
        width: usize,
        /// All of them.
        #[serde(with = "crate::as_bytes")]
        values: Vec<i32>,
    },
    /// So many floats an action.
    Continuous {
        /// Numbers of an action.
        width: usize,
        /// All of them.
        #[serde(with = "crate::as_bytes")]
        values: Vec<f32>,
    },
}

impl Default for ActionRows {
    fn default() -> Self {
        Self::Discrete(Vec::new())
    }
}

impl ActionRows {
    /// `n` actions of zeros in the form of those of `space`.
    pub fn for_space(space: &Space, n: usize) -> Self {
        let width = space.width();
        match space {
            Space::Discrete { .. } => Self::Discrete(vec![0; n]),
            Space::MultiDiscrete { .. } | Space::MultiBinary { .. } => {
                Self::Multi { width, values: vec![0; n * width] }
            }
            _ => Self::Continuous { width, values: vec![0.0; n * width] },
        }
    }

    /// `n` actions of zeros in the form of these.
    #[must_use]
    pub fn zeros(&self, n: usize) -> Self {
        match *self {
            Self::Discrete(_) => Self::Discrete(vec![0; n]),
            Self::Multi { width, .. } => Self::Multi { width, values: vec![0; n * width] },
            Self::Continuous { width, .. } => Self::Continuous { width, values: vec![0.0; n * width] },
        }
    }

    /// Actions.
    pub fn len(&self) -> usize {
        match self {
            Self::Discrete(values) => values.len(),
            Self::Multi { width, values } => values.len() / (*width).max(1),
            Self::Continuous { width, values } => values.len() / (*width).max(1),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of an action.
    pub fn width(&self) -> usize {
        match self {
            Self::Discrete(_) => 1,
            Self::Multi { width, .. } | Self::Continuous { width, .. } => *width,
        }
    }

    /// Makes room for `n` actions, new ones of zeros.
    pub fn resize(&mut self, n: usize) {
        match self {
            Self::Discrete(values) => values.resize(n, 0),
            Self::Multi { width, values } => values.resize(n * *width, 0),
            Self::Continuous { width, values } => values.resize(n * *width, 0.0),
        }
    }

    /// The action in row `i`.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn get(&self, i: usize) -> Action<'_> {
        self.as_actions().get(i, self.width())
    }

    /// Writes `action` to row `i`. One of another kind or width is left out.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn set(&mut self, i: usize, action: Action<'_>) {
        match (self, action) {
            (Self::Discrete(own), Action::Discrete(action)) => own[i] = action,
            (Self::Multi { width, values }, Action::Multi(action)) if action.len() == *width => {
                values[i * *width..(i + 1) * *width].copy_from_slice(action);
            }
            (Self::Continuous { width, values }, Action::Continuous(action)) if action.len() == *width => {
                values[i * *width..(i + 1) * *width].copy_from_slice(action);
            }
            _ => {}
        }
    }

    /// Writes `actions`, from row `at` on.
    ///
    /// # Panics
    /// If there are not so many rows, or the actions are of another kind.
    pub fn copy_rows(&mut self, at: usize, actions: &Self) {
        match (self, actions) {
            (Self::Discrete(own), Self::Discrete(actions)) => own[at..at + actions.len()].copy_from_slice(actions),
            (Self::Multi { width, values: own }, Self::Multi { values, .. }) => {
                own[at * *width..at * *width + values.len()].copy_from_slice(values);
            }
            (Self::Continuous { width, values: own }, Self::Continuous { values, .. }) => {
                own[at * *width..at * *width + values.len()].copy_from_slice(values);
            }
            _ => panic!("actions of another kind"),
        }
    }

    /// All of them, to step with.
    #[inline]
    pub fn as_actions(&self) -> Actions<'_> {
        match self {
            Self::Discrete(values) => Actions::Discrete(values),
            Self::Multi { values, .. } => Actions::Multi(values),
            Self::Continuous { values, .. } => Actions::Continuous(values),
        }
    }

    /// Whether the rows of both are of one kind and width.
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.width() == other.width()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_take_the_form_of_their_space() {
        let spaces = [
            Space::discrete(3),
            Space::MultiDiscrete { nvec: vec![2, 3], start: vec![0, 0] },
            Space::box_f32(vec![-1.0; 3], vec![1.0; 3]),
        ];
        let actions: [Action<'_>; 3] =
            [Action::Discrete(2), Action::Multi(&[1, 2]), Action::Continuous(&[0.5, -0.5, 1.0])];
        for (space, action) in spaces.iter().zip(actions) {
            let mut rows = ActionRows::for_space(space, 4);
            assert_eq!((rows.len(), rows.width()), (4, space.width()));
            rows.set(2, action);
            assert_eq!(rows.get(2), action);
            let mut more = rows.zeros(6);
            assert!(more.is_like(&rows));
            more.copy_rows(1, &rows);
            assert_eq!(more.get(3), action);
            assert_ne!(more.get(2), action);
            more.resize(3);
            assert_eq!(more.len(), 3);
        }
        let mut rows = ActionRows::for_space(&spaces[2], 1);
        rows.set(0, Action::Continuous(&[1.0]));
        assert_eq!(rows.get(0), Action::Continuous(&[0.0; 3]), "of another width");
    }
}
