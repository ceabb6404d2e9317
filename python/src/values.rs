//! JSON as Python values, and frames as arrays.

use cartwheel_envs::{EnvError, Frame, Info, Kwargs};
use numpy::ndarray::Array3;
use numpy::{IntoPyArray as _, ToPyArray as _};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::Value;

use crate::error::env_error;

/// Keyword arguments for an environment. Raises `TypeError` for a value that JSON cannot hold.
pub(crate) fn kwargs(kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Kwargs> {
    let Some(kwargs) = kwargs else { return Ok(Kwargs::new()) };
    let text: String = kwargs.py().import("json")?.call_method1("dumps", (kwargs,))?.extract()?;
    serde_json::from_str(&text).map_err(|error| PyValueError::new_err(format!("the arguments {text}: {error}")))
}

/// An environment's named values.
pub(crate) fn info<'py>(py: Python<'py>, info: &Info) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, named) in info {
        dict.set_item(name, value(py, name, named)?)?;
    }
    Ok(dict)
}

/// The value called `name`: numbers, truths and text as Python's, lists of numbers as arrays.
pub(crate) fn value<'py>(py: Python<'py>, name: &str, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(truth) => truth.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into_pyobject(py)?.into_any(),
            None => number.as_f64().into_pyobject(py)?.into_any(),
        },
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Object(object) => info(py, object)?.into_any(),
        Value::Array(values) => list(py, name, values)?,
    })
}

fn list<'py>(py: Python<'py>, name: &str, values: &[Value]) -> PyResult<Bound<'py, PyAny>> {
    let integers: Option<Vec<i64>> = values.iter().map(Value::as_i64).collect();
    if let Some(integers) = integers {
        // The number type that Gymnasium's `Discrete.sample(mask)` takes.
        if name == "action_mask" {
            return Ok(integers.iter().map(|x| *x as i8).collect::<Vec<_>>().to_pyarray(py).into_any());
        }
        return Ok(integers.to_pyarray(py).into_any());
    }
    let floats: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
    if let Some(floats) = floats {
        return Ok(floats.to_pyarray(py).into_any());
    }
    let values = values.iter().map(|part| value(py, name, part)).collect::<PyResult<Vec<_>>>()?;
    Ok(PyList::new(py, values)?.into_any())
}

/// A picture as `rgb_array` gives it: (height, width, 3) bytes.
pub(crate) fn frame<'py>(py: Python<'py>, frame: Frame) -> PyResult<Bound<'py, PyAny>> {
    let shape = (frame.height as usize, frame.width as usize, 3);
    let pixels = Array3::from_shape_vec(shape, frame.rgb).map_err(|error| env_error(EnvError::failed(error)))?;
    Ok(pixels.into_pyarray(py).into_any())
}
