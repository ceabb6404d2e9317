//! Actions from Python.

use cartwheel_envs::{Action, Actions, Space};
use numpy::{PyArrayDescrMethods as _, PyArrayDyn, PyArrayMethods as _, PyUntypedArray, PyUntypedArrayMethods as _};
use pyo3::prelude::*;

use crate::error::invalid_action;

/// The numbers of actions in the types that environments take. Made once and reused.
#[derive(Default)]
pub(crate) struct ActionBuffer {
    integers: Vec<i32>,
    floats: Vec<f32>,
}

impl ActionBuffer {
    /// One environment's action. That it is in the space is for the environment to say.
    pub(crate) fn read_one(&mut self, action: &Bound<'_, PyAny>, space: &Space) -> PyResult<Action<'_>> {
        if let Space::Discrete { .. } = space {
            // NumPy's integers and arrays of one have an index too; floats have none.
            let action = action.extract().map_err(|_| refused(action, space, None))?;
            return Ok(Action::Discrete(action));
        }
        Ok(match self.read(action, space, None)? {
            Actions::Discrete(_) => return Err(refused(action, space, None)),
            Actions::Multi(action) => Action::Multi(action),
            Actions::Continuous(action) => Action::Continuous(action),
        })
    }

    /// An action for each of `count` environments.
    pub(crate) fn read_batch(
        &mut self,
        actions: &Bound<'_, PyAny>,
        space: &Space,
        count: usize,
    ) -> PyResult<Actions<'_>> {
        self.read(actions, space, Some(count))
    }

    fn read(&mut self, actions: &Bound<'_, PyAny>, space: &Space, count: Option<usize>) -> PyResult<Actions<'_>> {
        let refused = || refused(actions, space, count);
        let converted;
        let array = match actions.cast::<PyUntypedArray>() {
            Ok(array) => array,
            Err(_) => {
                converted = actions.py().import("numpy")?.call_method1("asarray", (actions,)).map_err(|_| refused())?;
                converted.cast::<PyUntypedArray>().map_err(|_| refused())?
            }
        };
        let multi = [space.width()];
        let shape = match space {
            Space::MultiDiscrete { .. } => &multi,
            space => space.shape(),
        };
        let (lead, rest) = array.shape().split_at_checked(count.iter().len()).ok_or_else(refused)?;
        if lead.iter().copied().ne(count) || rest != shape {
            return Err(refused());
        }
        if let Space::Box { .. } = space {
            fill(array, &mut self.floats, &refused)?;
            return Ok(Actions::Continuous(&self.floats));
        }
        fill_integers(array, &mut self.integers, &refused)?;
        Ok(match space {
            Space::Discrete { .. } => Actions::Discrete(&self.integers),
            _ => Actions::Multi(&self.integers),
        })
    }
}

/// Copies an array of real numbers.
fn fill(array: &Bound<'_, PyUntypedArray>, to: &mut Vec<f32>, refused: &dyn Fn() -> PyErr) -> PyResult<()> {
    if let Ok(array) = array.cast::<PyArrayDyn<f32>>() {
        copy(array, to, |x| x);
    } else if matches!(array.dtype().kind(), b'f' | b'i' | b'u' | b'b') {
        let array = array.call_method1("astype", ("float32",))?;
        copy(array.cast::<PyArrayDyn<f32>>().map_err(|_| refused())?, to, |x| x);
    } else {
        return Err(refused());
    }
    Ok(())
}

/// Copies an array of integers.
fn fill_integers(array: &Bound<'_, PyUntypedArray>, to: &mut Vec<i32>, refused: &dyn Fn() -> PyErr) -> PyResult<()> {
    if let Ok(array) = array.cast::<PyArrayDyn<i32>>() {
        copy(array, to, |x| x);
        return Ok(());
    }
    let converted;
    let array = match array.cast::<PyArrayDyn<i64>>() {
        Ok(array) => array,
        Err(_) if matches!(array.dtype().kind(), b'i' | b'u' | b'b') => {
            converted = array.call_method1("astype", ("int64",))?;
            converted.cast::<PyArrayDyn<i64>>().map_err(|_| refused())?
        }
        Err(_) => return Err(refused()),
    };
    copy(array, to, |x| x as i32);
    // A pass of its own, and arithmetic in place of comparisons: together they vectorise badly.
    let high_bits = |x: &i64| (*x as u64).wrapping_add(1 << 31) >> 32;
    if array.readonly().as_array().iter().fold(0, |any, x| any | high_bits(x)) != 0 { Err(refused()) } else { Ok(()) }
}

fn copy<T: numpy::Element + Copy, U>(array: &Bound<'_, PyArrayDyn<T>>, to: &mut Vec<U>, convert: impl Fn(T) -> U) {
    let array = array.readonly();
    to.clear();
    match array.as_slice() {
        Ok(numbers) => to.extend(numbers.iter().map(|x| convert(*x))),
        // Strided, as a column of a table is.
        Err(_) => to.extend(array.as_array().iter().map(|x| convert(*x))),
    }
}

/// The exception for something that is no action, or no batch of them.
fn refused(action: &Bound<'_, PyAny>, space: &Space, count: Option<usize>) -> PyErr {
    let shape = action.getattr("shape").and_then(|shape| Ok(format!(" of shape {}", shape.str()?)));
    let dtype = action.getattr("dtype").and_then(|dtype| Ok(format!(" of {}", dtype.str()?)));
    let text = action.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string());
    let found = match (shape, dtype) {
        (Ok(shape), Ok(dtype)) if text.len() > 60 => format!("an array{shape}{dtype}"),
        _ => text,
    };
    match count {
        Some(count) => invalid_action(found, format!("an array of {count} of {space}")),
        None => invalid_action(found, format!("of {space}")),
    }
}
