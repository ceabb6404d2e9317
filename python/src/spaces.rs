//! Spaces as Gymnasium's.

use cartwheel_envs::{Dtype, Space};
use numpy::ndarray::{ArrayD, IxDyn};
use numpy::{PyArrayDyn, PyArrayMethods as _, ToPyArray as _};
use pyo3::exceptions::{PyNotImplementedError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict as _, PyDict, PyList};

/// `space` as an object of `gymnasium.spaces`, with the number types that Gymnasium's own environments have.
pub(crate) fn to_python<'py>(py: Python<'py>, space: &Space) -> PyResult<Bound<'py, PyAny>> {
    let make = |class: &str, kwargs: Bound<'py, PyDict>| {
        py.import("gymnasium.spaces")?.getattr(class)?.call((), Some(&kwargs))
    };
    match space {
        Space::Box { low, high, shape, dtype } => {
            let kwargs = [("low", bounds(py, low, shape, *dtype)?), ("high", bounds(py, high, shape, *dtype)?)];
            let kwargs = kwargs.into_py_dict(py)?;
            kwargs.set_item("dtype", py.import("numpy")?.getattr(dtype.to_string().as_str())?)?;
            make("Box", kwargs)
        }
        Space::Discrete { n, start } => make("Discrete", [("n", *n), ("start", *start)].into_py_dict(py)?),
        Space::MultiDiscrete { nvec, start } => {
            let array = |numbers: &[i32]| numbers.iter().map(|n| i64::from(*n)).collect::<Vec<_>>().to_pyarray(py);
            make("MultiDiscrete", [("nvec", array(nvec)), ("start", array(start))].into_py_dict(py)?)
        }
        Space::MultiBinary { n } => make("MultiBinary", [("n", *n)].into_py_dict(py)?),
        Space::Tuple(parts) => {
            let parts = parts.iter().map(|part| to_python(py, part)).collect::<PyResult<Vec<_>>>()?;
            make("Tuple", [("spaces", PyList::new(py, parts)?)].into_py_dict(py)?)
        }
        Space::Dict(parts) => {
            let spaces = PyDict::new(py);
            for (name, part) in parts {
                spaces.set_item(name, to_python(py, part)?)?;
            }
            make("Dict", [("spaces", spaces)].into_py_dict(py)?)
        }
        other => Err(PyNotImplementedError::new_err(format!("this version of the wheel does not know {other}"))),
    }
}

/// One bound of each element, in the space's own number type.
fn bounds<'py>(py: Python<'py>, bounds: &[f32], shape: &[usize], dtype: Dtype) -> PyResult<Bound<'py, PyAny>> {
    let shaped = ArrayD::from_shape_vec(IxDyn(shape), bounds.to_vec());
    let shaped = shaped.map_err(|error| PyValueError::new_err(error.to_string()))?;
    let array: Bound<'py, PyArrayDyn<f32>> = shaped.to_pyarray(py);
    Ok(match dtype {
        Dtype::U8 => array.cast_array::<u8>(false)?.into_any(),
        _ => array.into_any(),
    })
}
