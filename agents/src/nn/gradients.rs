//! The gradients of a model's parameters, kept from one backward pass to the next.

use dfdx::prelude::{Cpu, CpuError, OwnedTape, Rank0, SplitTape as _, Storage, Tensor, Trace as _};
use dfdx::tensor_ops::Backward;

use super::matmul::vectorized;
use super::parameters::{Parameter, Parameters};
use super::real::Real;
use super::touched::Touched;
use super::{DeviceError, Isa};

type Inner<E> = dfdx::prelude::Gradients<E, Cpu>;

/// Gradients of a model's parameters. Backward passes add to them until [`zero`](Self::zero).
pub struct Gradients<E: Real = f32> {
    /// Taken while a tape holds it.
    inner: Option<Inner<E>>,
    ids: Vec<dfdx::prelude::UniqueId>,
    touched: Touched,
}

impl<E: Real> Gradients<E> {
    /// Zeros for all that is learnt.
    pub fn new(parameters: &Parameters<E>) -> Self {
        // dfdx tells a tensor's id only through its list of tensors that an optimizer missed.
        let mut ids = dfdx::optim::UnusedTensors::default();
        parameters.iter().for_each(|parameter| ids.add(&parameter.key));
        Self { inner: None, ids: ids.ids, touched: Touched::default() }
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

    /// `tensor` on a tape that keeps the gradient by it as well, for [`slope`](Self::slope).
    pub(crate) fn trace_with_slope<S: dfdx::prelude::Shape>(
        &mut self,
        tensor: Tensor<S, E, Cpu>,
    ) -> Tensor<S, E, Cpu, OwnedTape<E, Cpu>> {
        let mut ids = dfdx::optim::UnusedTensors::default();
        ids.add(&tensor);
        let mut inner = self.take();
        inner.retain_leafs(&ids.ids);
        tensor.traced(inner)
    }

    /// The gradient by a tensor of [`trace_with_slope`](Self::trace_with_slope).
    pub(crate) fn slope<S: dfdx::prelude::Shape>(&mut self, tensor: &Tensor<S, E, Cpu>) -> Result<&[E], CpuError> {
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

    /// The gradient of `parameter`.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn of(&mut self, parameter: &Parameter<E>) -> Result<&mut [E], DeviceError> {
        let inner = self.take();
        let buffer = buffer(self.inner.insert(inner), parameter).map_err(DeviceError::new)?;
        Ok(buffer.as_mut_slice())
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
    pub(super) fn of_rows(&mut self, parameter: &Parameter<E>) -> Result<(&mut [E], Option<&[u32]>), DeviceError> {
        let inner = self.take();
        let buffer = buffer(self.inner.insert(inner), parameter).map_err(DeviceError::new)?;
        Ok((buffer.as_mut_slice(), self.touched.rows(parameter.name())))
    }

    /// Sets all of them to 0.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn zero(&mut self, parameters: &Parameters<E>) -> Result<(), DeviceError> {
        self.each(parameters, |_, gradient| gradient.fill(E::zero()))?;
        self.touched.clear();
        Ok(())
    }

    /// Multiplies all of them by `factor`.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn scale(&mut self, parameters: &Parameters<E>, factor: f64) -> Result<(), DeviceError> {
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

    /// The Euclidean norm of all of them together.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn norm(&mut self, parameters: &Parameters<E>) -> Result<f64, DeviceError> {
        let mut sum = 0.0;
        self.each(parameters, |_, gradient| sum += square_sum(Isa::detect(), gradient).wide())?;
        Ok(sum.sqrt())
    }

    /// Scales them down to the norm `max_norm` if theirs is above it, and answers what theirs was: PyTorch's
    /// `clip_grad_norm_`.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn clip_norm(&mut self, parameters: &Parameters<E>, max_norm: f64) -> Result<f64, DeviceError> {
        let norm = self.norm(parameters)?;
        let factor = max_norm / (norm + 1e-6);
        if factor < 1.0 {
            self.scale(parameters, factor)?;
        }
        Ok(norm)
    }

    /// Brings every number of them to within ± `max`: PyTorch's `clip_grad_value_`.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn clip_value(&mut self, parameters: &Parameters<E>, max: f64) -> Result<(), DeviceError> {
        self.each(parameters, |_, gradient| clamp(Isa::detect(), gradient, E::of(max)))
    }

    /// The first parameter whose gradient has a number that is not finite.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn not_finite(&mut self, parameters: &Parameters<E>) -> Result<Option<String>, DeviceError> {
        let mut first = None;
        self.each(parameters, |parameter, gradient| {
            if first.is_none() && gradient.iter().any(|value| !value.is_finite()) {
                first = Some(parameter.name().to_owned());
            }
        })?;
        Ok(first)
    }

    fn each(
        &mut self,
        parameters: &Parameters<E>,
        mut visit: impl FnMut(&Parameter<E>, &mut [E]),
    ) -> Result<(), DeviceError> {
        for parameter in parameters.iter().filter(|parameter| parameter.is_trained()) {
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
}

/// The gradient of `parameter` in dfdx's collection, zeros if there is none yet: for operations' backward passes.
pub(super) fn buffer<'a, E: Real>(
    gradients: &'a mut Inner<E>,
    parameter: &Parameter<E>,
) -> Result<&'a mut Vec<E>, CpuError> {
    let buffer = gradients.get_or_alloc_mut(&parameter.key)?;
    if buffer.len() != parameter.values().len() {
        // The key is empty, and so is what dfdx allocated for it.
        *buffer = Storage::<E>::try_alloc_len(parameter.key.device(), parameter.values().len())?;
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
