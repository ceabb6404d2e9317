//! The CPU's form: the whole network as one operation with a hand-written backward pass on dfdx's tape.
//!
//! dfdx's own operations spend most of a small network's time in allocation and index arithmetic; one
//! operation over one flat buffer of parameters, loss included, is six times faster (docs/benchmarks.md) and keeps dfdx's tape
//! and gradients.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use dfdx::prelude::*;

use super::kernels::matmul::vectorized;
use super::mlp::Mlp;
use super::mlp::noisy::Noise;
use super::mlp::passes::Activations;
use super::network::{Loss, Net, Network, StepStats, TrainingState};
use super::optimizer::Optimizer;
use super::{DeviceError, NnError};

/// See the module's documentation.
pub struct Fused {
    mlp: Arc<Mlp>,
    device: Cpu,
    /// Stands for the parameters in dfdx's gradients, and is empty: dfdx does not lend out what is in a tensor, and kernels
    /// read the numbers where they are.
    key: Tensor<(usize,), f32, Cpu>,
    parameters: Arc<Vec<f32>>,
    target: Vec<f32>,
    /// Of the trained parameters and of the target's.
    noise: [Noise; 2],
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
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
    training: Arc<Mutex<Workspace>>,
}

/// What a backward pass reads, reused from step to step; taken while a tape holds it.
#[derive(Default)]
struct Workspace {
    x: Vec<f32>,
    /// The gradient of the loss by the outputs.
    grad: Vec<f32>,
    activations: Activations,
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
            key: device.tensor_from_vec(Vec::new(), (0,)),
            parameters: Arc::new(vec![0.0; n]),
            target: vec![0.0; n],
            noise: Default::default(),
            first_moment: vec![0.0; n],
            second_moment: vec![0.0; n],
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
            Net::Online => online.with(&self.parameters),
            Net::Target => target.with(&self.target),
        };
        (parameters, &mut self.inference)
    }

    /// The loss on the outputs for `x` as a scalar that remembers how it came about.
    fn traced_loss(
        &mut self,
        x: &[f32],
        batch: usize,
        loss: Loss<'_>,
        mut tape: OwnedTape<f32, Cpu>,
    ) -> Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>> {
        // The tape keeps it until the backward pass; a second loss on one tape would get its own.
        let mut workspace = std::mem::take(&mut *lock(&self.training));
        let parameters = self.noise[0].shared(&self.parameters);
        let outputs = self.mlp.forward(&parameters, x, batch, &mut workspace.activations);
        workspace.grad.clear();
        workspace.grad.resize(outputs.len(), 0.0);
        let value = self.device.tensor(loss(outputs, &mut workspace.grad));
        workspace.x.clear();
        workspace.x.extend_from_slice(x);
        let memories = self.mlp.memories(&workspace.activations);
        self.memories.clear();
        self.memories.extend_from_slice(&memories[..batch * self.mlp.memory_len()]);
        let (of, key, mlp, pool) = (value.clone(), self.key.clone(), self.mlp.clone(), self.training.clone());
        tape.add_backward_op(move |gradients| {
            let Workspace { x, grad, activations } = &mut workspace;
            scale(mlp.isa(), grad, gradients.get_or_alloc_mut(&of)?[0]);
            let gradient = buffer(gradients, &key, mlp.trained_len())?;
            mlp.backward(&parameters, x, batch, activations, grad, gradient);
            *lock(&pool) = workspace;
            Ok(())
        });
        value.put_tape(tape)
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
            None => leaf_gradients(&self.key)?,
        };
        let n = self.mlp.trained_len();
        // The gradient by σ is made of the others.
        buffer(&mut gradients, &self.key, n).map_err(DeviceError::new)?[..self.mlp.flat_len()].fill(0.0);
        let tape = tape_over(&self.device, gradients);
        let loss = self.traced_loss(x, batch, loss, tape);
        let value = loss.array();
        let mut gradients = loss.try_backward().map_err(DeviceError::new)?;
        let gradient = buffer(&mut gradients, &self.key, n).map_err(DeviceError::new)?;
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
        let gradient = buffer(gradients, &self.key, self.mlp.trained_len()).map_err(DeviceError::new)?;
        let most = optimizer.max_grad_norm;
        let factor = if grad_norm > most { most / (grad_norm + 1e-6) } else { 1.0 };
        self.steps = self.steps.saturating_add(1);
        let moments = [&mut self.first_moment, &mut self.second_moment].map(Vec::as_mut_slice);
        let parameters = Arc::make_mut(&mut self.parameters);
        optimizer.descend(self.mlp.isa(), self.steps, parameters, moments, gradient, factor);
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
        grad: &[f32],
        columns: Range<usize>,
    ) -> Result<&[f32], DeviceError> {
        let (mlp, mut gradient) = (self.mlp.clone(), std::mem::take(&mut self.input_gradient));
        let (parameters, scratch) = self.of(net);
        mlp.backward_to_input(parameters, batch, scratch, grad, columns, &mut gradient);
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
        self.noise[0].add(&self.parameters, to);
        to.truncate(self.mlp.flat_len());
    }

    fn update_target(&mut self, tau: f32) -> Result<(), DeviceError> {
        self.noise[1].parameters_changed();
        let target = &mut self.target;
        if tau >= 1.0 {
            target.copy_from_slice(&self.parameters);
        } else {
            move_towards(self.mlp.isa(), target, &self.parameters, tau);
        }
        Ok(())
    }

    fn parameters(&self) -> &[f32] {
        &self.parameters[..self.mlp.flat_len()]
    }

    fn state(&self) -> Result<TrainingState, DeviceError> {
        Ok(TrainingState {
            online: self.parameters.to_vec(),
            target: self.target.clone(),
            first_moment: self.first_moment.clone(),
            second_moment: self.second_moment.clone(),
            steps: self.steps,
        })
    }

    fn restore(&mut self, state: &TrainingState) -> Result<(), NnError> {
        state.check(&self.mlp)?;
        Arc::make_mut(&mut self.parameters).copy_from_slice(&state.online);
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

/// The gradient by the `n` parameters that `key` stands for.
fn buffer<'a>(
    gradients: &'a mut Gradients<f32, Cpu>,
    key: &Tensor<(usize,), f32, Cpu>,
    n: usize,
) -> Result<&'a mut [f32], CpuError> {
    let buffer = gradients.get_or_alloc_mut(key)?;
    if buffer.len() != n {
        // The key is empty, and so is what dfdx allocated for it.
        *buffer = key.device().try_alloc_len(n)?;
    }
    Ok(buffer)
}

fn lock(pool: &Mutex<Workspace>) -> std::sync::MutexGuard<'_, Workspace> {
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
