//! What a batch gives beside arrays, in Gymnasium's form: for each name an array with a row an environment, and under
//! `_name` a mask of the environments that gave one.

use cartwheel_envs::{Info, VectorEnv, VectorStep};
use numpy::{PyArray1, ToPyArray as _};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict as _, PyDict};
use serde_json::Value;

use crate::observations::Observations;
use crate::values;

/// The infos of the environments for which `wanted` is true.
pub(crate) fn of_states<'py>(
    py: Python<'py>,
    env: &dyn VectorEnv,
    wanted: impl Fn(usize) -> bool,
) -> PyResult<Bound<'py, PyDict>> {
    if !env.has_info() {
        return Ok(PyDict::new(py));
    }
    let infos = (0..env.num_envs()).map(|i| if wanted(i) { env.info(i) } else { Info::new() });
    batch(py, &infos.collect::<Vec<_>>())
}

/// The last observations and infos of the episodes that ended in this step, if any did, for same-step autoreset.
pub(crate) fn add_final<'py>(infos: &Bound<'py, PyDict>, env: &dyn VectorEnv, step: &VectorStep) -> PyResult<()> {
    let py = infos.py();
    let ended: Vec<bool> = step.terminated.iter().zip(&step.truncated).map(|(a, b)| a | b).collect();
    if !ended.contains(&true) {
        return Ok(());
    }
    let none = py.None();
    let space = env.single_observation_space();
    let observation = |(i, ended): (usize, &bool)| -> PyResult<Py<PyAny>> {
        if !ended {
            return Ok(none.clone_ref(py));
        }
        let observation = Observations::one(step.final_observations.row(i));
        Ok(observation.to_python(py, space)?.unbind())
    };
    let observations = ended.iter().enumerate().map(observation).collect::<PyResult<Vec<_>>>()?;
    infos.set_item("final_obs", PyArray1::from_vec(py, observations))?;
    infos.set_item("_final_obs", ended.to_pyarray(py))?;
    let of_ended = |infos: &Vec<Info>| {
        let last = infos.iter().zip(&ended).map(|(info, ended)| if *ended { info.clone() } else { Info::new() });
        batch(py, &last.collect::<Vec<_>>())
    };
    let last = step.final_infos.as_ref().map(of_ended).transpose()?;
    infos.set_item("final_info", last.unwrap_or_else(|| PyDict::new(py)))?;
    infos.set_item("_final_info", ended.to_pyarray(py))
}

/// One info for each environment, name by name.
fn batch<'py>(py: Python<'py>, infos: &[Info]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for name in infos.iter().flat_map(Info::keys) {
        if dict.contains(name)? {
            continue;
        }
        let column: Vec<Option<&Value>> = infos.iter().map(|info| info.get(name)).collect();
        let mask: Vec<bool> = column.iter().map(Option::is_some).collect();
        dict.set_item(name, array(py, name, &column)?)?;
        dict.set_item(format!("_{name}"), mask.to_pyarray(py))?;
    }
    Ok(dict)
}

/// The values of one name: numbers, truths and lists of numbers in one array, with zeros where there is none; nested
/// infos as a dictionary of such arrays; everything else in an array of objects.
fn array<'py>(py: Python<'py>, name: &str, column: &[Option<&Value>]) -> PyResult<Bound<'py, PyAny>> {
    let given = || column.iter().flatten();
    if given().all(|value| value.is_boolean()) {
        let truths: Vec<bool> = column.iter().map(|value| value.and_then(Value::as_bool).unwrap_or(false)).collect();
        return Ok(truths.to_pyarray(py).into_any());
    }
    if given().all(|value| value.is_i64()) {
        let integers: Vec<i64> = column.iter().map(|value| value.and_then(Value::as_i64).unwrap_or(0)).collect();
        return Ok(integers.to_pyarray(py).into_any());
    }
    if given().all(|value| value.is_number()) {
        let floats: Vec<f64> = column.iter().map(|value| value.and_then(Value::as_f64).unwrap_or(0.0)).collect();
        return Ok(floats.to_pyarray(py).into_any());
    }
    if given().all(|value| value.is_object()) {
        let infos = column.iter().map(|value| value.and_then(Value::as_object).cloned().unwrap_or_default());
        return Ok(batch(py, &infos.collect::<Vec<_>>())?.into_any());
    }
    let numpy = py.import("numpy")?;
    let mut lengths = given().map(|value| value.as_array().map(Vec::len));
    if let Some(Some(length)) = lengths.next()
        && lengths.all(|other| other == Some(length))
    {
        let zeros = vec![Value::from(0); length].into();
        let rows = column.iter().map(|value| values::value(py, name, value.unwrap_or(&zeros)));
        return numpy.call_method1("stack", (rows.collect::<PyResult<Vec<_>>>()?,));
    }
    let kwargs = [("dtype", "object")].into_py_dict(py)?;
    let objects = numpy.call_method("full", (column.len(), py.None()), Some(&kwargs))?;
    for (i, value) in column.iter().enumerate() {
        if let Some(value) = value {
            objects.set_item(i, values::value(py, name, value)?)?;
        }
    }
    Ok(objects)
}
