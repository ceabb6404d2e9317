//! Ranges, for settings that were not read from text but made in code.

use super::{ConfigError, ConfigErrors, Problem, Section, SetError};

/// Refuses values out of their range, by setting each to what it is.
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
