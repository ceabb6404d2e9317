//! Two-dimensional convolution of NHWC maps, with PyTorch's weights.

mod geometry;
mod kernels;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use dfdx::prelude::{Cpu, Tape};

use self::geometry::Geometry;
use super::Map;
use crate::nn::parameters::gradients::buffer;
use crate::nn::{Parameter, Real};

/// Step and margin of a convolution, the same for rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Pixels from one place of the kernel to the next, 1 or more.
    pub stride: usize,
    /// Zeros on each side of the image.
    pub padding: usize,
}

/// `torch.nn.functional.conv2d` without a bias: `weight` is outputs × inputs × kernel rows × kernel columns. What comes out of a
/// weight of f16 is f16, summed in wider numbers.
///
/// # Panics
/// If the weight is of other channels than the map, or larger than the padded image.
pub fn conv2d<E: Real, T: Tape<E, Cpu>>(x: &Map<E>, weight: &Parameter<E>, window: Window, tape: &mut T) -> Map<E> {
    let (geometry, sizes) = sizes(x.shape(), weight.shape(), window);
    let turned = Arc::new(kernels::outputs_last(weight.values(), sizes));
    let mut y = vec![E::zero(); geometry.rows() * sizes[0]];
    kernels::forward(&geometry, x.values(), &turned, &mut y, false);
    let y = Map::made(y, [x.shape()[0], geometry.output[0], geometry.output[1], sizes[0]], weight.is_half());
    if !weight.is_trained() && !x.wants_gradient() {
        return y.detached();
    }
    if T::OWNS_TAPE {
        let (x, out, weight) = (x.clone(), y.without_values(), weight.clone());
        tape.add_backward_op(move |gradients| {
            let grad = out.take_gradient(gradients)?;
            if weight.is_trained() {
                let by_weights = kernels::by_weights(&geometry, x.values(), &grad);
                kernels::add_outputs_first(&by_weights, sizes, buffer(gradients, &weight)?);
            }
            if x.wants_gradient() {
                x.give_gradient(gradients, kernels::by_input(&geometry, &turned, &grad))?;
            }
            Ok(())
        });
    }
    y
}

/// A convolution for use: its weights in the layout that is computed with, and a bias. A batch norm that follows it is folded in.
#[derive(Clone, Debug)]
pub struct FoldedConv<E: Real = f32> {
    weights: Vec<E>,
    bias: Vec<E>,
    shape: Vec<usize>,
    window: Window,
}

impl<E: Real> FoldedConv<E> {
    /// The convolution with `weight`, of which each output is multiplied by its `scale` and moved by its `bias`.
    ///
    /// # Panics
    /// If there are not as many scales and biases as outputs.
    pub fn new(weight: &Parameter<E>, window: Window, scale: &[E], bias: Vec<E>) -> Self {
        let mut conv = Self::of(weight.shape(), weight.values(), window, bias);
        assert_eq!(scale.len(), conv.bias.len(), "a scale an output");
        for row in conv.weights.chunks_exact_mut(scale.len().max(1)) {
            row.iter_mut().zip(scale).for_each(|(weight, scale)| *weight *= *scale);
        }
        conv
    }

    /// The convolution with weights of PyTorch's `shape`: outputs × inputs × kernel rows × kernel columns.
    ///
    /// # Panics
    /// If there are not as many biases as outputs.
    pub fn of(shape: &[usize], weights: &[E], window: Window, bias: Vec<E>) -> Self {
        assert_eq!(bias.len(), shape[0], "a bias an output");
        let weights = kernels::outputs_last(weights, [shape[0], shape[1], shape[2] * shape[3]]);
        Self { weights, bias, shape: shape.to_vec(), window }
    }

    /// Convolves `x`, adds `residual`, and rectifies the sum if told to.
    ///
    /// # Panics
    /// As [`conv2d`], or if the residual is of another shape.
    pub fn forward(&self, x: &Map<E>, residual: Option<Map<E>>, rectifies: bool) -> Map<E> {
        let (geometry, [outputs, ..]) = sizes(x.shape(), &self.shape, self.window);
        let mut y = match residual {
            Some(residual) => residual.into_values(),
            None => Vec::with_capacity(geometry.rows() * outputs),
        };
        if y.is_empty() {
            (0..geometry.rows()).for_each(|_| y.extend_from_slice(&self.bias));
        } else {
            for row in y.chunks_exact_mut(outputs.max(1)) {
                row.iter_mut().zip(&self.bias).for_each(|(y, bias)| *y += *bias);
            }
        }
        assert_eq!(y.len(), geometry.rows() * outputs, "a residual of the output's shape");
        kernels::forward(&geometry, x.values(), &self.weights, &mut y, rectifies);
        Map::data(y, [x.shape()[0], geometry.output[0], geometry.output[1], outputs])
    }
}

/// The sizes of a convolution of a map of the shape `x`; outputs, inputs and places of the kernel.
fn sizes(x: [usize; 4], weight: &[usize], window: Window) -> (Geometry, [usize; 3]) {
    let &[outputs, inputs, rows, columns] = weight else {
        panic!("a weight of shape {weight:?} is none of a convolution")
    };
    assert_eq!(x[3], inputs, "a convolution of {weight:?} takes another number of channels");
    (Geometry::new(x, [rows, columns], window.stride, window.padding), [outputs, inputs, rows * columns])
}
