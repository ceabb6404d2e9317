//! The update rule.

use cartwheel_envs::{ActionRows, Generator};

use super::{DqnConfig, Loss};
use crate::learner::{Batch, Learner, LearnerState, OffPolicy, Progress, restore_networks};
use crate::nn::{Device, DeviceError, Method, Mlp, Net, Network, NnError, Optimizer, TrainingState};
use crate::policy::argmax;

/// A Q-network that learns.
pub struct Dqn {
    config: DqnConfig,
    network: Box<dyn Network>,
    updates: u64,
    /// Environment steps at the last update.
    steps: u64,
    /// Where the target values are built.
    targets: Vec<f32>,
    greedy: Vec<usize>,
    /// |y − Q(s, a)| of each transition of the last batch.
    errors: Vec<f32>,
    metrics: [(&'static str, f32); 4],
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
            metrics: Default::default(),
        })
    }

    /// The shape of the Q-network that `config` asks for.
    pub fn network(config: &DqnConfig, features: usize, actions: usize) -> Mlp {
        let new = if config.dueling { Mlp::dueling } else { Mlp::new };
        new(features, &config.net_arch, actions, config.activation_fn)
    }

    /// y of each transition of the last batch.
    pub fn targets(&self) -> &[f32] {
        &self.targets
    }

    /// The Q-network's shape.
    pub fn mlp(&self) -> &Mlp {
        self.network.mlp()
    }
}

impl OffPolicy for Dqn {
    fn update(&mut self, batch: &Batch, now: Progress, _: &mut Generator) -> Result<(), DeviceError> {
        // A Q-network has no actions of another kind.
        let ActionRows::Discrete(taken) = &batch.actions else { return Ok(()) };
        let steps = now.steps;
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
            method: Method::Adam,
            learning_rate: self.config.learning_rate,
            eps: self.config.adam_eps,
            max_grad_norm: self.config.clip(),
        };
        let mut loss = |q: &[f32], slope: &mut [f32]| {
            let mut sum = 0.0;
            for (i, (&action, y)) in taken.iter().zip(&self.targets).enumerate() {
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
        self.metrics = [
            ("train/loss", step.loss),
            ("train/grad_norm", step.grad_norm),
            ("train/mean_q", mean(sum_q)),
            ("train/mean_td_error", mean(self.errors.iter().sum())),
        ];
        Ok(())
    }

    fn td_errors(&self) -> &[f32] {
        &self.errors
    }
}

impl Learner for Dqn {
    fn actor(&self) -> &dyn Network {
        &*self.network
    }

    fn actor_mut(&mut self) -> &mut dyn Network {
        &mut *self.network
    }

    fn metrics(&self) -> &[(&'static str, f32)] {
        &self.metrics
    }

    fn updates(&self) -> u64 {
        self.updates
    }

    fn state(&self) -> Result<LearnerState, DeviceError> {
        Ok(LearnerState { networks: vec![self.network.state()?], numbers: Vec::new() })
    }

    fn restore(&mut self, state: &LearnerState, updates: u64, steps: u64) -> Result<(), NnError> {
        restore_networks(&mut [&mut self.network], state)?;
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
