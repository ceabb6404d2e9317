//! What a policy remembers, as Stable-Baselines3's contrib has it: h and c, each an array of (layers, batch, units).

use numpy::ndarray::{Array3, ArrayViewD};
use numpy::{PyArrayLike1, PyArrayLikeDyn, ToPyArray as _};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// What is remembered of each row of a batch: of each layer h and then c. Nothing without a state, and zeros of rows that begin
/// an episode.
pub(crate) fn from_python(
    state: Option<&Bound<'_, PyAny>>,
    episode_start: Option<&Bound<'_, PyAny>>,
    [layers, rows, units]: [usize; 3],
) -> PyResult<Vec<f32>> {
    let Some(state) = state.filter(|state| !state.is_none()) else { return Ok(Vec::new()) };
    let refuse = |found: &str| {
        PyValueError::new_err(format!(
            "state must be what predict returned, two arrays of shape ({layers}, {rows}, {units}), and is {found}: give None where episodes begin"
        ))
    };
    let parts: [PyArrayLikeDyn<'_, f32>; 2] = state.extract().map_err(|_| refuse(&state.get_type().to_string()))?;
    let parts: [ArrayViewD<'_, f32>; 2] = parts.each_ref().map(|part| part.as_array());
    if let Some(part) = parts.iter().find(|part| part.shape() != [layers, rows, units]) {
        return Err(refuse(&format!("of shape {:?}", part.shape())));
    }
    let mut memories = Vec::with_capacity(2 * layers * rows * units);
    for row in 0..rows {
        for layer in 0..layers {
            for part in &parts {
                memories.extend((0..units).map(|unit| part[[layer, row, unit]]));
            }
        }
    }
    if let Some(starts) = episode_start.filter(|starts| !starts.is_none()) {
        let starts: PyArrayLike1<'_, bool> = starts.extract()?;
        let starts = starts.as_array();
        if starts.len() != rows {
            let found = starts.len();
            return Err(PyValueError::new_err(format!(
                "episode_start has {found} flags for {rows} observations: give one for each"
            )));
        }
        for (memory, starts) in memories.chunks_exact_mut(2 * layers * units).zip(starts) {
            if *starts {
                memory.fill(0.0);
            }
        }
    }
    Ok(memories)
}

/// h and c of what is remembered of each row.
pub(crate) fn to_python<'py>(
    py: Python<'py>,
    memories: &[f32],
    [layers, rows, units]: [usize; 3],
) -> PyResult<Bound<'py, PyAny>> {
    let part = |part: usize| {
        let at =
            |(layer, row, unit): (usize, usize, usize)| memories[((row * layers + layer) * 2 + part) * units + unit];
        Array3::from_shape_fn((layers, rows, units), at).to_pyarray(py)
    };
    Ok((part(0), part(1)).into_pyobject(py)?.into_any())
}
