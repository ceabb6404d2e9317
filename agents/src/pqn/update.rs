//! The update rule.

use cartwheel_envs::{ActionRows, Generator};

use super::PqnConfig;
use crate::actor_critic::shuffle;
use crate::advantage::{Values, gae};
use crate::algorithm::Acting;
use crate::learner::{Brake, Learner, OnPolicy, Progress, RolloutBatch, Stop};
use crate::mask::masked;
use crate::nn::{Device, DeviceError, Method, Net, Network, NnError, Optimizer, StepStats, TrainingState, clip};

/// A Q-network that learns by PQN.
pub struct Pqn {
    config: PqnConfig,
    network: Box<dyn Network>,
    updates: u64,
    metrics: Vec<(&'static str, f32)>,
    /// max Q of the states of a rollout.
    values: Values,
    /// R − max Q of each row, and R.
    advantages: Vec<f32>,
    targets: Vec<f32>,
    /// Rows of the rollout in the order of this pass.
    order: Vec<usize>,
    /// Observations of a minibatch.
    x: Vec<f32>,
    /// Outputs of which those of actions that are not valid are marked.
    masked: Vec<f32>,
    brake: Brake,
}

impl Pqn {
    /// A fresh network, initialized from `rng`: orthogonal weights, scaled by √2, and biases of 0.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(config: PqnConfig, acting: &Acting, device: Device, rng: &mut Generator) -> Result<Self, NnError> {
        let state = TrainingState::new(acting.mlp.init_orthogonal(std::f64::consts::SQRT_2, rng));
        Ok(Self {
            network: device.build(acting.mlp.clone(), &state)?,
            config,
            updates: 0,
            metrics: Vec::new(),
            values: Values::default(),
            advantages: Vec::new(),
            targets: Vec::new(),
            order: Vec::new(),
            x: Vec::new(),
            masked: Vec::new(),
            brake: Brake::default(),
        })
    }

    /// R of each row of the last rollout.
    pub fn targets(&self) -> &[f32] {
        &self.targets
    }

    /// Works out the λ-returns of a rollout.
    ///
    /// They are what generalized advantages and the values that these are over come to together, where max Q is the value:
    /// δ + V + γλ(R' − V') = r + γ((1 − λ)V' + λR').
    fn judge(&mut self, rollout: &RolloutBatch) -> Result<(), DeviceError> {
        let mlp = self.network.mlp();
        let (width, stride, actions) = (mlp.inputs(), mlp.output_stride(), mlp.outputs());
        for (x, valid, to) in [
            (&rollout.observations, &rollout.masks, &mut self.values.rows),
            (&rollout.final_observations, &rollout.final_masks, &mut self.values.finals),
            (&rollout.last_observations, &rollout.last_masks, &mut self.values.last),
        ] {
            let n = x.len() / width;
            let q = self.network.forward(Net::Online, x, n)?;
            let q = masked(valid, [actions, 1, stride], q, &mut self.masked);
            to.clear();
            to.extend(
                q.chunks_exact(stride)
                    .take(n)
                    .map(|row| row[..actions].iter().copied().fold(f32::NEG_INFINITY, f32::max)),
            );
        }
        let (gamma, lambda) = (self.config.gamma as f32, self.config.q_lambda as f32);
        gae(rollout, &self.values, gamma, lambda, &mut self.advantages, &mut self.targets);
        Ok(())
    }

    /// A step of Q(s, a) towards R on these rows; answers what it was like and the sum of Q(s, a).
    fn step(
        &mut self,
        rows: &[usize],
        (rollout, taken): (&RolloutBatch, &[i32]),
        optimizer: &Optimizer,
    ) -> Result<(StepStats, f32), DeviceError> {
        let (width, stride) = (self.network.mlp().inputs(), self.network.mlp().output_stride());
        self.x.clear();
        rows.iter().for_each(|row| self.x.extend_from_slice(&rollout.observations[row * width..(row + 1) * width]));
        let (share, mut sum_q) = (1.0 / rows.len() as f32, 0.0);
        let mut loss = |q: &[f32], grad: &mut [f32]| {
            let mut sum = 0.0;
            for (i, row) in rows.iter().enumerate() {
                let at = i * stride + taken[*row] as usize;
                let error = q[at] - self.targets[*row];
                sum += share * error * error;
                grad[at] = 2.0 * share * error;
                sum_q += q[at];
            }
            sum
        };
        let stats = self.network.step(&self.x, rows.len(), optimizer, &mut loss)?;
        Ok((stats, sum_q))
    }
}

impl OnPolicy for Pqn {
    fn update(&mut self, rollout: &RolloutBatch, now: Progress, rng: &mut Generator) -> Result<(), DeviceError> {
        // A Q-network has no actions of another kind.
        let ActionRows::Discrete(taken) = &rollout.actions else { return Ok(()) };
        let optimizer = Optimizer {
            method: Method::RAdam,
            max_grad_norm: clip(self.config.max_grad_norm),
            ..Optimizer::adam(self.config.learning_rate.at(now.remaining()))
        };
        self.judge(rollout)?;
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(0..rollout.len());
        let (mut steps, mut rows_seen, mut loss, mut norm, mut sum_q) = (0.0, 0.0, 0.0, 0.0, 0.0);
        self.brake.pulled = false;
        'passes: for _ in 0..self.config.n_epochs {
            shuffle(&mut order, rng);
            for rows in order.chunks(self.config.batch_size) {
                if self.brake.ends_here() {
                    break 'passes;
                }
                let (stats, q) = self.step(rows, (rollout, taken), &optimizer)?;
                self.updates += 1;
                (steps, rows_seen) = (steps + 1.0, rows_seen + rows.len() as f32);
                (loss, norm, sum_q) = (loss + stats.loss, norm + stats.grad_norm, sum_q + q);
            }
        }
        self.order = order;
        self.metrics.clear();
        self.metrics.extend([
            ("train/loss", loss / steps),
            ("train/grad_norm", norm / steps),
            ("train/mean_q", sum_q / rows_seen),
            ("train/learning_rate", optimizer.learning_rate as f32),
        ]);
        Ok(())
    }

    fn stop_when(&mut self, stop: Option<Stop>) {
        self.brake.stop = stop;
    }

    fn was_stopped(&self) -> bool {
        self.brake.pulled
    }
}

impl Learner for Pqn {
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

    fn resume_at(&mut self, updates: u64, _: u64) {
        self.updates = updates;
    }
}
