//! Observations in memory: one row for each environment, in the environment's own number type.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Space;

/// The number type of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dtype {
    /// 32-bit floats: vectors.
    F32,
    /// Bytes: images, 0 to 255.
    U8,
    /// 32-bit integers: discrete observations.
    I32,
}

impl Dtype {
    /// Bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::U8 => 1,
        }
    }
}

impl fmt::Display for Dtype {
    /// NumPy's name of the type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::U8 => "uint8",
            Self::I32 => "int32",
        })
    }
}

/// One observation, flat and row-major.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Row<'a> {
    /// See [`Dtype::F32`].
    F32(&'a [f32]),
    /// See [`Dtype::U8`].
    U8(&'a [u8]),
    /// See [`Dtype::I32`].
    I32(&'a [i32]),
}

/// Runs one expression on whichever slice an enum over the number types holds.
macro_rules! each {
    ($enum:ident, $value:expr, $slice:ident => $body:expr) => {
        match $value {
            $enum::F32($slice) => $body,
            $enum::U8($slice) => $body,
            $enum::I32($slice) => $body,
        }
    };
}

impl Row<'_> {
    /// Number of elements.
    pub fn len(self) -> usize {
        each!(Row, self, row => row.len())
    }

    /// Whether there are no elements.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Number `i`, whatever its type.
    ///
    /// # Panics
    /// If there is no such number.
    #[inline]
    pub fn number(self, i: usize) -> f64 {
        each!(Row, self, row => f64::from(row[i]))
    }

    /// Some of the numbers.
    ///
    /// # Panics
    /// If the range is not within the row.
    #[inline]
    pub fn part(self, range: std::ops::Range<usize>) -> Self {
        match self {
            Self::F32(row) => Self::F32(&row[range]),
            Self::U8(row) => Self::U8(&row[range]),
            Self::I32(row) => Self::I32(&row[range]),
        }
    }

    /// The number type.
    pub fn dtype(self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::U8(_) => Dtype::U8,
            Self::I32(_) => Dtype::I32,
        }
    }
}

/// The place of one observation, for an environment to write it to.
#[derive(Debug, PartialEq)]
pub enum RowMut<'a> {
    /// See [`Dtype::F32`].
    F32(&'a mut [f32]),
    /// See [`Dtype::U8`].
    U8(&'a mut [u8]),
    /// See [`Dtype::I32`].
    I32(&'a mut [i32]),
}

impl RowMut<'_> {
    /// Copies a whole observation in.
    ///
    /// # Panics
    /// If the number type or the length is not the row's: the environment disagrees with its own
    /// observation space.
    #[inline]
    pub fn write<T: Element>(&mut self, observation: &[T]) {
        match T::slice_mut(self) {
            Some(row) if row.len() == observation.len() => row.copy_from_slice(observation),
            _ => self.mismatch(T::DTYPE, observation.len()),
        }
    }

    #[cold]
    fn mismatch(&self, dtype: Dtype, len: usize) -> ! {
        let row = self.as_row();
        panic!(
            "an observation of {len} {dtype} was written to a row of {} {}: make it agree with observation_space()",
            row.len(),
            row.dtype()
        )
    }

    /// Sets number `i`, rounded to the row's type.
    ///
    /// # Panics
    /// If there is no such number.
    #[inline]
    pub fn set_number(&mut self, i: usize, number: f64) {
        match self {
            Self::F32(row) => row[i] = number as f32,
            Self::U8(row) => row[i] = number as u8,
            Self::I32(row) => row[i] = number as i32,
        }
    }

    /// The row to read.
    pub fn as_row(&self) -> Row<'_> {
        match self {
            Self::F32(row) => Row::F32(row),
            Self::U8(row) => Row::U8(row),
            Self::I32(row) => Row::I32(row),
        }
    }

    /// The same row under a shorter borrow, to hand it on and keep it.
    pub fn reborrow(&mut self) -> RowMut<'_> {
        match self {
            Self::F32(row) => RowMut::F32(row),
            Self::U8(row) => RowMut::U8(row),
            Self::I32(row) => RowMut::I32(row),
        }
    }

    /// Copies `row` in.
    ///
    /// # Panics
    /// As [`Self::write`].
    #[inline]
    pub fn copy_from(&mut self, row: Row<'_>) {
        each!(Row, row, row => self.write(row));
    }

    /// Copies `row` in, whatever its type: each number is rounded to this row's.
    ///
    /// # Panics
    /// If it is of another length.
    #[inline]
    pub fn convert_from(&mut self, row: Row<'_>) {
        if self.as_row().dtype() == row.dtype() {
            return self.copy_from(row);
        }
        assert_eq!(self.as_row().len(), row.len(), "a row of another length");
        (0..row.len()).for_each(|i| self.set_number(i, row.number(i)));
    }

    /// Raises each number that is less than that of `row`.
    ///
    /// # Panics
    /// If that is of another number type.
    pub fn max_with(&mut self, row: Row<'_>) {
        match (self, row) {
            (Self::F32(own), Row::F32(row)) => own.iter_mut().zip(row).for_each(|(own, x)| *own = own.max(*x)),
            (Self::U8(own), Row::U8(row)) => own.iter_mut().zip(row).for_each(|(own, x)| *own = (*own).max(*x)),
            (Self::I32(own), Row::I32(row)) => own.iter_mut().zip(row).for_each(|(own, x)| *own = (*own).max(*x)),
            (own, row) => own.mismatch(row.dtype(), row.len()),
        }
    }

    /// Some of the numbers, to write.
    ///
    /// # Panics
    /// If the range is not within the row.
    #[inline]
    pub fn part(&mut self, range: std::ops::Range<usize>) -> RowMut<'_> {
        match self {
            Self::F32(row) => RowMut::F32(&mut row[range]),
            Self::U8(row) => RowMut::U8(&mut row[range]),
            Self::I32(row) => RowMut::I32(&mut row[range]),
        }
    }
}

/// A number an observation can be made of: `f32`, `u8` or `i32`.
pub trait Element: sealed::Sealed + Copy {
    /// Its name at run time.
    const DTYPE: Dtype;

    /// The row as a slice of this type, if it is of this type.
    fn slice_mut<'a>(row: &'a mut RowMut<'_>) -> Option<&'a mut [Self]>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! element {
    ($($number:ty => $variant:ident),*) => {$(
        impl sealed::Sealed for $number {}
        impl Element for $number {
            const DTYPE: Dtype = Dtype::$variant;

            #[inline]
            fn slice_mut<'a>(row: &'a mut RowMut<'_>) -> Option<&'a mut [Self]> {
                match row {
                    RowMut::$variant(row) => Some(row),
                    _ => None,
                }
            }
        }
    )*};
}
element!(f32 => F32, u8 => U8, i32 => I32);

/// A batch of observations: `len` rows of `width` numbers of one type, contiguous.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    width: usize,
    data: Data,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Data {
    F32(#[serde(with = "crate::as_bytes")] Vec<f32>),
    U8(#[serde(with = "serde_bytes")] Vec<u8>),
    I32(#[serde(with = "crate::as_bytes")] Vec<i32>),
}

impl Rows {
    /// `count` rows of `width` zeros.
    ///
    /// # Panics
    /// If `width` is zero.
    pub fn new(dtype: Dtype, width: usize, count: usize) -> Self {
        assert!(width > 0, "a row has at least one element");
        let len = width * count;
        let data = match dtype {
            Dtype::F32 => Data::F32(vec![0.0; len]),
            Dtype::U8 => Data::U8(vec![0; len]),
            Dtype::I32 => Data::I32(vec![0; len]),
        };
        Self { width, data }
    }

    /// `count` zeroed rows that each hold an element of `space`.
    pub fn for_space(space: &Space, count: usize) -> Self {
        Self::new(space.dtype(), space.width(), count)
    }

    /// Row `i`.
    ///
    /// # Panics
    /// If there is no such row, as all methods here that take an index.
    #[inline]
    pub fn row(&self, i: usize) -> Row<'_> {
        let range = i * self.width..(i + 1) * self.width;
        match &self.data {
            Data::F32(data) => Row::F32(&data[range]),
            Data::U8(data) => Row::U8(&data[range]),
            Data::I32(data) => Row::I32(&data[range]),
        }
    }

    /// Row `i`, to write.
    #[inline]
    pub fn row_mut(&mut self, i: usize) -> RowMut<'_> {
        let range = i * self.width..(i + 1) * self.width;
        match &mut self.data {
            Data::F32(data) => RowMut::F32(&mut data[range]),
            Data::U8(data) => RowMut::U8(&mut data[range]),
            Data::I32(data) => RowMut::I32(&mut data[range]),
        }
    }

    /// Sets every number to zero.
    pub fn clear(&mut self) {
        each!(Data, &mut self.data, data => data.fill(Default::default()));
    }

    /// Copies `row` into row `i`; panics if it is of another type or width.
    #[inline]
    pub fn set(&mut self, i: usize, row: Row<'_>) {
        self.row_mut(i).copy_from(row);
    }

    /// Copies row `j` of `other` into row `i`; panics if it is of another type or width.
    #[inline]
    pub fn copy_row(&mut self, i: usize, other: &Rows, j: usize) {
        self.set(i, other.row(j));
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        each!(Data, &self.data, data => data.len()) / self.width
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number type.
    pub fn dtype(&self) -> Dtype {
        match self.data {
            Data::F32(_) => Dtype::F32,
            Data::U8(_) => Dtype::U8,
            Data::I32(_) => Dtype::I32,
        }
    }

    /// All rows, one after the other, if they are of this type.
    pub fn as_f32(&self) -> Option<&[f32]> {
        if let Data::F32(data) = &self.data { Some(data) } else { None }
    }

    /// See [`Self::as_f32`].
    pub fn as_f32_mut(&mut self) -> Option<&mut [f32]> {
        if let Data::F32(data) = &mut self.data { Some(data) } else { None }
    }

    /// See [`Self::as_f32`].
    pub fn as_u8(&self) -> Option<&[u8]> {
        if let Data::U8(data) = &self.data { Some(data) } else { None }
    }

    /// See [`Self::as_f32`].
    pub fn as_i32(&self) -> Option<&[i32]> {
        if let Data::I32(data) = &self.data { Some(data) } else { None }
    }

    /// The bytes of the first so many rows.
    pub(crate) fn first_bytes(&self, count: usize) -> &[u8] {
        let numbers = ..count * self.width;
        match &self.data {
            Data::F32(data) => bytemuck::cast_slice(&data[numbers]),
            Data::U8(data) => &data[numbers],
            Data::I32(data) => bytemuck::cast_slice(&data[numbers]),
        }
    }

    /// Some of the rows as they are in memory.
    pub(crate) fn bytes_mut(&mut self, rows: std::ops::Range<usize>) -> &mut [u8] {
        let range = rows.start * self.width..rows.end * self.width;
        each!(Data, &mut self.data, data => bytemuck::cast_slice_mut(&mut data[range]))
    }

    /// See [`Self::as_f32`].
    pub fn as_i32_mut(&mut self) -> Option<&mut [i32]> {
        if let Data::I32(data) = &mut self.data { Some(data) } else { None }
    }

    /// Memory taken by the numbers, in bytes.
    pub fn bytes(&self) -> usize {
        each!(Data, &self.data, data => size_of_val(data.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_apart() {
        let mut rows = Rows::new(Dtype::F32, 2, 3);
        rows.row_mut(1).write(&[1.0_f32, 2.0]);
        let copy = rows.clone();
        rows.copy_row(2, &copy, 1);
        assert_eq!(rows.as_f32(), Some(&[0.0, 0.0, 1.0, 2.0, 1.0, 2.0][..]));
        assert_eq!((rows.len(), rows.width(), rows.bytes()), (3, 2, 24));
        assert_eq!(rows.as_u8(), None);
    }

    #[test]
    #[should_panic(expected = "an observation of 1 int32 was written to a row of 4 uint8")]
    fn another_type_is_refused() {
        Rows::new(Dtype::U8, 4, 1).row_mut(0).write(&[7_i32]);
    }

    #[test]
    #[should_panic(expected = "an observation of 3 float32 was written to a row of 4 float32")]
    fn another_length_is_refused() {
        Rows::new(Dtype::F32, 4, 1).row_mut(0).write(&[7.0_f32; 3]);
    }
}
