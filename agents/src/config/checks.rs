//! Range checks for [`config!`](crate::config!): a check says what it expected, in words that follow "expected".
//!
//! Any `fn(&T) -> Result<(), String>` is a check; these are in scope within the macro.

use std::fmt::Display;

use super::{ConfigError, ConfigErrors, Problem, Section, SetError};

/// Refuses values out of their range, where settings were not read from text but made in code: by setting each to what it is.
///
/// # Errors
/// Every value that its key does not take.
pub fn check(sections: &mut [&mut dyn Section]) -> Result<(), ConfigErrors> {
    let mut errors = Vec::new();
    for section in sections {
        for key in section.keys() {
            let Some(value) = section.get(key.name) else { continue };
            if let Err(SetError::Expected(expected)) = section.set(key.name, &value) {
                let at = format!("{}.{}", section.name(), key.name);
                errors.push(ConfigError { at, problem: Problem::Value { expected, found: value.to_string() } });
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
}

/// A type whose range can be checked.
pub trait Number: Copy + PartialOrd + Default + Display {}

impl<T: Copy + PartialOrd + Default + Display> Number for T {}

/// More than zero.
pub fn positive<T: Number>(number: &T) -> Result<(), String> {
    ensure(*number > T::default(), || "a number above 0".to_owned())
}

/// Zero or more.
pub fn non_negative<T: Number>(number: &T) -> Result<(), String> {
    at_least(T::default())(number)
}

/// `low` or more.
pub fn at_least<T: Number>(low: T) -> impl Fn(&T) -> Result<(), String> {
    move |number| ensure(*number >= low, || format!("a number of {low} or more"))
}

/// `high` or less.
pub fn at_most<T: Number>(high: T) -> impl Fn(&T) -> Result<(), String> {
    move |number| ensure(*number <= high, || format!("a number of {high} or less"))
}

/// From `low` to `high`, both included.
pub fn within<T: Number>(low: T, high: T) -> impl Fn(&T) -> Result<(), String> {
    move |number| ensure((low..=high).contains(number), || format!("a number from {low} to {high}"))
}

/// A share that leaves some of the rest: from 0 to below 1.
pub fn share(number: &f64) -> Result<(), String> {
    ensure((0.0..1.0).contains(number), || "a number from 0 to below 1".to_owned())
}

/// Text with a character, or a list with an item.
pub fn non_empty<T: Default + PartialEq>(value: &T) -> Result<(), String> {
    ensure(*value != T::default(), || "a value that is not empty".to_owned())
}

/// A list whose every item passes `check`.
pub fn each<T>(check: impl Fn(&T) -> Result<(), String>) -> impl Fn(&Vec<T>) -> Result<(), String> {
    move |items| {
        let checked = items.iter().try_for_each(&check);
        checked.map_err(|expected| format!("a list in which every item is {expected}"))
    }
}

/// `None`, or a value that passes `check`.
pub fn if_some<T>(check: impl Fn(&T) -> Result<(), String>) -> impl Fn(&Option<T>) -> Result<(), String> {
    move |value| value.as_ref().map_or(Ok(()), &check).map_err(|expected| format!("\"none\" or {expected}"))
}

fn ensure(holds: bool, expected: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(expected()) }
}

/// Hidden layers, none of them empty or absurd. There may be none: behind convolutions none is needed.
///
/// # Errors
/// What is expected.
pub fn layers(net_arch: &Vec<usize>) -> Result<(), String> {
    each(within(1, 16_384))(net_arch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(result: Result<(), String>, expected: &str) {
        assert_eq!(result, Err(expected.to_owned()));
    }

    #[test]
    fn bounds_are_where_the_words_say() {
        assert_eq!(positive(&1e-9), Ok(()));
        refused(positive(&0), "a number above 0");
        assert_eq!(non_negative(&0.0), Ok(()));
        refused(non_negative(&-1), "a number of 0 or more");
        assert_eq!(at_least(2)(&2), Ok(()));
        refused(at_least(2)(&1), "a number of 2 or more");
        assert_eq!(at_most(2)(&2), Ok(()));
        refused(at_most(2)(&3), "a number of 2 or less");
        assert_eq!(within(0.0, 1.0)(&1.0), Ok(()));
        refused(within(0.0, 1.0)(&1.5), "a number from 0 to 1");
        assert_eq!(share(&0.0), Ok(()));
        refused(share(&1.0), "a number from 0 to below 1");
    }

    #[test]
    fn inside_lists_and_options() {
        assert_eq!(non_empty(&vec![0]), Ok(()));
        refused(non_empty(&String::new()), "a value that is not empty");
        assert_eq!(each(positive)(&vec![1, 2]), Ok(()));
        refused(each(positive)(&vec![1, 0]), "a list in which every item is a number above 0");
        assert_eq!(if_some(positive)(&None::<f64>), Ok(()));
        refused(if_some(positive)(&Some(0.0)), "\"none\" or a number above 0");
    }
}
