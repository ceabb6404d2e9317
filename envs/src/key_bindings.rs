//! How a person plays an environment.

use serde::{Deserialize, Serialize};

use crate::OwnedAction;

/// A key on a keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Key {
    /// The left arrow.
    Left,
    /// The right arrow.
    Right,
    /// The upward arrow.
    Up,
    /// The downward arrow.
    Down,
    /// A letter, digit or space, lower case.
    Char(char),
}

/// When an environment is stepped while a person plays it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Pace {
    /// With each key.
    #[default]
    TurnBased,
    /// By the clock.
    RealTime {
        /// Steps a second.
        fps: u32,
        /// What is done while no key is pressed; `None` repeats the last action.
        idle: Option<OwnedAction>,
    },
}

/// The keys with which a person plays an environment (Gymnasium's `get_keys_to_action`), and how fast it goes.
///
/// ```
/// use cartwheel_envs::{Key, KeyBindings};
///
/// let keys = KeyBindings::turn_based().key(Key::Left, 0, "west").key(Key::Right, 1, "east");
/// assert_eq!(keys.action(Key::Right), Some(1.into()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyBindings {
    /// When it is stepped.
    pub pace: Pace,
    /// Each key with its action and what that does, in a word or two. Empty if nobody can play it.
    pub keys: Vec<(Key, OwnedAction, String)>,
}

impl KeyBindings {
    /// No keys yet, stepped with each key.
    pub fn turn_based() -> Self {
        Self::default()
    }

    /// No keys yet, stepped `fps` times a second; without a key, by `idle`.
    pub fn real_time(fps: u32, idle: impl Into<OwnedAction>) -> Self {
        Self { pace: Pace::RealTime { fps, idle: Some(idle.into()) }, keys: Vec::new() }
    }

    /// No keys yet, stepped `fps` times a second; without a key, by the last action.
    pub fn held(fps: u32) -> Self {
        Self { pace: Pace::RealTime { fps, idle: None }, keys: Vec::new() }
    }

    /// Adds a key.
    #[must_use]
    pub fn key(mut self, key: Key, action: impl Into<OwnedAction>, meaning: &str) -> Self {
        self.keys.push((key, action.into(), meaning.to_owned()));
        self
    }

    /// What `key` does.
    pub fn action(&self, key: Key) -> Option<OwnedAction> {
        self.keys.iter().find(|(known, _, _)| *known == key).map(|(_, action, _)| action.clone())
    }
}
