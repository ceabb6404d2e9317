//! What a batch gives beside arrays, in Gymnasium's form: for each name an array with a row an environment, and under
//! `_name` a mask of the environments that gave one.

use cartwheel_envs::{Info, Rows, Space, VectorEnv, VectorStep};
use numpy::{PyArray1, PyArrayMethods as _, ToPyArray as _};
use pyo3::intern;
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

/// `final_obs`: for each environment its last observation, or `None` if its episode goes on.
#[derive(Default)]
pub(crate) struct FinalObservations {
    /// Arrays of earlier steps, and where they are not `None`. Filling thousands of places with `None` takes nearly as
    /// long as stepping as many environments, so an array that nobody has kept is used again. Two, since a loop mostly
    /// holds the infos of one step until it has those of the next.
    earlier: Vec<(Py<Objects>, Vec<usize>)>,
}

type Objects = PyArray1<Py<PyAny>>;

impl FinalObservations {
    fn of<'py>(
        &mut self,
        py: Python<'py>,
        space: &Space,
        step: &VectorStep,
        ended: &[usize],
    ) -> PyResult<Bound<'py, Objects>> {
        #[allow(deprecated, reason = "what is to replace it is unsafe")]
        let unused = self.earlier.iter().position(|(array, _)| array.get_refcnt(py) == 1);
        let (array, mut places) = match unused {
            Some(i) => self.earlier.swap_remove(i),
            None => (PyArray1::from_vec(py, step.rewards.iter().map(|_| py.None()).collect()).unbind(), Vec::new()),
        };
        let array = array.into_bound(py);
        {
            let mut array = array.readwrite();
            let array = array.as_slice_mut()?;
            places.drain(..).for_each(|i| array[i] = py.None());
            places.extend_from_slice(ended);
            last_observations(py, space, &step.final_observations, ended, |i, observation| array[i] = observation)?;
        }
        self.earlier.insert(0, (array.clone().unbind(), places));
        self.earlier.truncate(2);
        Ok(array)
    }
}

/// Hands the observations in some rows to `place`.
fn last_observations(
    py: Python<'_>,
    space: &Space,
    rows: &Rows,
    places: &[usize],
    mut place: impl FnMut(usize, Py<PyAny>),
) -> PyResult<()> {
    let Space::Box { .. } = space else {
        for i in places {
            place(*i, Observations::one(rows.row(*i)).to_python(py, space)?.unbind());
        }
        return Ok(());
    };
    // Views of one array are made in a third of the time that arrays of their own take.
    let mut last = Rows::new(rows.dtype(), rows.width(), places.len());
    places.iter().enumerate().for_each(|(to, from)| last.copy_row(to, rows, *from));
    let last = Observations::batch(&last).to_python(py, space)?;
    for (i, observation) in places.iter().zip(last.try_iter()?) {
        place(*i, observation?.unbind());
    }
    Ok(())
}

/// Adds the last observations and infos of the episodes that ended in this step, if any did, for same-step autoreset.
pub(crate) fn add_final<'py>(
    infos: &Bound<'py, PyDict>,
    observations: &mut FinalObservations,
    space: &Space,
    step: &VectorStep,
) -> PyResult<()> {
    let mask: Vec<bool> = step.terminated.iter().zip(&step.truncated).map(|(a, b)| a | b).collect();
    let ended = places(&mask);
    if ended.is_empty() {
        return Ok(());
    }
    let py = infos.py();
    infos.set_item(intern!(py, "final_obs"), observations.of(py, space, step, &ended)?)?;
    infos.set_item(intern!(py, "_final_obs"), mask.to_pyarray(py))?;
    let of_ended = |infos: &Vec<Info>| {
        let last = infos.iter().zip(&mask).map(|(info, ended)| if *ended { info.clone() } else { Info::new() });
        batch(py, &last.collect::<Vec<_>>())
    };
    let last = step.final_infos.as_ref().map(of_ended).transpose()?;
    infos.set_item(intern!(py, "final_info"), last.unwrap_or_else(|| PyDict::new(py)))?;
    infos.set_item(intern!(py, "_final_info"), mask.to_pyarray(py))
}

/// Where `mask` is true, in order.
fn places(mask: &[bool]) -> Vec<usize> {
    let mut places = Vec::new();
    let (chunks, rest) = mask.as_chunks::<8>();
    // Eight flags as one number: mostly none is set.
    for (chunk, flags) in chunks.iter().enumerate() {
        let mut set = u64::from_le_bytes(flags.map(u8::from));
        while set != 0 {
            places.push(8 * chunk + set.trailing_zeros() as usize / 8);
            set &= set - 1;
        }
    }
    places.extend((8 * chunks.len()..).zip(rest).filter_map(|(i, flag)| flag.then_some(i)));
    places
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
