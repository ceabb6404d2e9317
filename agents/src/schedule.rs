//! Hyperparameters that change while a run goes on.

use std::fmt;
use std::str::FromStr;

use crate::config::{Value, plain, toml_edit};

/// A number that stays what it is, or falls to 0 in a line over the run: `0.001` or `"lin_0.001"`, as the RL Zoo writes
/// them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// The same throughout.
    Constant(f64),
    /// From this at the beginning to 0 at the end.
    Linear(f64),
}

/// What is expected of a schedule.
const POSITIVE: &str = "a number above 0, or \"lin_\" and one";

impl Schedule {
    /// Its value when the share `remaining` of the run, from 1 to 0, is left.
    pub fn at(self, remaining: f64) -> f64 {
        match self {
            Self::Constant(value) => value,
            Self::Linear(value) => value * remaining,
        }
    }

    /// Its value at the beginning.
    pub fn initial(self) -> f64 {
        self.at(1.0)
    }
}

impl From<f64> for Schedule {
    /// The same throughout.
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl FromStr for Schedule {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (text, new): (_, fn(f64) -> Self) = match text.strip_prefix("lin_") {
            Some(rest) => (rest, Self::Linear),
            None => (text, Self::Constant),
        };
        let value: f64 = text.parse().map_err(|_| "a number, or \"lin_\" and a number for one that falls to 0")?;
        if value.is_finite() && value >= 0.0 { Ok(new(value)) } else { Err(POSITIVE.into()) }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => write!(f, "{value:?}"),
            Self::Linear(value) => write!(f, "lin_{value:?}"),
        }
    }
}

impl Value for Schedule {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        plain(value).parse()
    }
    fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::Constant(value) => value.to_toml(),
            Self::Linear(_) => self.to_string().into(),
        }
    }
}

/// A check for `config!`: more than 0 at the beginning.
pub(crate) fn positive_schedule(schedule: &Schedule) -> Result<(), String> {
    if schedule.initial() > 0.0 { Ok(()) } else { Err(POSITIVE.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read_as_the_zoo_writes_them() {
        let read = |toml: &str| Schedule::from_toml(&toml.parse().expect("TOML"));
        assert_eq!(read("0.5"), Ok(Schedule::Constant(0.5)));
        assert_eq!(read("1"), Ok(Schedule::Constant(1.0)));
        assert_eq!(read("\"3e-4\""), Ok(Schedule::Constant(3e-4)));
        assert_eq!(read("\"lin_0.001\""), Ok(Schedule::Linear(0.001)));
        for wrong in ["\"lin\"", "-1", "\"lin_-1\"", "nan", "true"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for schedule in [Schedule::Constant(7e-4), Schedule::Linear(0.2)] {
            assert_eq!(Schedule::from_toml(&schedule.to_toml()), Ok(schedule));
        }
    }

    #[test]
    fn a_linear_one_falls_to_nothing() {
        assert_eq!([1.0, 0.25, 0.0].map(|left| Schedule::Linear(2.0).at(left)), [2.0, 0.5, 0.0]);
        assert_eq!(Schedule::Constant(2.0).at(0.0), 2.0);
    }
}
