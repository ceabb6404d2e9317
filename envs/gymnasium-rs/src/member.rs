//! The types in which programs written against `gymnasium-rs` give observations and take actions.

use cartwheel_envs::{Dtype, Row, RowMut, Space};
use ndarray::Array1;

/// A member of a space, in a type of one's own: `gymnasium-rs` leaves the types of observations and actions to
/// the author of an environment.
///
/// `i32` is a member of `Discrete`; `Array1<f32>` and `Vec<f32>` are members of a `Box`. For others:
///
/// ```
/// use cartwheel_envs::{Row, RowMut, Space};
/// use cartwheel_gymnasium_rs::Member;
///
/// #[derive(Clone, Copy)]
/// enum Move {
///     Left,
///     Right,
/// }
///
/// impl Member for Move {
///     fn fits(space: &Space) -> bool {
///         *space == Space::discrete(2)
///     }
///
///     fn read(row: Row<'_>) -> Option<Self> {
///         match row {
///             Row::I32([0]) => Some(Self::Left),
///             Row::I32([1]) => Some(Self::Right),
///             _ => None,
///         }
///     }
///
///     fn write(&self, row: RowMut<'_>) -> Option<()> {
///         (*self as i32).write(row)
///     }
/// }
/// assert!(matches!(Move::read(Row::I32(&[1])), Some(Move::Right)));
/// ```
pub trait Member: Sized + 'static {
    /// Whether this type can hold every member of `space`.
    fn fits(space: &Space) -> bool;

    /// The member in `row`; none if the row is of another number type or length.
    fn read(row: Row<'_>) -> Option<Self>;

    /// Writes the member to `row`; none, and nothing written, if the row is of another number type or length.
    fn write(&self, row: RowMut<'_>) -> Option<()>;
}

impl Member for i32 {
    fn fits(space: &Space) -> bool {
        matches!(space, Space::Discrete { .. })
    }

    fn read(row: Row<'_>) -> Option<Self> {
        if let Row::I32([i]) = row { Some(*i) } else { None }
    }

    fn write(&self, row: RowMut<'_>) -> Option<()> {
        let RowMut::I32([i]) = row else { return None };
        *i = *self;
        Some(())
    }
}

impl Member for Array1<f32> {
    fn fits(space: &Space) -> bool {
        is_vector(space)
    }

    fn read(row: Row<'_>) -> Option<Self> {
        if let Row::F32(row) = row { Some(row.iter().copied().collect()) } else { None }
    }

    fn write(&self, row: RowMut<'_>) -> Option<()> {
        write_floats(self.iter(), row)
    }
}

impl Member for Vec<f32> {
    fn fits(space: &Space) -> bool {
        is_vector(space)
    }

    fn read(row: Row<'_>) -> Option<Self> {
        if let Row::F32(row) = row { Some(row.to_vec()) } else { None }
    }

    fn write(&self, row: RowMut<'_>) -> Option<()> {
        write_floats(self.iter(), row)
    }
}

fn is_vector(space: &Space) -> bool {
    matches!(space, Space::Box { shape, dtype: Dtype::F32, .. } if shape.len() == 1)
}

fn write_floats<'a>(numbers: impl ExactSizeIterator<Item = &'a f32>, row: RowMut<'_>) -> Option<()> {
    match row {
        RowMut::F32(row) if row.len() == numbers.len() => {
            row.iter_mut().zip(numbers).for_each(|(to, from)| *to = *from);
            Some(())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_another_type_or_length_are_refused() {
        let mut row = [7.0_f32; 2];
        assert_eq!(vec![1.0].write(RowMut::F32(&mut row)), None);
        assert_eq!(1.write(RowMut::F32(&mut row)), None);
        assert_eq!(row, [7.0; 2]);
        assert_eq!(vec![1.0].write(RowMut::I32(&mut [0])), None);
        assert_eq!(1.write(RowMut::I32(&mut [0, 0])), None);
        assert_eq!(i32::read(Row::F32(&[0.0])), None);
        assert_eq!(i32::read(Row::I32(&[0, 0])), None);
        assert_eq!(Array1::<f32>::read(Row::I32(&[0])), None);
        assert_eq!(Vec::<f32>::read(Row::U8(&[0])), None);
    }

    #[test]
    fn arrays_are_written_in_the_order_of_their_elements() {
        let mut backwards = Array1::from(vec![1.0_f32, 2.0, 3.0]);
        backwards.invert_axis(ndarray::Axis(0));
        let mut row = [0.0; 3];
        assert_eq!(backwards.write(RowMut::F32(&mut row)), Some(()));
        assert_eq!(row, [3.0, 2.0, 1.0]);
    }
}
