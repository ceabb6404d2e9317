//! The update rule.

use cartwheel_envs::Generator;

use super::{DqnConfig, Loss};
use crate::nn::{Device, DeviceError, Mlp, Net, NnError, Optimizer, TrainingState, ValueNetwork};
use crate::policy::argmax;

/// Transitions drawn from replay, one a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// What the network sees of s: `[batch, features]`.
    pub observations: Vec<f32>,
    /// The action taken in s, counted from 0.
    pub actions: Vec<i32>,
    /// The n-step return from s, discounted and scaled: Σₖ γᵏ rₖ.
    pub returns: Vec<f32>,
    /// What the network sees of s', the observation n steps on (or fewer, where the episode ended).
    pub next_observations: Vec<f32>,
    /// What Q(s', ·) is multiplied by: γ to the number of steps used, 0 if s' is terminal. A truncated
    /// episode's s' is not terminal: it bootstraps.
    pub discounts: Vec<f32>,
    /// How much each counts in the loss: 1, or less for one that prioritized replay draws too often.
    pub weights: Vec<f32>,
    /// Where replay keeps each.
    pub rows: Vec<usize>,
}

impl Batch {
    /// Transitions in it.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Makes room for `n` transitions of `features` numbers; allocates only when it grows.
    pub fn resize(&mut self, n: usize, features: usize) {
        self.observations.resize(n * features, 0.0);
        self.next_observations.resize(n * features, 0.0);
        self.actions.resize(n, 0);
        self.returns.resize(n, 0.0);
        self.discounts.resize(n, 0.0);
        self.weights.resize(n, 1.0);
        self.rows.resize(n, 0);
    }
}

/// What an update reports, for metrics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdateStats {
    /// Mean loss over the batch, each transition with its weight.
    pub loss: f32,
    /// Norm of the gradient before clipping.
    pub grad_norm: f32,
    /// Mean of Q(s, a) over the batch.
    pub mean_q: f32,
    /// Mean of |y − Q(s, a)| over the batch.
    pub mean_td_error: f32,
}

/// A Q-network that learns.
pub struct Dqn {
    config: DqnConfig,
    network: Box<dyn ValueNetwork>,
    updates: u64,
    /// Environment steps at the last update.
    steps: u64,
    /// Where the target values are built.
    targets: Vec<f32>,
    greedy: Vec<usize>,
    /// |y − Q(s, a)| of each transition of the last batch.
    errors: Vec<f32>,
}

impl Dqn {
    /// A fresh network for `features` inputs and `actions` values, initialized from `rng`.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(
        config: DqnConfig,
        features: usize,
        actions: usize,
        device: Device,
        rng: &mut Generator,
    ) -> Result<Self, NnError> {
        let mlp = Self::network(&config, features, actions);
        let state = TrainingState::new(mlp.init(rng));
        Ok(Self {
            network: device.build(mlp, &state)?,
            config,
            updates: 0,
            steps: 0,
            targets: Vec::new(),
            greedy: Vec::new(),
            errors: Vec::new(),
        })
    }

    /// The shape of the Q-network that `config` asks for.
    pub fn network(config: &DqnConfig, features: usize, actions: usize) -> Mlp {
        let new = if config.dueling { Mlp::dueling } else { Mlp::new };
        new(features, &config.net_arch, actions, config.activation_fn)
    }

    /// One gradient step on `batch`, and the target network's step when it is due. `steps` is how many
    /// environment steps are done: an update of many gradient steps spreads its environment steps over them.
    ///
    /// # Errors
    /// If the device fails.
    pub fn update(&mut self, batch: &Batch, steps: u64) -> Result<UpdateStats, DeviceError> {
        let (n, stride, actions) = (batch.len(), self.network.mlp().output_stride(), self.network.mlp().outputs());

        // y = return + discount · Q'(s', a*), with a* = argmax Q(s', ·) by the online network (Double) or by Q' itself.
        let chooser = if self.config.double_q { Net::Online } else { Net::Target };
        let q = self.network.forward(chooser, &batch.next_observations, n)?;
        self.greedy.clear();
        self.greedy.extend(q.chunks_exact(stride).map(|row| argmax(&row[..actions])));
        let q = self.network.forward(Net::Target, &batch.next_observations, n)?;
        self.targets.clear();
        self.targets.extend((0..n).map(|i| batch.returns[i] + batch.discounts[i] * q[i * stride + self.greedy[i]]));

        // Regress Q(s, a) onto y. |y − Q(s, a)| is what prioritized replay wants to know.
        self.errors.clear();
        let mut sum_q = 0.0;
        let optimizer = Optimizer {
            learning_rate: self.config.learning_rate,
            eps: self.config.adam_eps,
            max_grad_norm: self.config.clip(),
        };
        let mut loss = |q: &[f32], slope: &mut [f32]| {
            let mut sum = 0.0;
            for (i, (&action, y)) in batch.actions.iter().zip(&self.targets).enumerate() {
                let at = i * stride + action as usize;
                let error = q[at] - y;
                let (value, derivative) = self.config.loss.of(error);
                sum += batch.weights[i] * value;
                slope[at] = batch.weights[i] * derivative / n as f32;
                sum_q += q[at];
                self.errors.push(error.abs());
            }
            sum / n as f32
        };
        let step = self.network.step(&batch.observations, n, &optimizer, &mut loss)?;

        self.updates += 1;
        let interval = self.config.target_update_interval;
        if steps / interval != self.steps / interval {
            self.network.update_target(self.config.tau as f32)?;
        }
        self.steps = steps;
        let mean = |sum: f32| sum / n as f32;
        Ok(UpdateStats {
            loss: step.loss,
            grad_norm: step.grad_norm,
            mean_q: mean(sum_q),
            mean_td_error: mean(self.errors.iter().sum()),
        })
    }

    /// Has the next update leave its gradient's norms.
    pub fn measure_gradient(&mut self) {
        self.network.measure_gradient();
    }

    /// See [`ValueNetwork::gradient_norms`].
    pub fn gradient_norms(&self) -> &[f32] {
        self.network.gradient_norms()
    }

    /// y of each transition of the last batch.
    pub fn targets(&self) -> &[f32] {
        &self.targets
    }

    /// |y − Q(s, a)| of each transition of the last batch, before its update.
    pub fn td_errors(&self) -> &[f32] {
        &self.errors
    }

    /// Gradient steps taken.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The Q-network's shape.
    pub fn mlp(&self) -> &Mlp {
        self.network.mlp()
    }

    /// The Q-network's parameters, flat.
    pub fn parameters(&self) -> &[f32] {
        self.network.parameters()
    }

    /// What a checkpoint keeps.
    ///
    /// # Errors
    /// If the device fails.
    pub fn state(&self) -> Result<TrainingState, DeviceError> {
        self.network.state()
    }

    /// Goes on from `state` after `updates` gradient steps, the last of them at `steps` environment steps.
    ///
    /// # Errors
    /// If the state is of another network.
    pub fn restore(&mut self, state: &TrainingState, updates: u64, steps: u64) -> Result<(), NnError> {
        self.network.restore(state)?;
        (self.updates, self.steps) = (updates, steps);
        Ok(())
    }
}

impl Loss {
    /// The loss at TD error `error` and its derivative there.
    #[inline]
    fn of(self, error: f32) -> (f32, f32) {
        match self {
            Loss::Huber if error.abs() < 1.0 => (0.5 * error * error, error),
            Loss::Huber => (error.abs() - 0.5, error.signum()),
            Loss::Mse => (error * error, 2.0 * error),
        }
    }
}
