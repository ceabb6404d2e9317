//! The network from dfdx's own operations, on any device that dfdx has: the CUDA form, and the reference that
//! the fused CPU form is tested against.

use std::ops::Range;

use dfdx::prelude::*;
use dfdx::tensor_ops::Device;

use super::fused::leaf_gradients;
use super::mlp::Mlp;
use super::mlp::activation::{Activation, LEAK};
use super::mlp::implicit::Implicit;
use super::mlp::layer::Layer;
use super::mlp::layer_norm::EPSILON;
use super::mlp::noisy::Noise;
use super::network::{Loss, Net, Network, StepStats, TrainingState};
use super::optimizer::Optimizer;
use super::{DeviceError, NnError};

mod remembered;
mod state_dependent;

type Flat<D> = Tensor<(usize,), f32, D>;
type Matrix<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;

/// See the module's documentation.
pub struct Stock<D: Device<f32>> {
    mlp: Mlp,
    /// What each layer's matrix is multiplied by where it has places without parameters.
    masks: Vec<Option<Matrix<D>>>,
    /// Where each number of each patch of an image lies in a row, of layers that are convolutions.
    patches: Vec<Option<Vec<usize>>>,
    /// What puts a dueling network's streams together.
    dueling: Option<Matrix<D>>,
    device: D,
    online: Flat<D>,
    target: Flat<D>,
    /// ε of each parameter, of the trained network and of its target, here and on the device; on the device none while
    /// there is no noise.
    noise: [Noise; 2],
    epsilon: [Option<Flat<D>>; 2],
    /// Both keyed by `online`.
    first_moment: Gradients<f32, D>,
    second_moment: Gradients<f32, D>,
    steps: i32,
    /// Of the last backward pass, until it is followed.
    gradients: Option<Gradients<f32, D>>,
    input_gradient: Vec<f32>,
    /// Parameters and outputs on the host, as the last step or forward pass left them.
    host: Vec<f32>,
    outputs: Vec<f32>,
    /// What is remembered after each row of the last pass.
    memories: Vec<f32>,
    /// Whether the next step leaves its gradient's norms, and those that were left last.
    measures: bool,
    norms: Vec<f32>,
}

impl<D: Device<f32>> Stock<D> {
    /// A network on `device` that starts from `state`.
    ///
    /// # Errors
    /// If the state is of another size or the device fails.
    pub fn new(mlp: Mlp, device: D, state: &TrainingState) -> Result<Self, NnError> {
        let zeros = device.try_zeros_like(&(mlp.trained_len(),)).map_err(DeviceError::new)?;
        let upload = |values, shape| device.try_tensor_from_vec(values, shape).map_err(DeviceError::new);
        let (_, dueling) = mlp.layers();
        let mask =
            |layer: &Layer| layer.mask.clone().map(|mask| upload(mask, (layer.inputs, layer.columns))).transpose();
        let stride = mlp.output_stride();
        let mut network = Self {
            masks: mlp.passes().map(mask).collect::<Result<_, _>>()?,
            patches: mlp.passes().map(|layer| layer.conv.map(|conv| conv.places_of_patches())).collect(),
            dueling: dueling.map(|dueling| upload(dueling.matrix(stride), (stride, stride))).transpose()?,
            mlp,
            online: zeros.clone(),
            target: zeros,
            noise: Default::default(),
            epsilon: [None, None],
            first_moment: Gradients::leaky(),
            second_moment: Gradients::leaky(),
            steps: 0,
            gradients: None,
            input_gradient: Vec::new(),
            host: Vec::new(),
            outputs: Vec::new(),
            memories: Vec::new(),
            measures: false,
            norms: Vec::new(),
            device,
        };
        network.restore(state)?;
        Ok(network)
    }

    fn upload(&self, values: &[f32]) -> Result<Flat<D>, DeviceError> {
        self.device.try_tensor_from_vec(values.to_vec(), (values.len(),)).map_err(DeviceError::new)
    }

    /// Some of the flat parameters, with noise where they have any.
    fn part<T: Tape<f32, D>>(
        &self,
        parameters: &Flat<D>,
        net: Net,
        range: Range<usize>,
    ) -> Result<Tensor<(usize,), f32, D, T>, D::Err> {
        let mu = parameters.retaped::<T>().try_slice((range.clone(),))?;
        let Some(epsilon) = &self.epsilon[net as usize] else { return Ok(mu) };
        let n = self.mlp.flat_len();
        let sigma = parameters.retaped::<T>().try_slice((n + range.start..n + range.end,))?;
        mu.try_add(sigma.try_mul(epsilon.clone().try_slice((range,))?)?)
    }

    /// The layers one after the other, each a slice of the flat parameters of `net`, noted on `tape`. Where there is a value
    /// function, what it answers lies behind all output rows, in a single row.
    fn layers<T: Tape<f32, D>>(
        &self,
        parameters: &Flat<D>,
        net: Net,
        x: Matrix<D>,
        behind: &[f32],
        tape: T,
        memories: &mut Vec<f32>,
    ) -> Result<Matrix<D, T>, D::Err> {
        let (mut batch, input) = (x.shape().0, x.clone());
        let mut x = x.put_tape(tape);
        let count = self.mlp.layers().0.len();
        let (mut shared, mut outputs) = (None, None);
        for (l, layer) in self.mlp.passes().enumerate() {
            if self.mlp.parts_at(l) {
                shared = Some(x.with_empty_tape());
            }
            if let Some(seen) = shared.take_if(|_| l == count) {
                outputs = Some(std::mem::replace(&mut x, seen));
            }
            let (i, o) = ((layer.bias - layer.weight) / layer.columns, layer.columns);
            if let Some(implicit) = self.mlp.takes_fractions().filter(|implicit| implicit.at == l) {
                x = self.merged(implicit, parameters, net, x, behind)?;
                batch = behind.len();
            }
            if let Some(lstm) = self.mlp.lstm().filter(|lstm| lstm.at == l) {
                x = self.remembered(lstm, parameters, net, x, behind, memories)?;
            }
            let weight = self.part::<T>(parameters, net, layer.weight..layer.bias)?;
            let mut weight = weight.try_reshape_like(&(i, o))?;
            let bias = self.part::<T>(parameters, net, layer.bias..layer.bias + o)?;
            let is_last = l + 1 == count;
            if let Some(mask) = &self.masks[l] {
                weight = weight.try_mul(mask.clone())?;
            }
            // A convolution has a row for each place of its kernel.
            let mut rows = batch;
            if let Some(patches) = &self.patches[l] {
                rows = batch * patches.len() / i;
                let row = x.shape().1;
                let places = (0..batch).flat_map(|b| patches.iter().map(move |at| b * row + at)).collect::<Vec<_>>();
                let count = places.len();
                let places = self.device.try_tensor_from_vec(places, (count,))?;
                x = x.try_reshape_like(&(batch * row,))?.try_gather(places)?.try_reshape_like(&(rows, i))?;
            }
            let head = self.mlp.deviations().filter(|_| is_last);
            let log_std = head.map(|head| self.log_std(head, layer, parameters, net, &x)).transpose()?;
            x = x.try_matmul(weight)?;
            x = x.try_add(bias.try_broadcast_like::<_, Axis<0>>(&(rows, o))?)?;
            if let Some(dueling) = self.dueling.as_ref().filter(|_| is_last) {
                x = x.try_matmul(dueling.clone())?;
            }
            if let (Some(head), Some(log_std)) = (head, log_std) {
                x = self.with_deviations(head, x, log_std)?;
            }
            if layer.norm {
                // Products with a matrix of shares are means over the columns that are more than padding.
                let share =
                    |i: usize| if i / o < layer.used && i % o < layer.used { 1.0 / layer.used as f32 } else { 0.0 };
                let shares = self.device.try_tensor_from_vec((0..o * o).map(share).collect(), (o, o))?;
                let mean = x.with_empty_tape().try_matmul(shares.clone())?;
                let centered = x.try_sub(mean)?;
                let variance = centered.with_empty_tape().try_square()?.try_matmul(shares)?;
                x = centered.try_div(variance.try_add(EPSILON)?.try_sqrt()?)?;
                let row = |place: Range<usize>| parameters.retaped::<T>().try_slice((place,));
                x = x.try_mul(row(layer.gain())?.try_broadcast_like::<_, Axis<0>>(&(batch, o))?)?;
                x = x.try_add(row(layer.shift())?.try_broadcast_like::<_, Axis<0>>(&(batch, o))?)?;
            }
            x = match self.mlp.activation_after(l) {
                Some(Activation::Relu) => x.try_relu()?,
                Some(Activation::Tanh) => x.try_tanh()?,
                // By ReLUs of x and of -x.
                Some(other) => {
                    let below = x.with_empty_tape().try_negate()?.try_relu()?;
                    let above = x.try_relu()?;
                    match other {
                        Activation::LeakyRelu => above.try_sub(below.try_mul(LEAK)?)?,
                        _ => above.try_add(below.try_negate()?.try_exp()?.try_sub(1.0)?)?,
                    }
                }
                None => x,
            };
            if rows != batch {
                x = x.try_reshape_like(&(batch, layer.outputs))?;
            }
            if !layer.beside.is_empty() {
                // Products with ones and zeros put each number in its place.
                let places = |from: usize, count: usize, to: usize| {
                    let mut ones = vec![0.0; from * layer.outputs];
                    (0..count).for_each(|i| ones[i * layer.outputs + to + i] = 1.0);
                    self.device.try_tensor_from_vec(ones, (from, layer.outputs))
                };
                let other = input.retaped::<T>().try_slice((0..batch, layer.beside.clone()))?;
                let count = layer.beside.len();
                x = x.try_matmul(places(o, layer.used, 0)?)?;
                x = x.try_add(other.try_matmul(places(count, count, layer.used)?)?)?;
            }
        }
        match (self.mlp.takes_fractions(), outputs) {
            (Some(implicit), _) => self.ordered(implicit, x, input.shape().0),
            (None, None) => Ok(x),
            (None, Some(outputs)) => {
                let [outputs, values] = [outputs, x].map(|rows| {
                    let len = rows.shape().num_elements();
                    rows.try_reshape_like(&(len,))
                });
                let answers = (outputs?, values?).try_concat_along(Axis::<0>)?;
                let len = answers.shape().0;
                answers.try_reshape_like(&(1, len))
            }
        }
    }

    /// What is known of each row and each of its fractions, put together.
    fn merged<T: Tape<f32, D>>(
        &self,
        implicit: &Implicit,
        parameters: &Flat<D>,
        net: Net,
        psi: Matrix<D, T>,
        fractions: &[f32],
    ) -> Result<Matrix<D, T>, D::Err> {
        let ((batch, width), layer, rows) = (*psi.shape(), &implicit.embedding, fractions.len());
        let mut cosines = Vec::new();
        implicit.cosines(fractions, &mut cosines);
        let cosines = self.device.try_tensor_from_vec(cosines, (rows, layer.inputs))?;
        let weight = self.part::<T>(parameters, net, layer.weight..layer.bias)?;
        let weight = weight.try_reshape_like(&(layer.inputs, layer.columns))?;
        let bias = self.part::<T>(parameters, net, layer.bias..layer.bias + layer.columns)?;
        let bias = bias.try_broadcast_like::<_, Axis<0>>(&(rows, layer.columns))?;
        let phi = cosines.retaped::<T>().try_matmul(weight)?.try_add(bias)?.try_relu()?;
        let each = rows / batch;
        let places = (0..rows).flat_map(|row| (0..width).map(move |at| row / each * width + at)).collect::<Vec<_>>();
        let places = self.device.try_tensor_from_vec(places, (rows * width,))?;
        let psi = psi.try_reshape_like(&(batch * width,))?.try_gather(places)?.try_reshape_like(&(rows, width))?;
        psi.try_mul(phi)
    }

    /// Outputs that are fraction by fraction, action by action.
    fn ordered<T: Tape<f32, D>>(
        &self,
        implicit: &Implicit,
        outputs: Matrix<D, T>,
        batch: usize,
    ) -> Result<Matrix<D, T>, D::Err> {
        let (rows, stride) = *outputs.shape();
        let each = rows / batch;
        let (row, width) = (each * stride, implicit.stride(each));
        let (mut places, mut mask) = (vec![0; batch * width], vec![0.0; batch * width]);
        for (b, (places, mask)) in places.chunks_exact_mut(width).zip(mask.chunks_exact_mut(width)).enumerate() {
            let places = places.iter_mut().zip(mask).zip(implicit.places(each, stride));
            places.for_each(|((place, mask), at)| (*place, *mask) = (b * row + at, 1.0));
        }
        let places = self.device.try_tensor_from_vec(places, (batch * width,))?;
        let mask = self.device.try_tensor_from_vec(mask, (batch, width))?;
        let outputs = outputs.try_reshape_like(&(batch * row,))?.try_gather(places)?;
        outputs.try_reshape_like(&(batch, width))?.try_mul(mask)
    }

    /// What lies behind `batch` rows, or the fractions that are meant where there are none.
    fn behind(&self, x: &[f32], batch: usize) -> Vec<f32> {
        let behind = &x[batch * self.mlp.inputs()..];
        let implicit = self.mlp.takes_fractions();
        implicit.map_or(behind.into(), |of| of.fractions_behind(x, batch, self.mlp.inputs()).into_owned())
    }

    fn input(&self, x: &[f32], batch: usize) -> Result<Matrix<D>, DeviceError> {
        let n = batch * self.mlp.inputs();
        self.device.try_tensor_from_vec(x[..n].to_vec(), (batch, self.mlp.inputs())).map_err(DeviceError::new)
    }

    /// Gradients whose entry for `online` is `values`, by way of a sum whose gradient they are: dfdx has no
    /// other public way to write a gradient on any device.
    fn as_gradients(&self, values: &[f32]) -> Result<Gradients<f32, D>, DeviceError> {
        let product = self.online.clone().leaky_traced().try_mul(self.upload(values)?).map_err(DeviceError::new)?;
        let gradients = product.try_sum::<Rank0, _>().and_then(|sum| sum.try_backward()).map_err(DeviceError::new)?;
        let mut kept = leaf_gradients(&self.online)?;
        std::mem::swap(
            kept.get_or_alloc_mut(&self.online).map_err(DeviceError::new)?,
            { gradients }.get_or_alloc_mut(&self.online).map_err(DeviceError::new)?,
        );
        Ok(kept)
    }
}

impl<D: Device<f32>> Network for Stock<D> {
    fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    fn forward(&mut self, net: Net, x: &[f32], batch: usize) -> Result<&[f32], DeviceError> {
        let parameters = match net {
            Net::Online => &self.online,
            Net::Target => &self.target,
        };
        let (input, behind, mut memories) = (self.input(x, batch)?, self.behind(x, batch), Vec::new());
        let outputs = self.layers(parameters, net, input, &behind, NoneTape, &mut memories);
        self.outputs = outputs.map_err(DeviceError::new)?.as_vec();
        self.memories = memories;
        Ok(&self.outputs)
    }

    fn backward(&mut self, x: &[f32], batch: usize, loss: Loss<'_>) -> Result<StepStats, DeviceError> {
        let (parameters, tape) = self.online.clone().traced(leaf_gradients(&self.online)?).split_tape();
        let (input, behind, mut memories) = (self.input(x, batch)?, self.behind(x, batch), Vec::new());
        let outputs = self.layers(&parameters, Net::Online, input, &behind, tape, &mut memories);
        let outputs = outputs.map_err(DeviceError::new)?;
        self.memories = memories;
        let mut grad = vec![0.0; outputs.shape().num_elements()];
        let value = loss(&outputs.as_vec(), &mut grad);
        let grad = self.device.try_tensor_from_vec(grad, *outputs.shape()).map_err(DeviceError::new)?;
        let surrogate = outputs.try_mul(grad).and_then(|product| product.try_sum::<Rank0, _>());
        let gradients = surrogate.and_then(|sum| sum.try_backward()).map_err(DeviceError::new)?;

        let square = gradients.get(&self.online).try_square().and_then(|g| g.try_sum::<Rank0, _>());
        let grad_norm = square.map_err(DeviceError::new)?.as_vec()[0].sqrt();
        if std::mem::take(&mut self.measures) {
            self.norms = self.mlp.norms(&gradients.get(&self.online).as_vec());
        }
        self.gradients = Some(gradients);
        Ok(StepStats { loss: value, grad_norm })
    }

    fn descend(&mut self, optimizer: &Optimizer, grad_norm: f32) -> Result<(), DeviceError> {
        let Some(mut gradients) = self.gradients.take() else { return Ok(()) };
        if grad_norm > optimizer.max_grad_norm {
            let factor = optimizer.max_grad_norm / (grad_norm + 1e-6);
            let clipped = gradients.get(&self.online).try_mul(factor).map_err(DeviceError::new)?.as_vec();
            gradients = self.as_gradients(&clipped)?;
        }
        self.steps = self.steps.saturating_add(1);
        let parameters = self.online.clone();
        let first = self.first_moment.get_or_alloc_mut(&parameters).map_err(DeviceError::new)?;
        let second = self.second_moment.get_or_alloc_mut(&parameters).map_err(DeviceError::new)?;
        let gradient = gradients.get_or_alloc_mut(&parameters).map_err(DeviceError::new)?;
        drop(parameters);
        let adam = optimizer.dfdx_adam(self.steps);
        adam.try_update(self.steps, &mut self.online, first, second, gradient).map_err(DeviceError::new)?;
        self.host = self.online.as_vec();
        Ok(())
    }

    fn memories(&self) -> &[f32] {
        &self.memories
    }

    fn input_gradient(
        &mut self,
        net: Net,
        x: &[f32],
        batch: usize,
        grad: &[f32],
        columns: Range<usize>,
    ) -> Result<&[f32], DeviceError> {
        let parameters = match net {
            Net::Online => &self.online,
            Net::Target => &self.target,
        };
        let (input, tape) = self.input(x, batch)?.leaky_traced().split_tape();
        let mut gradients = {
            let behind = self.behind(x, batch);
            let outputs = self.layers(parameters, net, input.clone(), &behind, tape, &mut Vec::new());
            let outputs = outputs.map_err(DeviceError::new)?;
            let grad = grad[..outputs.shape().num_elements()].to_vec();
            let grad = self.device.try_tensor_from_vec(grad, *outputs.shape()).map_err(DeviceError::new)?;
            let surrogate = outputs.try_mul(grad).and_then(|product| product.try_sum::<Rank0, _>());
            surrogate.and_then(|sum| sum.try_backward()).map_err(DeviceError::new)?
        };
        // The entry is there also where no output depends on the input.
        gradients.get_or_alloc_mut(&input).map_err(DeviceError::new)?;
        let whole = gradients.get(&input).as_vec();
        self.input_gradient.clear();
        for row in whole.chunks_exact(self.mlp.inputs()) {
            self.input_gradient.extend_from_slice(&row[columns.clone()]);
        }
        Ok(&self.input_gradient)
    }

    fn measure_gradient(&mut self) {
        self.measures = true;
    }

    fn gradient_norms(&self) -> &[f32] {
        &self.norms
    }

    fn set_noise(&mut self, net: Net, drawn: &[f32]) -> Result<(), DeviceError> {
        let noise = &mut self.noise[net as usize];
        noise.set(&self.mlp, drawn);
        if !noise.epsilon().is_empty() {
            self.epsilon[net as usize] = Some(self.upload(self.noise[net as usize].epsilon())?);
        }
        Ok(())
    }

    fn write_noisy_parameters(&self, to: &mut Vec<f32>) {
        self.noise[0].add(&self.host, to);
        to.truncate(self.mlp.flat_len());
    }

    fn update_target(&mut self, tau: f32) -> Result<(), DeviceError> {
        // A copy with an id of its own.
        let online = self.online.clone().try_mul(tau).map_err(DeviceError::new)?;
        self.target = match tau >= 1.0 {
            true => online,
            false => {
                self.target.clone().try_mul(1.0 - tau).and_then(|t| t.try_add(online)).map_err(DeviceError::new)?
            }
        };
        Ok(())
    }

    fn parameters(&self) -> &[f32] {
        &self.host[..self.mlp.flat_len()]
    }

    fn state(&self) -> Result<TrainingState, DeviceError> {
        Ok(TrainingState {
            online: self.host.clone(),
            target: self.target.as_vec(),
            first_moment: self.first_moment.get(&self.online).as_vec(),
            second_moment: self.second_moment.get(&self.online).as_vec(),
            steps: self.steps,
        })
    }

    fn restore(&mut self, state: &TrainingState) -> Result<(), NnError> {
        state.check(&self.mlp)?;
        self.online = self.upload(&state.online)?;
        self.target = self.upload(&state.target)?;
        self.first_moment = self.as_gradients(&state.first_moment)?;
        self.second_moment = self.as_gradients(&state.second_moment)?;
        self.steps = state.steps;
        self.host.clone_from(&state.online);
        Ok(())
    }
}
