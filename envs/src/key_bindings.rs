//! How a person plays an environment.

use std::fmt;

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

impl fmt::Display for Key {
    /// What is on the key: `←` or `a`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("←"),
            Self::Right => f.write_str("→"),
            Self::Up => f.write_str("↑"),
            Self::Down => f.write_str("↓"),
            Self::Char(' ') => f.write_str("space"),
            Self::Char(letter) => write!(f, "{letter}"),
        }
    }
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

    /// Stepped with each key: digit `i` takes the discrete action `i`, and means what `meaning` says. Nobody can play
    /// it if there are more than ten actions.
    pub fn digits(n: usize, meaning: impl Fn(usize) -> String) -> Self {
        let digits = ('0'..='9').take(n).enumerate();
        let keys = digits.map(|(i, digit)| (Key::Char(digit), OwnedAction::Discrete(i as i32), meaning(i)));
        Self { keys: if n > 10 { Vec::new() } else { keys.collect() }, ..Self::turn_based() }
    }

    /// Adds a key.
    #[must_use]
    pub fn key(mut self, key: Key, action: impl Into<OwnedAction>, meaning: &str) -> Self {
        self.keys.push((key, action.into(), meaning.to_owned()));
        self
    }

    /// The action of `key`.
    pub fn action(&self, key: Key) -> Option<OwnedAction> {
        self.keys.iter().find(|(known, _, _)| *known == key).map(|(_, action, _)| action.clone())
    }

    /// What `action` does, in a word or two, if a key is bound to it.
    pub fn meaning(&self, action: &OwnedAction) -> Option<&str> {
        self.keys.iter().find(|(_, known, _)| known == action).map(|(_, _, meaning)| meaning.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnvBuilder, Space, list, make};

    /// Whether one can do all there is to do: every discrete action, and each continuous element both ways.
    fn reach_everything(actions: &[OwnedAction], space: &Space) -> bool {
        let values = |i: usize| {
            actions.iter().map(move |action| match action {
                OwnedAction::Discrete(value) => f64::from(*value),
                OwnedAction::Multi(values) => values[i].into(),
                OwnedAction::Continuous(values) => values[i].into(),
            })
        };
        let all = |i: usize, start: i32, n: i32| {
            (start..start + n).all(|value| values(i).any(|known| known == f64::from(value)))
        };
        match space {
            Space::Discrete { n, start } => all(0, *start, *n),
            Space::MultiDiscrete { nvec, start } => (0..nvec.len()).all(|i| all(i, start[i], nvec[i])),
            Space::MultiBinary { n } => (0..*n).all(|i| all(i, 0, 2)),
            space => (0..space.width()).all(|i| values(i).any(|x| x > 0.0) && values(i).any(|x| x < 0.0)),
        }
    }

    #[test]
    fn a_person_can_play_everything_that_is_shipped() {
        let specs: Vec<_> = list().into_iter().filter(|spec| !spec.description.starts_with("For tests")).collect();
        assert!(specs.len() > 10);
        for spec in specs {
            let env = make(&spec.id).unwrap();
            let KeyBindings { pace, keys } = env.key_bindings();
            let space = env.action_space();
            let idle = if let Pace::RealTime { idle, .. } = pace { idle } else { None };
            // Doing nothing needs no key.
            let actions: Vec<_> = keys.iter().map(|(_, action, _)| action.clone()).chain(idle).collect();
            for action in &actions {
                assert!(space.accepts(action.as_action()), "{}: {action:?}", spec.id);
            }
            assert!(reach_everything(&actions, space), "{}: no way to some action of {space}", spec.id);
            for (i, (key, _, meaning)) in keys.iter().enumerate() {
                assert!(!meaning.is_empty(), "{}: {key} has no meaning", spec.id);
                assert!(keys[..i].iter().all(|(other, _, _)| other != key), "{}: {key} is bound twice", spec.id);
                assert!(!matches!(key, Key::Char('A'..='Z')), "{}: {key} is no lower case", spec.id);
            }
        }
    }

    #[test]
    fn digits_do_up_to_ten_things() {
        let keys = |n: i32| EnvBuilder::new("Identity-v0").kwarg("n", n).make().unwrap().key_bindings();
        assert_eq!(keys(10).action(Key::Char('9')), Some(9.into()));
        assert_eq!((keys(9).action(Key::Char('9')), keys(11).keys.len()), (None, 0));
        assert_eq!(keys(3).meaning(&2.into()), Some("2"));
    }
}
