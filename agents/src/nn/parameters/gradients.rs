//! The gradients of a model's parameters, kept from one backward pass to the next.

use std::collections::BTreeSet;
use std::sync::Arc;

use dfdx::prelude::{Cpu, CpuError, OwnedTape, Rank0, SplitTape as _, Storage, Tensor, Trace as _};
use dfdx::tensor_ops::Backward;

use super::numbers::Row;
use super::real::Real;
use super::touched::Touched;
use super::{Group, Parameter, Parameters};
use crate::nn::kernels::matmul::vectorized;
use crate::nn::{DeviceError, Isa};

type Inner<E> = dfdx::prelude::Gradients<E, Cpu>;

/// Gradients of a model's parameters. Backward passes add to them until [`zero`](Self::zero).
pub struct Gradients<E: Real = f32> {
    /// Taken while a tape holds it.
    inner: Option<Inner<E>>,
    ids: Vec<dfdx::prelude::UniqueId>,
    touched: Touched,
    there: Vec<There<E>>,
}

/// Gradients that are on a device.
pub(crate) struct There<E: Real> {
    pub(crate) group: Group,
    /// Of which parameters, in order.
    pub(crate) places: Vec<usize>,
    pub(crate) row: Arc<dyn Row<E>>,
}

impl<E: Real> Gradients<E> {
    /// Zeros for all that is learnt.
    pub fn new(parameters: &Parameters<E>) -> Self {
        // dfdx tells a tensor's id only through its list of tensors that an optimizer missed.
        let mut ids = dfdx::optim::UnusedTensors::default();
        parameters.iter().for_each(|parameter| ids.add(&parameter.key));
        Self { inner: None, ids: ids.ids, touched: Touched::default(), there: Vec::new() }
    }

    /// `rows` rows of `values` on a tape: what a forward pass that is to be differentiated begins with.
    ///
    /// # Panics
    /// If `values` is not as long as `rows` × `columns`.
    pub fn trace(
        &mut self,
        device: &Cpu,
        values: Vec<E>,
        (rows, columns): (usize, usize),
    ) -> Tensor<(usize, usize), E, Cpu, OwnedTape<E, Cpu>> {
        let inner = self.take();
        dfdx::prelude::TensorFromVec::tensor_from_vec(device, values, (rows, columns)).traced(inner)
    }

    /// `tensor` on a tape that keeps the gradient by it as well, for [`grad`](Self::gradient).
    pub(crate) fn trace_with_grad<S: dfdx::prelude::Shape>(
        &mut self,
        tensor: Tensor<S, E, Cpu>,
    ) -> Tensor<S, E, Cpu, OwnedTape<E, Cpu>> {
        let mut ids = dfdx::optim::UnusedTensors::default();
        ids.add(&tensor);
        let mut inner = self.take();
        inner.retain_leafs(&ids.ids);
        tensor.traced(inner)
    }

    /// The gradient by a tensor of [`trace_with_grad`](Self::trace_with_gradient).
    pub(crate) fn grad<S: dfdx::prelude::Shape>(&mut self, tensor: &Tensor<S, E, Cpu>) -> Result<&[E], CpuError> {
        let inner = self.take();
        Ok(self.inner.insert(inner).get_or_alloc_mut(tensor)?.as_slice())
    }

    /// An empty tape that will add to these gradients.
    pub fn tape(&mut self, device: &Cpu) -> OwnedTape<E, Cpu> {
        self.trace(device, Vec::new(), (0, 0)).split_tape().1
    }

    /// Adds the gradient of `loss`, which was reached from [`trace`](Self::trace) or [`tape`](Self::tape).
    ///
    /// # Errors
    /// If the device fails.
    pub fn backward(&mut self, loss: Tensor<Rank0, E, Cpu, OwnedTape<E, Cpu>>) -> Result<(), DeviceError> {
        self.inner = Some(loss.try_backward().map_err(DeviceError::new)?);
        Ok(())
    }

    fn take(&mut self) -> Inner<E> {
        self.inner.take().unwrap_or_else(|| {
            let mut inner = Inner::leaky();
            inner.retain_leafs(&self.ids);
            inner
        })
    }

    /// The gradient of `parameter`, on the host: see [`bring_here`](Self::bring_here).
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn of(&mut self, parameter: &Parameter<E>) -> Result<&mut [E], DeviceError> {
        let inner = self.take();
        let buffer = buffer(self.inner.insert(inner), parameter).map_err(DeviceError::new)?;
        Ok(buffer.as_mut_slice())
    }

    /// Those of `group` that are on a device, which are none any more.
    pub(crate) fn take_there(&mut self, group: Group) -> Option<There<E>> {
        let at = self.there.iter().position(|there| there.group == group)?;
        Some(self.there.swap_remove(at))
    }

    /// Puts those of a group on a device.
    pub(crate) fn put_there(&mut self, there: There<E>) {
        self.there.push(there);
    }

    /// Those that are on a device.
    pub(crate) fn there(&self) -> &[There<E>] {
        &self.there
    }

    /// Brings what is on a device to the host.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn bring_here(&mut self, parameters: &Parameters<E>) -> Result<(), DeviceError> {
        for There { places, row, .. } in std::mem::take(&mut self.there) {
            let mut rest = row.host();
            for place in places {
                let own = self.of(parameters.at(place))?;
                let (values, after) = rest.split_at(own.len());
                own.iter_mut().zip(values).for_each(|(own, value)| *own += *value);
                rest = after;
            }
        }
        Ok(())
    }

    /// Says that a pass reads the rows `rows` of the table `parameter`, and no other. From its first such pass on, all that is done
    /// to the table's gradient, and the optimizer's step, leave alone the rows that no pass has read since [`zero`](Self::zero):
    /// a step costs what the batch reads and not what the table holds. So every pass with a gradient by the table is to be told of.
    ///
    /// # Panics
    /// If the table has no such row.
    pub fn touch(&mut self, parameter: &Parameter<E>, rows: &[u32]) {
        self.touched.touch(parameter.name(), parameter.shape()[0], rows);
    }

    /// The gradient of `parameter`, and of a table that was touched the rows that passes read.
    pub(crate) fn of_rows(&mut self, parameter: &Parameter<E>) -> Result<(&mut [E], Option<&[u32]>), DeviceError> {
        let inner = self.take();
        let buffer = buffer(self.inner.insert(inner), parameter).map_err(DeviceError::new)?;
        Ok((buffer.as_mut_slice(), self.touched.rows(parameter.name())))
    }

    /// The rows that passes read since [`zero`](Self::zero), of each table that is learnt row by row.
    pub fn touched(&self, parameters: &Parameters<E>) -> Vec<Vec<u32>> {
        let rows = parameters.iter().filter_map(|parameter| self.touched.rows(parameter.name()));
        rows.map(<[u32]>::to_vec).collect()
    }

    /// Makes the rows that any of `all`, each of which another process's [`touched`](Self::touched) answered, has of a table those
    /// that passes read, in rising order.
    ///
    /// # Panics
    /// If a table has no such row.
    pub fn set_touched(&mut self, parameters: &Parameters<E>, all: &[Vec<Vec<u32>>]) {
        let tables = parameters.iter().filter(|parameter| self.touched.rows(parameter.name()).is_some());
        let tables: Vec<_> = tables.map(|parameter| parameter.name().to_owned()).collect();
        for (at, table) in tables.iter().enumerate() {
            let rows: BTreeSet<u32> = all.iter().filter_map(|one| one.get(at)).flatten().copied().collect();
            self.touched.set(table, rows);
        }
    }

    /// Lets `change` make others of all of them, one after the other in the order of `parameters`: their sums over processes, say.
    /// Of tables that are learnt row by row they are those of the rows that passes read.
    ///
    /// # Errors
    /// Those of `change`, or if there is no memory.
    pub fn change<X: From<DeviceError>>(
        &mut self,
        parameters: &Parameters<E>,
        change: impl FnOnce(&mut [E]) -> Result<(), X>,
    ) -> Result<(), X> {
        let mut flat: Vec<E> = self.there.iter().flat_map(|there| there.row.host().iter().copied()).collect();
        self.each(parameters, |_, gradient| flat.extend_from_slice(gradient))?;
        change(&mut flat)?;
        let mut rest = flat.as_slice();
        let mut next = |count| {
            let (own, after) = rest.split_at(count);
            rest = after;
            own
        };
        self.each_there(|row| row.beside(next(row.len()).to_vec()))?;
        self.each(parameters, |_, gradient| gradient.copy_from_slice(next(gradient.len())))?;
        Ok(())
    }

    /// Sets all of them to 0.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn zero(&mut self, parameters: &Parameters<E>) -> Result<(), DeviceError> {
        self.there.clear();
        self.each(parameters, |_, gradient| gradient.fill(E::zero()))?;
        self.touched.clear();
        Ok(())
    }

    /// Multiplies all of them by `factor`.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn scale(&mut self, parameters: &Parameters<E>, factor: f64) -> Result<(), DeviceError> {
        self.each_there(|row| row.times(E::of(factor)))?;
        self.each(parameters, |_, gradient| scale(Isa::detect(), gradient, E::of(factor)))
    }

    /// Rounds those by parameters that are f16 to it, as a GPU would have stored them.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn round_to_half(&mut self, parameters: &Parameters<E>) -> Result<(), DeviceError> {
        self.each(parameters, |parameter, gradient| {
            if parameter.is_half() {
                E::round_to_half(gradient);
            }
        })
    }

    /// The sum of squares of each of them, of those on a device of all together: the Euclidean norm is the root of their sum, with
    /// those of other stages of the model.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn squares(&mut self, parameters: &Parameters<E>) -> Result<Vec<f64>, DeviceError> {
        let mut squares = Vec::new();
        for There { row, .. } in &self.there {
            squares.push(row.square_sum()?);
        }
        self.each(parameters, |_, gradient| squares.push(square_sum(Isa::detect(), gradient).wide()))?;
        Ok(squares)
    }

    /// The Euclidean norm of all of them together.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn norm(&mut self, parameters: &Parameters<E>) -> Result<f64, DeviceError> {
        Ok(self.squares(parameters)?.iter().sum::<f64>().sqrt())
    }

    /// Scales them down to the norm `max_norm` if theirs, which is `norm`, is above it: PyTorch's `clip_grad_norm_`.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn clip(&mut self, parameters: &Parameters<E>, norm: f64, max_norm: f64) -> Result<(), DeviceError> {
        let factor = max_norm / (norm + 1e-6);
        if factor < 1.0 {
            self.scale(parameters, factor)?;
        }
        Ok(())
    }

    /// Brings every number of them to within ± `max`: PyTorch's `clip_grad_value_`.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn clip_value(&mut self, parameters: &Parameters<E>, max: f64) -> Result<(), DeviceError> {
        self.each_there(|row| row.clamped(E::of(max)))?;
        self.each(parameters, |_, gradient| clamp(Isa::detect(), gradient, E::of(max)))
    }

    /// The first parameter whose gradient has a number that is not finite.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn not_finite(&mut self, parameters: &Parameters<E>) -> Result<Option<String>, DeviceError> {
        let broken = |values: &[E]| values.iter().any(|value| !value.is_finite());
        for There { places, row, .. } in &self.there {
            // Squares may be beyond the type where numbers are not, so it is these that are looked at then.
            if row.square_sum()?.is_finite() {
                continue;
            }
            let mut rest = row.host();
            for place in places {
                let parameter = parameters.at(*place);
                let (values, after) = rest.split_at(parameter.len());
                if broken(values) {
                    return Ok(Some(parameter.name().to_owned()));
                }
                rest = after;
            }
        }
        let mut first = None;
        self.each(parameters, |parameter, gradient| {
            if first.is_none() && broken(gradient) {
                first = Some(parameter.name().to_owned());
            }
        })?;
        Ok(first)
    }

    /// Visits gradients on the host, of tables the rows that passes read.
    fn each(
        &mut self,
        parameters: &Parameters<E>,
        mut visit: impl FnMut(&Parameter<E>, &mut [E]),
    ) -> Result<(), DeviceError> {
        let there: Vec<usize> = self.there.iter().flat_map(|there| there.places.iter().copied()).collect();
        for (place, parameter) in parameters.iter().enumerate() {
            if !parameter.is_trained() || there.contains(&place) {
                continue;
            }
            let (gradient, rows) = self.of_rows(parameter)?;
            match rows {
                None => visit(parameter, gradient),
                Some(rows) => {
                    let width = gradient.len() / parameter.shape()[0].max(1);
                    rows.iter().for_each(|row| visit(parameter, &mut gradient[*row as usize * width..][..width]));
                }
            }
        }
        Ok(())
    }

    /// Makes others of gradients on a device.
    fn each_there(
        &mut self,
        mut make: impl FnMut(&dyn Row<E>) -> Result<Arc<dyn Row<E>>, DeviceError>,
    ) -> Result<(), DeviceError> {
        self.there.iter_mut().try_for_each(|there| make(there.row.as_ref()).map(|row| there.row = row))
    }
}

/// The gradient of `parameter` in dfdx's collection, zeros if there is none yet: for operations' backward passes.
pub(crate) fn buffer<'a, E: Real>(
    gradients: &'a mut Inner<E>,
    parameter: &Parameter<E>,
) -> Result<&'a mut Vec<E>, CpuError> {
    let buffer = gradients.get_or_alloc_mut(&parameter.key)?;
    if buffer.len() != parameter.len() {
        // The key is empty, and so is what dfdx allocated for it.
        *buffer = Storage::<E>::try_alloc_len(parameter.key.device(), parameter.len())?;
    }
    Ok(buffer)
}

vectorized! {
    fn square_sum<E: Real>(values: &[E]) -> E {
        let mut sums = [E::zero(); 32];
        let (chunks, rest) = values.as_chunks::<32>();
        for chunk in chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += *x * *x;
            }
        }
        sums.into_iter().sum::<E>() + rest.iter().map(|x| *x * *x).sum::<E>()
    }
}

vectorized! {
    fn scale<E: Real>(values: &mut [E], factor: E) {
        for x in values {
            *x *= factor;
        }
    }
}

vectorized! {
    fn clamp<E: Real>(values: &mut [E], max: E) {
        for x in values {
            *x = if *x > max { max } else if *x < -max { -max } else { *x };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::on_device::{Accelerator, uploaded};
    use crate::nn::parameters::numbers::Numbers;

    /// A collection with a matrix, a buffer and a vector, and gradients by it: all on the host, or the matrix's on a device.
    fn gradients(there: bool) -> (Parameters<f64>, Gradients<f64>) {
        let mut parameters = Parameters::default();
        parameters.add("weight", &[5, 7], vec![0.0; 35]);
        parameters.add_buffer("mean", &[2], vec![0.0; 2]);
        parameters.add("bias", &[3], vec![0.0; 3]);
        let mut gradients = Gradients::new(&parameters);
        let weight: Vec<f64> = (0..35).map(|at| f64::from(at * 37 % 19) - 9.0).collect();
        if there {
            let row = uploaded([Numbers::here(weight)].iter(), &Accelerator::new(Cpu::default())).expect("memory");
            gradients.put_there(There { group: Group::Matrices, places: vec![0], row });
        } else {
            gradients.of(parameters.at(0)).expect("memory").copy_from_slice(&weight);
        }
        gradients.of(parameters.at(2)).expect("memory").copy_from_slice(&[1.0, -2.0, 30.0]);
        (parameters, gradients)
    }

    fn all(parameters: &Parameters<f64>, gradients: &mut Gradients<f64>) -> Vec<f64> {
        gradients.bring_here(parameters).expect("memory");
        [0, 2].into_iter().flat_map(|at| gradients.of(parameters.at(at)).expect("memory").to_vec()).collect()
    }

    #[test]
    fn what_is_done_to_gradients_is_done_on_devices_too() {
        type Change = fn(&mut Gradients<f64>, &Parameters<f64>) -> f64;
        let changes: [Change; 5] = [
            |gradients, parameters| gradients.scale(parameters, -0.25).map_or(f64::NAN, |()| 0.0),
            |gradients, parameters| gradients.clip_value(parameters, 4.0).map_or(f64::NAN, |()| 0.0),
            |gradients, parameters| {
                let norm = gradients.norm(parameters).expect("memory");
                gradients.clip(parameters, norm, 3.0).expect("memory");
                norm
            },
            |gradients, parameters| {
                let mut at = 0.0;
                let third = gradients.change::<DeviceError>(parameters, |flat| {
                    flat.iter_mut().zip(1..).for_each(|(x, place)| *x *= f64::from(place));
                    at = flat.len() as f64;
                    Ok(())
                });
                third.map_or(f64::NAN, |()| at)
            },
            |gradients, parameters| gradients.zero(parameters).map_or(f64::NAN, |()| 0.0),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let [(before, own), (after, other)] = [false, true].map(|there| {
                let (parameters, mut gradients) = gradients(there);
                let answer = change(&mut gradients, &parameters);
                (answer, all(&parameters, &mut gradients))
            });
            assert!((before - after).abs() < 1e-12, "change {at}: {before} {after}");
            assert!(
                own.iter().zip(&other).all(|(own, other)| (own - other).abs() < 1e-12),
                "change {at}: {own:?} {other:?}"
            );
        }
    }

    #[test]
    fn rows_that_others_read_are_changed_too() {
        let mut parameters = Parameters::<f64>::default();
        let table = parameters.add_table("table", &[4, 2], vec![0.0; 8]);
        let bias = parameters.add("bias", &[1], vec![0.0]);
        let mut gradients = Gradients::new(&parameters);
        gradients.touch(parameters.get(table), &[2]);
        gradients.of(parameters.get(table)).expect("memory")[4..6].copy_from_slice(&[5.0, 6.0]);
        gradients.of(parameters.get(bias)).expect("memory")[0] = 7.0;
        assert_eq!(gradients.touched(&parameters), [[2]]);
        gradients.set_touched(&parameters, &[vec![vec![2]], vec![vec![3, 0]]]);
        assert_eq!(gradients.touched(&parameters), [[0, 2, 3]]);
        let mut seen = Vec::new();
        let added = gradients.change::<DeviceError>(&parameters, |flat| {
            seen = flat.to_vec();
            flat.iter_mut().for_each(|x| *x += 1.0);
            Ok(())
        });
        added.expect("memory");
        assert_eq!(seen, [0.0, 0.0, 5.0, 6.0, 0.0, 0.0, 7.0]);
        assert_eq!(gradients.of(parameters.get(table)).expect("memory"), [1.0, 1.0, 0.0, 0.0, 6.0, 7.0, 1.0, 1.0]);
        assert_eq!(gradients.of(parameters.get(bias)).expect("memory"), [8.0]);
        gradients.zero(&parameters).expect("memory");
        assert!(gradients.of(parameters.get(table)).expect("memory").iter().all(|x| *x == 0.0));
        assert_eq!(gradients.touched(&parameters), [[0; 0]]);
    }

    #[test]
    fn a_gradient_on_a_device_that_is_no_number_is_named() {
        for (value, name) in [(f64::NAN, Some("weight")), (f64::NEG_INFINITY, Some("weight")), (1e300, None)] {
            let (parameters, mut gradients) = gradients(true);
            let mut there = gradients.take_there(Group::Matrices).expect("it is there");
            let mut values = there.row.host().to_vec();
            values[20] = value;
            there.row = there.row.beside(values).expect("memory");
            gradients.put_there(there);
            if value.is_nan() {
                gradients.clip_value(&parameters, 1.0).expect("works");
            }
            assert_eq!(gradients.not_finite(&parameters).expect("works").as_deref(), name, "{value}");
        }
    }
}
