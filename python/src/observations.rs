//! Observations: rows of numbers as Gymnasium's, and Gymnasium's as rows of numbers.

use std::ops::Range;

use cartwheel_envs::{Dtype, Row, Rows, Space};
use numpy::ndarray::{ArrayD, ArrayViewD, IxDyn};
use numpy::{IntoPyArray as _, PyArray, PyArrayDyn, PyArrayMethods as _, PyUntypedArrayMethods as _};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Observations to be shown: `count` rows, or one by itself.
#[derive(Clone, Copy)]
pub(crate) struct Observations<'a> {
    numbers: Row<'a>,
    width: usize,
    count: Option<usize>,
}

impl<'a> Observations<'a> {
    /// One environment's.
    pub(crate) fn one(row: Row<'a>) -> Self {
        Self { numbers: row, width: row.len(), count: None }
    }

    /// A batch's.
    pub(crate) fn batch(rows: &'a Rows) -> Self {
        let numbers = match rows.dtype() {
            Dtype::F32 => Row::F32(rows.as_f32().unwrap_or_default()),
            Dtype::U8 => Row::U8(rows.as_u8().unwrap_or_default()),
            Dtype::I32 => Row::I32(rows.as_i32().unwrap_or_default()),
        };
        Self { numbers, width: rows.width(), count: Some(rows.len()) }
    }

    /// As what Gymnasium returns for `space`: new arrays, and Python's own integers for a discrete one by itself.
    pub(crate) fn to_python<'py>(self, py: Python<'py>, space: &Space) -> PyResult<Bound<'py, PyAny>> {
        self.part(py, space, 0..self.width)
    }

    /// Writes them over what [`Self::to_python`] returned earlier for as many of the same space.
    pub(crate) fn overwrite(self, earlier: &Bound<'_, PyAny>, space: &Space) -> PyResult<()> {
        let leaves = space.leaves();
        for leaf in leaves {
            let mut place = earlier.clone();
            for key in leaf.name.split('.').filter(|key| !key.is_empty()) {
                place = match key.parse::<usize>() {
                    Ok(i) if place.is_instance_of::<PyTuple>() => place.get_item(i)?,
                    _ => place.get_item(key)?,
                };
            }
            match leaf.space {
                Space::Box { dtype: Dtype::F32, .. } => self.overwrite_leaf::<f32>(&place, leaf.range)?,
                Space::Box { .. } => self.overwrite_leaf::<u8>(&place, leaf.range)?,
                Space::MultiBinary { .. } => self.overwrite_leaf::<i8>(&place, leaf.range)?,
                _ => self.overwrite_leaf::<i64>(&place, leaf.range)?,
            }
        }
        Ok(())
    }

    fn part<'py>(self, py: Python<'py>, space: &Space, range: Range<usize>) -> PyResult<Bound<'py, PyAny>> {
        let mut at = range.start;
        let mut next = |part: &Space| {
            at += part.width();
            self.part(py, part, at - part.width()..at)
        };
        match space {
            Space::Tuple(parts) => {
                let parts = parts.iter().map(&mut next).collect::<PyResult<Vec<_>>>()?;
                Ok(PyTuple::new(py, parts)?.into_any())
            }
            Space::Dict(parts) => {
                let dict = PyDict::new(py);
                for (name, part) in parts {
                    dict.set_item(name, next(part)?)?;
                }
                Ok(dict.into_any())
            }
            Space::Discrete { .. } if self.count.is_none() => {
                Ok((self.numbers.number(range.start) as i64).into_pyobject(py)?.into_any())
            }
            Space::Box { shape, dtype: Dtype::F32, .. } => self.leaf::<f32>(py, range, shape),
            Space::Box { shape, .. } => self.leaf::<u8>(py, range, shape),
            Space::MultiBinary { n } => self.leaf::<i8>(py, range, &[*n]),
            Space::MultiDiscrete { nvec, .. } => self.leaf::<i64>(py, range, &[nvec.len()]),
            _ => self.leaf::<i64>(py, range, &[]),
        }
    }

    fn leaf<'py, T: Number>(
        self,
        py: Python<'py>,
        range: Range<usize>,
        shape: &[usize],
    ) -> PyResult<Bound<'py, PyAny>> {
        let dims: Vec<usize> = self.count.iter().chain(shape).copied().collect();
        let unfit = |error: numpy::ndarray::ShapeError| PyRuntimeError::new_err(error.to_string());
        if let Some(numbers) = self.whole::<T>(&range) {
            let view = ArrayViewD::from_shape(IxDyn(&dims), numbers).map_err(unfit)?;
            return Ok(PyArray::from_array(py, &view).into_any());
        }
        let mut numbers = vec![T::default(); dims.iter().product()];
        self.gather(range, &mut numbers);
        Ok(ArrayD::from_shape_vec(IxDyn(&dims), numbers).map_err(unfit)?.into_pyarray(py).into_any())
    }

    fn overwrite_leaf<T: Number>(self, place: &Bound<'_, PyAny>, range: Range<usize>) -> PyResult<()> {
        let mut place = place.cast::<PyArrayDyn<T>>()?.try_readwrite()?;
        let place = place.as_slice_mut()?;
        match self.whole::<T>(&range) {
            Some(numbers) => place.copy_from_slice(numbers),
            None => self.gather(range, place),
        }
        Ok(())
    }

    /// All numbers, if they are of this type and `range` is whole rows.
    fn whole<T: Number>(self, range: &Range<usize>) -> Option<&'a [T]> {
        if *range == (0..self.width) { T::slice(self.numbers) } else { None }
    }

    /// Copies the numbers in `range` of each row, converted.
    fn gather<T: Number>(self, range: Range<usize>, to: &mut [T]) {
        let rows = self.numbers.len() / self.width;
        for (i, to) in to.chunks_exact_mut(range.len()).enumerate().take(rows) {
            let start = i * self.width;
            match self.numbers.part(start + range.start..start + range.end) {
                Row::F32(from) => to.iter_mut().zip(from).for_each(|(to, x)| *to = T::from_f32(*x)),
                Row::U8(from) => to.iter_mut().zip(from).for_each(|(to, x)| *to = T::from_i32((*x).into())),
                Row::I32(from) => to.iter_mut().zip(from).for_each(|(to, x)| *to = T::from_i32(*x)),
            }
        }
    }
}

/// A number type of NumPy's that observations have.
trait Number: numpy::Element + Copy + Default {
    fn slice(row: Row<'_>) -> Option<&[Self]>;
    fn from_f32(x: f32) -> Self;
    fn from_i32(x: i32) -> Self;
}

macro_rules! number {
    ($($number:ty $(=> $variant:ident)?),*) => {$(
        impl Number for $number {
            fn slice(row: Row<'_>) -> Option<&[Self]> {
                match row {
                    $(Row::$variant(row) => Some(row),)?
                    _ => None,
                }
            }

            fn from_f32(x: f32) -> Self {
                x as Self
            }

            fn from_i32(x: i32) -> Self {
                x as Self
            }
        }
    )*};
}
number!(f32 => F32, u8 => U8, i8, i64);

/// Reads an observation of `space`, or a batch of them. The second value is whether it was a batch.
pub(crate) fn from_python(observation: &Bound<'_, PyAny>, space: &Space) -> PyResult<(Rows, bool)> {
    let mut leaves = Vec::new();
    read_leaves(observation, space, "the observation", &mut leaves)?;
    let counts: Vec<_> = leaves.iter().map(|(_, count)| *count).collect();
    let Some(&count) = counts.first().filter(|first| counts.iter().all(|count| count == *first)) else {
        return Err(PyValueError::new_err(format!(
            "the parts of the observation are batches of different lengths: {counts:?}; give one of {space} or a batch"
        )));
    };
    let mut rows = Rows::for_space(space, count.unwrap_or(1));
    for (leaf, (numbers, _)) in space.leaves().iter().zip(&leaves) {
        for (i, part) in numbers.chunks_exact(leaf.range.len()).enumerate() {
            let mut row = rows.row_mut(i);
            for (place, number) in leaf.range.clone().zip(part) {
                row.set_number(place, *number);
            }
        }
    }
    Ok((rows, count.is_some()))
}

/// The numbers of each elementary part, and of how many observations they are (`None`: of one by itself).
fn read_leaves(
    value: &Bound<'_, PyAny>,
    space: &Space,
    name: &str,
    leaves: &mut Vec<(Vec<f64>, Option<usize>)>,
) -> PyResult<()> {
    match space {
        Space::Tuple(parts) => {
            for (i, part) in parts.iter().enumerate() {
                read_leaves(&value.get_item(i)?, part, &format!("part {i} of {name}"), leaves)?;
            }
            return Ok(());
        }
        Space::Dict(parts) => {
            for (key, part) in parts {
                read_leaves(&value.get_item(key)?, part, &format!("`{key}` of {name}"), leaves)?;
            }
            return Ok(());
        }
        _ => {}
    }
    let array = value.py().import("numpy")?.call_method1("asarray", (value,))?;
    let kind: char = array.getattr("dtype")?.getattr("kind")?.extract()?;
    let numbers = array.call_method1("astype", ("float64",))?;
    let numbers = numbers.cast::<PyArrayDyn<f64>>()?.readonly();
    let multi = [space.width()];
    let shape = if let Space::MultiDiscrete { .. } = space { &multi } else { space.shape() };
    let is_number = match space {
        Space::Box { dtype: Dtype::F32, .. } => "fiub".contains(kind),
        _ => "iub".contains(kind),
    };
    let count = match numbers.shape() {
        found if found == shape => None,
        [count, found @ ..] if found == shape => Some(*count),
        _ => return Err(unfit(&array, space, name)),
    };
    let numbers: Vec<f64> = numbers.as_array().iter().copied().collect();
    if !is_number {
        return Err(unfit(&array, space, name));
    }
    leaves.push((numbers, count));
    Ok(())
}

fn unfit(array: &Bound<'_, PyAny>, space: &Space, name: &str) -> PyErr {
    let text = |attribute: &str| array.getattr(attribute).map_or_else(|_| "?".to_owned(), |value| value.to_string());
    let (shape, dtype) = (text("shape"), text("dtype"));
    PyValueError::new_err(format!("{name} is {dtype} of shape {shape}; it must be one of {space}, or a batch of them"))
}
