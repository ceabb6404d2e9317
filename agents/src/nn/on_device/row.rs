//! Rows of numbers that stay on a device from one pass to the next: parameters, gradients, and what optimizers keep.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use dfdx::prelude::{
    Axis, ChooseFrom as _, HasShape as _, ReshapeTo as _, TryAdd as _, TryConcatAlong as _, TryGt as _, TryLt as _,
    TryMul as _, TrySub as _,
};
use dfdx::tensor_ops::Device;

use super::places::attempt;
use super::{Accelerator, Compute, Vector, column_sums};
use crate::nn::optim::Step;
use crate::nn::parameters::numbers::{Numbers, Row, Stepped};
use crate::nn::{DeviceError, Real};

/// See [`Row`].
#[derive(Debug)]
pub(super) struct DeviceRow<E: Real, D: Device<E>> {
    numbers: Vector<E, D>,
    host: OnceLock<Vec<E>>,
}

impl<E: Real, D: Compute<E>> DeviceRow<E, D> {
    /// `numbers` as a row.
    pub(super) fn row(numbers: Vector<E, D>) -> Arc<dyn Row<E>> {
        Arc::new(Self { numbers, host: OnceLock::new() })
    }

    /// The row that `numbers` answers.
    fn made(numbers: impl FnOnce() -> Result<Vector<E, D>, D::Err>) -> Result<Arc<dyn Row<E>>, DeviceError> {
        attempt(|| numbers().map(Self::row).map_err(DeviceError::new))
    }

    /// What is in `row`.
    ///
    /// # Panics
    /// If it is on a device of another kind.
    pub(super) fn of(row: &dyn Row<E>) -> &Vector<E, D> {
        let row: &dyn Any = row;
        &row.downcast_ref::<Self>().expect("rows on devices of one kind").numbers
    }
}

impl<E: Real, D: Compute<E>> Row<E> for DeviceRow<E, D> {
    fn len(&self) -> usize {
        self.numbers.shape().0
    }

    fn host(&self) -> &[E] {
        self.host.get_or_init(|| self.numbers.as_vec())
    }

    fn beside(&self, values: Vec<E>) -> Result<Arc<dyn Row<E>>, DeviceError> {
        let len = values.len();
        Self::made(|| self.numbers.device().try_tensor_from_vec(values, (len,)))
    }

    fn times(&self, factor: E) -> Result<Arc<dyn Row<E>>, DeviceError> {
        Self::made(|| self.numbers.clone().try_mul(factor))
    }

    fn clamped(&self, max: E) -> Result<Arc<dyn Row<E>>, DeviceError> {
        // What is no number stays one, so that it is found: dfdx's own makes it a bound.
        Self::made(|| {
            let (x, ones) = (self.numbers.clone(), self.numbers.device().try_ones_like(self.numbers.shape())?);
            let x = x.clone().try_gt(max)?.try_choose(ones.clone().try_mul(max)?, x)?;
            x.clone().try_lt(-max)?.try_choose(ones.try_mul(-max)?, x)
        })
    }

    fn square_sum(&self) -> Result<f64, DeviceError> {
        // Columns are added up there, and their sums here, in 64 bits and always in the same order.
        let sums = || -> Result<_, D::Err> {
            let squares = self.numbers.clone().try_square()?;
            let columns = 1 << (self.len().max(1).ilog2() / 2);
            let whole = self.len() / columns * columns;
            // A kernel of nothing cannot be launched.
            let rest = (whole < self.len()).then(|| squares.clone().try_slice((whole..self.len(),))).transpose()?;
            let table = squares.try_slice((0..whole,))?.try_reshape_like(&(whole / columns, columns))?;
            Ok((column_sums(table)?, rest))
        };
        let (sums, rest) = attempt(|| sums().map_err(DeviceError::new))?;
        let all = sums.as_vec().into_iter().chain(rest.map_or(Vec::new(), |rest| rest.as_vec()));
        Ok(all.map(E::wide).sum())
    }

    fn towards(&self, goal: &dyn Row<E>, share: E) -> Result<Arc<dyn Row<E>>, DeviceError> {
        Self::made(|| {
            let way = Self::of(goal).clone().try_sub(self.numbers.clone())?.try_mul(share)?;
            self.numbers.clone().try_add(way)
        })
    }

    fn stepped(
        &self,
        moments: [Option<&dyn Row<E>>; 2],
        gradient: &dyn Row<E>,
        step: Step<E>,
    ) -> Result<Stepped<E>, DeviceError> {
        let moments = moments.map(|moments| moments.map(|row| Self::of(row).clone()));
        let stepped = || step.on_device(self.numbers.clone(), moments, Self::of(gradient).clone());
        let (w, moments) = attempt(|| stepped().map_err(DeviceError::new))?;
        Ok((Self::row(w), moments.map(|moments| moments.map(Self::row))))
    }
}

/// `all`, one after the other, as a row on a device.
///
/// # Errors
/// If it fails, such as when it has no room.
pub(crate) fn uploaded<'n, E: Real, D: Compute<E>>(
    all: impl Iterator<Item = &'n Numbers<E>>,
    accelerator: &Accelerator<D>,
) -> Result<Arc<dyn Row<E>>, DeviceError> {
    let values: Vec<E> = all.flat_map(|numbers| numbers.values().iter().copied()).collect();
    let len = values.len();
    DeviceRow::made(|| accelerator.device.try_tensor_from_vec(values, (len,)))
}

/// `parts` one after the other.
///
/// # Panics
/// If there are none.
pub(super) fn joined<E: Real, D: Device<E>>(mut parts: Vec<Vector<E, D>>) -> Result<Vector<E, D>, D::Err> {
    // In pairs, so that each number is copied as often as the list can be halved, and not once a part.
    while parts.len() > 1 {
        let mut pairs = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(first) = rest.next() {
            pairs.push(match rest.next() {
                Some(second) => (first, second).try_concat_along(Axis::<0>)?,
                None => first,
            });
        }
        parts = pairs;
    }
    Ok(parts.pop().expect("a part"))
}
