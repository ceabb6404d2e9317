//! Actions: of one environment, and of a batch.

/// One environment's action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action<'a> {
    /// An element of a [`Space::Discrete`](crate::Space::Discrete).
    Discrete(i32),
    /// A flat point of a [`Space::Box`](crate::Space::Box), row-major.
    Continuous(&'a [f32]),
}

impl From<i32> for Action<'_> {
    fn from(action: i32) -> Self {
        Self::Discrete(action)
    }
}

impl<'a> From<&'a [f32]> for Action<'a> {
    fn from(action: &'a [f32]) -> Self {
        Self::Continuous(action)
    }
}

/// A batch of actions, one for each environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Actions<'a> {
    /// One integer an environment.
    Discrete(&'a [i32]),
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
            Self::Continuous(actions) => Action::Continuous(&actions[i * width..(i + 1) * width]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_row_major() {
        assert_eq!(Actions::Continuous(&[1.0, 2.0, 3.0, 4.0]).get(1, 2), Action::from(&[3.0, 4.0][..]));
        assert_eq!(Actions::Discrete(&[5, 6]).get(1, 1), 6.into());
    }
}
