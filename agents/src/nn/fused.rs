//! The CPU's form: the whole network as one operation with a hand-written backward pass on dfdx's tape.
//!
//! dfdx's own operations spend most of a small network's time in allocation and index arithmetic; one
//! operation over one flat parameter tensor is about four times faster (docs/benchmarks.md) and keeps dfdx's
//! tape, gradients and Adam.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use dfdx::prelude::*;

use super::matmul::vectorized;
use super::mlp::Mlp;
use super::network::{Loss, Net, Network, StepStats, TrainingState};
use super::noisy::Noise;
use super::optimizer::Optimizer;
use super::passes::Activations;
use super::{DeviceError, NnError};

type Buffer = <Cpu as Storage<f32>>::Vec;

/// See the module's documentation.
pub struct Fused {
    mlp: Arc<Mlp>,
    device: Cpu,
    /// What dfdx's Adam updates.
    parameters: Tensor<(usize,), f32, Cpu>,
    /// The same numbers where kernels can read them: dfdx does not lend a tensor's data.
    host: Arc<Vec<f32>>,
    target: Vec<f32>,
    /// Of the trained parameters and of the target's.
    noise: [Noise; 2],
    first_moment: Buffer,
    second_moment: Buffer,
    steps: i32,
    /// Reused between steps; taken while a tape holds it.
    gradients: Option<Gradients<f32, Cpu>>,
    /// Whether the next step leaves its gradient's norms, and those that were left last.
    measures: bool,
    norms: Vec<f32>,
    inference: Activations,
    input_gradient: Vec<f32>,
    /// What is remembered after each row of the last pass.
    memories: Vec<f32>,
    training: Arc<Mutex<Activations>>,
}

impl Fused {
    /// A network that starts from `state`.
    ///
    /// # Errors
    /// If the state is of another size.
    pub fn new(mlp: Mlp, state: &TrainingState) -> Result<Self, NnError> {
        let device = Cpu::default();
        let n = mlp.trained_len();
        let mut network = Self {
            parameters: device.tensor_from_vec(vec![0.0; n], (n,)),
            host: Arc::new(vec![0.0; n]),
            target: vec![0.0; n],
            noise: Default::default(),
            first_moment: device.try_alloc_len(n).map_err(DeviceError::new)?,
            second_moment: device.try_alloc_len(n).map_err(DeviceError::new)?,
            steps: 0,
            gradients: None,
            measures: false,
            norms: Vec::new(),
            inference: Activations::default(),
            input_gradient: Vec::new(),
            memories: Vec::new(),
            training: Arc::default(),
            mlp: Arc::new(mlp),
            device,
        };
        network.restore(state)?;
        Ok(network)
    }

    /// The parameters of `net` as passes use them, and the scratch space for one.
    fn of(&mut self, net: Net) -> (&[f32], &mut Activations) {
        let [online, target] = &mut self.noise;
        let parameters = match net {
            Net::Online => online.with(&self.host),
            Net::Target => target.with(&self.target),
        };
        (parameters, &mut self.inference)
    }

    /// The network's outputs `[batch, stride]` as a tensor that remembers how it came about.
    fn traced_forward(
        &mut self,
        x: &[f32],
        batch: usize,
        mut tape: OwnedTape<f32, Cpu>,
    ) -> Tensor<(usize, usize), f32, Cpu, OwnedTape<f32, Cpu>> {
        // The tape keeps this scratch until the backward pass; a second forward on one tape gets its own.
        let mut scratch = std::mem::take(&mut *lock(&self.training));
        let host = match &mut self.noise[0] {
            noise if noise.epsilon().is_empty() => self.host.clone(),
            noise => Arc::new(noise.with(&self.host).to_vec()),
        };
        let outputs = self.mlp.forward(&host, x, batch, &mut scratch).to_vec();
        self.memories.clear();
        self.memories.extend_from_slice(&self.mlp.memories(&scratch)[..batch * self.mlp.memory_len()]);
        let stride = outputs.len() / batch.max(1);
        let outputs = self.device.tensor_from_vec(outputs, (batch, stride));
        let (y, parameters) = (outputs.clone(), self.parameters.clone());
        let (mlp, pool, x) = (self.mlp.clone(), self.training.clone(), x.to_vec());
        tape.add_backward_op(move |gradients| {
            let dy = take_gradient(gradients, &y)?;
            mlp.backward(&host, &x, batch, &mut scratch, &dy, gradients.get_or_alloc_mut(&parameters)?);
            *lock(&pool) = scratch;
            Ok(())
        });
        outputs.put_tape(tape)
    }
}

impl Network for Fused {
    fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    fn forward(&mut self, net: Net, x: &[f32], batch: usize) -> Result<&[f32], DeviceError> {
        let mlp = self.mlp.clone();
        let (parameters, scratch) = self.of(net);
        let len = mlp.forward(parameters, x, batch, scratch).len();
        self.memories.clear();
        self.memories.extend_from_slice(&mlp.memories(&self.inference)[..batch * mlp.memory_len()]);
        Ok(&mlp.last_outputs(&self.inference)[..len])
    }

    fn backward(&mut self, x: &[f32], batch: usize, loss: Loss<'_>) -> Result<StepStats, DeviceError> {
        let mut gradients = match self.gradients.take() {
            Some(gradients) => gradients,
            None => leaf_gradients(&self.parameters)?,
        };
        gradients.get_or_alloc_mut(&self.parameters).map_err(DeviceError::new)?.fill(0.0);
        let tape = tape_over(&self.device, gradients);
        let outputs = self.traced_forward(x, batch, tape);
        let loss = host_loss(outputs, loss)?;
        let value = loss.array();
        let mut gradients = loss.try_backward().map_err(DeviceError::new)?;
        let gradient = gradients.get_or_alloc_mut(&self.parameters).map_err(DeviceError::new)?;
        self.noise[0].spread_gradient(gradient);
        let grad_norm = square_sum(self.mlp.isa(), gradient).sqrt();
        if std::mem::take(&mut self.measures) {
            self.norms = self.mlp.norms(gradient);
        }
        self.gradients = Some(gradients);
        Ok(StepStats { loss: value, grad_norm })
    }

    fn descend(&mut self, optimizer: &Optimizer, grad_norm: f32) -> Result<(), DeviceError> {
        let Some(gradients) = &mut self.gradients else { return Ok(()) };
        let gradient = gradients.get_or_alloc_mut(&self.parameters).map_err(DeviceError::new)?;
        if grad_norm > optimizer.max_grad_norm {
            scale(self.mlp.isa(), gradient, optimizer.max_grad_norm / (grad_norm + 1e-6));
        }
        self.steps = self.steps.saturating_add(1);
        optimizer
            .adam(self.steps)
            .try_update(self.steps, &mut self.parameters, &mut self.first_moment, &mut self.second_moment, gradient)
            .map_err(DeviceError::new)?;
        self.parameters.copy_into(Arc::make_mut(&mut self.host).as_mut_slice());
        self.noise[0].parameters_changed();
        Ok(())
    }

    fn memories(&self) -> &[f32] {
        &self.memories
    }

    fn input_gradient(
        &mut self,
        net: Net,
        _: &[f32],
        batch: usize,
        slope: &[f32],
        columns: Range<usize>,
    ) -> Result<&[f32], DeviceError> {
        let (mlp, mut gradient) = (self.mlp.clone(), std::mem::take(&mut self.input_gradient));
        let (parameters, scratch) = self.of(net);
        mlp.backward_to_input(parameters, batch, scratch, slope, columns, &mut gradient);
        self.input_gradient = gradient;
        Ok(&self.input_gradient)
    }

    fn measure_gradient(&mut self) {
        self.measures = true;
    }

    fn gradient_norms(&self) -> &[f32] {
        &self.norms
    }

    fn set_noise(&mut self, net: Net, drawn: &[f32]) -> Result<(), DeviceError> {
        self.noise[net as usize].set(&self.mlp, drawn);
        Ok(())
    }

    fn write_noisy_parameters(&self, to: &mut Vec<f32>) {
        self.noise[0].add(&self.host, to);
        to.truncate(self.mlp.flat_len());
    }

    fn update_target(&mut self, tau: f32) -> Result<(), DeviceError> {
        self.noise[1].parameters_changed();
        if tau >= 1.0 {
            self.target.copy_from_slice(&self.host);
        } else {
            move_towards(self.mlp.isa(), &mut self.target, &self.host, tau);
        }
        Ok(())
    }

    fn parameters(&self) -> &[f32] {
        &self.host[..self.mlp.flat_len()]
    }

    fn state(&self) -> Result<TrainingState, DeviceError> {
        Ok(TrainingState {
            online: self.host.to_vec(),
            target: self.target.clone(),
            first_moment: self.first_moment.to_vec(),
            second_moment: self.second_moment.to_vec(),
            steps: self.steps,
        })
    }

    fn restore(&mut self, state: &TrainingState) -> Result<(), NnError> {
        state.check(&self.mlp)?;
        self.parameters.copy_from(&state.online);
        Arc::make_mut(&mut self.host).copy_from_slice(&state.online);
        self.target.copy_from_slice(&state.target);
        self.first_moment.copy_from_slice(&state.first_moment);
        self.second_moment.copy_from_slice(&state.second_moment);
        self.steps = state.steps;
        self.noise.iter_mut().for_each(Noise::parameters_changed);
        Ok(())
    }
}

/// Gradients that keep only the parameters' entry from one backward pass to the next.
pub(super) fn leaf_gradients<D: dfdx::tensor_ops::Device<f32>>(
    parameters: &Tensor<(usize,), f32, D>,
) -> Result<Gradients<f32, D>, DeviceError> {
    let mut gradients = Gradients::leaky();
    gradients.try_alloc_for(parameters).map_err(DeviceError::new)?;
    // dfdx tells a tensor's id only through its list of tensors that an optimizer missed.
    let mut ids = dfdx::optim::UnusedTensors::default();
    ids.add(parameters);
    gradients.retain_leafs(&ids.ids);
    Ok(gradients)
}

/// A tape over existing gradients, which dfdx makes only by way of a traced tensor.
fn tape_over(device: &Cpu, gradients: Gradients<f32, Cpu>) -> OwnedTape<f32, Cpu> {
    let scalar: Tensor<Rank0, f32, Cpu> = device.zeros();
    scalar.traced(gradients).split_tape().1
}

/// The loss as a scalar on the tape, its gradient by the outputs already known.
fn host_loss(
    outputs: Tensor<(usize, usize), f32, Cpu, OwnedTape<f32, Cpu>>,
    loss: Loss<'_>,
) -> Result<Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>>, DeviceError> {
    let (outputs, mut tape) = outputs.split_tape();
    let mut values = vec![0.0; outputs.shape().num_elements()];
    outputs.copy_into(&mut values);
    let mut slope = vec![0.0; values.len()];
    let value = loss(&values, &mut slope);
    let scalar = outputs.device().tensor(value);
    let s = scalar.clone();
    tape.add_backward_op(move |gradients| {
        let scale = gradients.get_or_alloc_mut(&s)?[0];
        for (g, slope) in gradients.get_or_alloc_mut(&outputs)?.iter_mut().zip(&slope) {
            *g += scale * slope;
        }
        Ok(())
    });
    Ok(scalar.put_tape(tape))
}

/// Takes a tensor's gradient out without copying it.
fn take_gradient<S: Shape>(
    gradients: &mut Gradients<f32, Cpu>,
    tensor: &Tensor<S, f32, Cpu>,
) -> Result<Buffer, CpuError> {
    let nothing = tensor.device().try_alloc_len(0)?;
    Ok(std::mem::replace(gradients.get_or_alloc_mut(tensor)?, nothing))
}

fn lock(pool: &Mutex<Activations>) -> std::sync::MutexGuard<'_, Activations> {
    // Scratch space has no invariant that a panic could break.
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

vectorized! {
    /// Σ x², in sixteen partial sums.
    fn square_sum(values: &[f32]) -> f32 {
        let mut sums = [0.0f32; 16];
        let (chunks, rest) = values.as_chunks::<16>();
        for chunk in chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += x * x;
            }
        }
        sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>()
    }
}

vectorized! {
    fn scale(values: &mut [f32], factor: f32) {
        for x in values {
            *x *= factor;
        }
    }
}

vectorized! {
    fn move_towards(values: &mut [f32], goal: &[f32], share: f32) {
        for (x, goal) in values.iter_mut().zip(goal) {
            *x += share * (goal - *x);
        }
    }
}
