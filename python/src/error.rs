//! Errors as exceptions: Gymnasium's where it has one, Python's where it does, with the message as it is.

use cartwheel_agents::PolicyError;
use cartwheel_agents::nn::WeightsError;
use cartwheel_envs::EnvError;
use pyo3::PyErr;
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};

mod gymnasium {
    pyo3::import_exception!(gymnasium.error, Error);
    pyo3::import_exception!(gymnasium.error, InvalidAction);
    pyo3::import_exception!(gymnasium.error, NameNotFound);
    pyo3::import_exception!(gymnasium.error, ResetNeeded);
}

/// What went wrong in an environment.
pub(crate) fn env_error(error: EnvError) -> PyErr {
    let message = error.to_string();
    let mut cause = &error;
    while let EnvError::AtIndex { source, .. } = cause {
        cause = source;
    }
    match cause {
        EnvError::InvalidAction { .. } => gymnasium::InvalidAction::new_err(message),
        EnvError::ResetNeeded => gymnasium::ResetNeeded::new_err(message),
        EnvError::UnknownEnv { .. } => gymnasium::NameNotFound::new_err(message),
        EnvError::UnknownArgument { .. } => PyTypeError::new_err(message),
        EnvError::BadArgument { .. } => PyValueError::new_err(message),
        _ => gymnasium::Error::new_err(message),
    }
}

/// An action that is none.
pub(crate) fn invalid_action(found: impl Into<String>, expected: impl Into<String>) -> PyErr {
    env_error(EnvError::InvalidAction { found: found.into(), expected: expected.into() })
}

/// What is wrong with a policy's file.
pub(crate) fn policy_error(error: PolicyError) -> PyErr {
    let message = error.to_string();
    match error {
        PolicyError::Weights(WeightsError::Read { source, .. }) => match source.raw_os_error() {
            // With a number, Python finds FileNotFoundError and its kind by itself.
            Some(number) => PyOSError::new_err((number, message)),
            None => PyOSError::new_err(message),
        },
        _ => PyValueError::new_err(message),
    }
}
