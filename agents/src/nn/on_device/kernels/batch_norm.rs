//! Batch normalization.

use dfdx::prelude::{HasShape as _, ReshapeTo as _};
use dfdx::tensor_ops::Device;

use super::{At, Count, Launch, Nowhere, chunks, launch};
use crate::nn::Real;
use crate::nn::on_device::{Rows, Vector};

/// A batch normalization, with what it was given.
#[derive(Clone, Debug)]
pub(crate) struct Normalization<E: Real, D: Device<E>> {
    /// What is normalized, row after row.
    x: Rows<E, D>,
    /// The mean and the variance of each channel of it.
    pub(crate) moments: [Vector<E, D>; 2],
    weight: Vector<E, D>,
    bias: Vector<E, D>,
    /// Whether what comes out, and the gradient by it, is of 16 bits.
    half: bool,
}

/// The gradient by what was normalized, and that by what was added.
type ByInputs<E, D> = (Rows<E, D>, Option<Rows<E, D>>);

impl<E: Real, D: Device<E> + Launch> Normalization<E, D> {
    /// That of `x`, whose channels' means and variances are found out.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub(crate) fn new(x: &Rows<E, D>, weight: &Vector<E, D>, bias: &Vector<E, D>, half: bool) -> Result<Self, D::Err> {
        let ((rows, channels), x) = (*x.shape(), x.clone().try_contiguous()?);
        let (weight, bias) = (weight.clone().try_contiguous()?, bias.clone().try_contiguous()?);
        assert!(weight.shape().0 == channels && bias.shape().0 == channels, "a scale and a bias a channel");
        let parts: Vector<E, D> = x.device().try_zeros_like(&(3 * chunks(rows, channels) * channels,))?;
        let arguments = [At(&x), Count(rows), Count(channels), At(&parts)];
        launch::<D>("chunk_moments", [rows, channels], &arguments)?;
        let moments = of_parts("batch_moments", &parts, chunks(rows, channels), channels)?;
        Ok(Self { x, moments, weight, bias, half })
    }

    /// What comes of it, `residual` added, and rectified if told to.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If the residual has another shape.
    pub(crate) fn forward(&self, residual: Option<&Rows<E, D>>, rectifies: bool) -> Result<Rows<E, D>, D::Err> {
        let Self { x, moments: [mean, variance], weight, bias, half } = self;
        let (rows, channels) = *x.shape();
        assert!(residual.is_none_or(|residual| residual.shape() == x.shape()), "a residual of the map's shape");
        let residual = residual.map(|residual| residual.clone().try_contiguous()).transpose()?;
        let y: Rows<E, D> = x.device().try_zeros_like(x.shape())?;
        launch::<D>(
            "normalize",
            [rows, channels],
            &[
                At(x),
                At(mean),
                At(variance),
                At(weight),
                At(bias),
                residual.as_ref().map_or(Nowhere, |residual| At(residual)),
                Count(rows),
                Count(channels),
                Count(rectifies.into()),
                Count((*half).into()),
                At(&y),
            ],
        )?;
        Ok(y)
    }

    /// The gradients by the bias and the weight, given that by what came of it, which was `out` if it was rectified.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub(crate) fn by_parameters(
        &self,
        grad: &Rows<E, D>,
        out: Option<&Rows<E, D>>,
    ) -> Result<[Vector<E, D>; 2], D::Err> {
        let Self { x, moments: [mean, variance], half, .. } = self;
        let (rows, channels) = self.checked(grad, out);
        let parts: Vector<E, D> = x.device().try_zeros_like(&(2 * chunks(rows, channels) * channels,))?;
        launch::<D>(
            "chunk_grad_sums",
            [rows, channels],
            &[
                At(grad),
                At(x),
                out.map_or(Nowhere, |out| At(out)),
                At(mean),
                At(variance),
                Count(rows),
                Count(channels),
                Count((*half).into()),
                At(&parts),
            ],
        )?;
        of_parts("grad_sums", &parts, chunks(rows, channels), channels)
    }

    /// The gradient by what was normalized, given those [by the bias and the weight](Self::by_parameters); and that by what was `added`, if
    /// anything was.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub(crate) fn by_inputs(
        &self,
        grad: &Rows<E, D>,
        out: Option<&Rows<E, D>>,
        [by_bias, by_weight]: [&Vector<E, D>; 2],
        added: bool,
    ) -> Result<ByInputs<E, D>, D::Err> {
        let Self { x, moments: [mean, variance], weight, half, .. } = self;
        let (rows, channels) = self.checked(grad, out);
        let by_x: Rows<E, D> = x.device().try_zeros_like(x.shape())?;
        let by_residual = added.then(|| x.device().try_zeros_like(x.shape())).transpose()?;
        launch::<D>(
            "grad_by_inputs",
            [rows, channels],
            &[
                At(grad),
                At(x),
                out.map_or(Nowhere, |out| At(out)),
                At(mean),
                At(variance),
                At(weight),
                At(by_bias),
                At(by_weight),
                Count(rows),
                Count(channels),
                Count((*half).into()),
                At(&by_x),
                by_residual.as_ref().map_or(Nowhere, |by_residual: &Rows<E, D>| At(by_residual)),
            ],
        )?;
        Ok((by_x, by_residual))
    }

    /// The shape of what is normalized.
    ///
    /// # Panics
    /// If what came of it, or the gradient by it, has another.
    fn checked(&self, grad: &Rows<E, D>, out: Option<&Rows<E, D>>) -> (usize, usize) {
        let shape = *self.x.shape();
        assert!(*grad.shape() == shape && out.is_none_or(|out| *out.shape() == shape), "a grad of the map's shape");
        shape
    }
}

/// The two numbers a channel that a kernel makes of `chunks` parts.
fn of_parts<E: Real, D: Device<E> + Launch>(
    kernel: &'static str,
    parts: &Vector<E, D>,
    chunks: usize,
    channels: usize,
) -> Result<[Vector<E, D>; 2], D::Err> {
    let first: Vector<E, D> = parts.device().try_zeros_like(&(channels,))?;
    let second: Vector<E, D> = parts.device().try_zeros_like(&(channels,))?;
    let arguments = [At(parts), Count(chunks), Count(channels), At(&first), At(&second)];
    launch::<D>(kernel, [1, channels], &arguments)?;
    Ok([first, second])
}
