//! The update rule.

use cartwheel_envs::{ActionRows, Generator};

use super::conservative::conservative;
use super::model::ReturnModel;
use super::{Loss, Rule};
use crate::learner::{Batch, Learner, OffPolicy, Progress};
use crate::mask::masked;
use crate::nn::{Device, DeviceError, Inputs, Method, Mlp, Net, Network, NnError, Optimizer, TrainingState};

/// A Q-network that learns.
pub struct Dqn {
    rule: Rule,
    network: Box<dyn Network>,
    /// What the noise of the trained network is made of now, and room for more; empty without noise.
    noise: Vec<f32>,
    other_noise: Vec<f32>,
    updates: u64,
    /// Environment steps at the last update.
    steps: u64,
    /// Where the targets are built: a value or a distribution for each transition.
    targets: Vec<f32>,
    greedy: Vec<usize>,
    /// Outputs of which those of actions that are not valid are marked.
    masked: Vec<f32>,
    /// Input rows with the fractions that are asked of behind them.
    asked: Vec<f32>,
    /// |y − Q(s, a)| of each transition of the last batch, or its loss if distributions are learnt.
    errors: Vec<f32>,
    metrics: Vec<(&'static str, f32)>,
}

impl Dqn {
    /// A fresh network by a [`Rule`], which a reference to a section of settings becomes, for `inputs` and `actions` values, initialized from `rng`.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(
        rule: impl Into<Rule>,
        inputs: impl Into<Inputs>,
        actions: usize,
        device: Device,
        rng: &mut Generator,
    ) -> Result<Self, NnError> {
        let rule = rule.into();
        let mut mlp = rule.network(inputs, actions);
        if let Some(std_init) = rule.noisy_std_init {
            mlp = mlp.noisy(std_init);
        }
        let state = TrainingState::new(mlp.with_fresh_noise(mlp.init(rng)));
        let (mut network, mut noise) = (device.build(mlp.clone(), &state)?, Vec::new());
        mlp.draw_noise(rng, &mut noise);
        network.set_noise(Net::Online, &noise)?;
        Ok(Self {
            network,
            rule,
            noise,
            other_noise: Vec::new(),
            updates: 0,
            steps: 0,
            targets: Vec::new(),
            greedy: Vec::new(),
            masked: Vec::new(),
            asked: Vec::new(),
            errors: Vec::new(),
            metrics: Vec::new(),
        })
    }

    /// y of each transition of the last batch: a value, the chance of each atom, or quantiles.
    pub fn targets(&self) -> &[f32] {
        &self.targets
    }

    /// The Q-network's shape.
    pub fn mlp(&self) -> &Mlp {
        self.network.mlp()
    }
}

/// `rows` with so many fractions behind them, drawn anew; the rows themselves where none are to be drawn.
fn asked<'a>(rows: &'a [f32], count: usize, rng: &mut Generator, to: &'a mut Vec<f32>) -> &'a [f32] {
    if count == 0 {
        return rows;
    }
    to.clear();
    to.extend_from_slice(rows);
    to.extend((0..count).map(|_| rng.random() as f32));
    to
}

impl OffPolicy for Dqn {
    fn update(&mut self, batch: &Batch, now: Progress, rng: &mut Generator) -> Result<(), DeviceError> {
        // A Q-network has no actions of another kind.
        let ActionRows::Discrete(taken) = &batch.actions else { return Ok(()) };
        let steps = now.steps;
        let (model, n) = (self.rule.model, batch.len());
        let (head, [to_choose, width]) = (model.head(), model.widths());
        let [chosen_stride, stride] = [to_choose, width].map(|width| self.network.mlp().output_stride_of(width));
        let actions = self.network.mlp().outputs() / head.atoms();
        let of = |i: usize, action: usize| i * stride + action * width..i * stride + (action + 1) * width;

        // Other noise for the trained network, with which it also acts from now on, and for its target.
        self.network.mlp().draw_noise(rng, &mut self.noise);
        self.network.mlp().draw_noise(rng, &mut self.other_noise);
        self.network.set_noise(Net::Online, &self.noise)?;
        self.network.set_noise(Net::Target, &self.other_noise)?;

        // y = return + discount · Q'(s', a*), with a* = argmax Q(s', ·) by the online network (Double) or by Q' itself.
        // Where distributions are learnt, Q is the mean and y the distribution of that sum. Fractions are drawn for each pass.
        let chooser = if self.rule.double_q { Net::Online } else { Net::Target };
        let x = asked(&batch.next_observations, n * model.draws(to_choose), rng, &mut self.asked);
        let said = self.network.forward(chooser, x, n)?;
        let q = masked(&batch.next_masks, [actions, to_choose, chosen_stride], said, &mut self.masked);
        self.greedy.clear();
        self.greedy.extend(q.chunks_exact(chosen_stride).map(|row| head.best(&row[..actions * to_choose])));
        // A target that chose has said what it values, unless it is asked for other fractions.
        let q = if self.rule.double_q || model.draws(width) > 0 {
            let x = asked(&batch.next_observations, n * model.draws(width), rng, &mut self.asked);
            self.network.forward(Net::Target, x, n)?
        } else {
            said
        };
        self.targets.resize(n * width, 0.0);
        // The share of the targets that the network cannot tell of.
        let mut beyond = 0.0;
        for (i, target) in self.targets.chunks_exact_mut(width).enumerate() {
            beyond += model.target(&q[of(i, self.greedy[i])], batch.returns[i], batch.discounts[i], target) / n as f32;
        }

        // Regress Q(s, a) onto y. How far apart they were is what prioritized replay wants to know.
        self.errors.clear();
        let (mut sum_q, mut sum_conservative) = (0.0, 0.0);
        let weight = self.rule.conservative_weight;
        let optimizer = Optimizer {
            method: Method::Adam,
            learning_rate: self.rule.learning_rate.at(now.remaining()),
            eps: self.rule.adam_eps,
            max_grad_norm: self.rule.max_grad_norm,
        };
        let x = asked(&batch.observations, n * model.draws(width), rng, &mut self.asked);
        let fractions = &x[batch.observations.len()..];
        let mut loss = |q: &[f32], grad: &mut [f32]| {
            let mut sum = 0.0;
            for (i, (&action, y)) in taken.iter().zip(self.targets.chunks_exact(width)).enumerate() {
                let at = of(i, action as usize);
                let grad = &mut grad[at.clone()];
                let drawn = model.draws(width);
                let (value, error) = model.loss(&q[at.clone()], y, &fractions[i * drawn..(i + 1) * drawn], grad);
                sum += batch.weights[i] * value;
                grad.iter_mut().for_each(|grad| *grad = batch.weights[i] * *grad / n as f32);
                sum_q += head.value(&q[at]);
                self.errors.push(error);
            }
            if weight > 0.0 {
                let rows = q.chunks_exact(stride).zip(grad.chunks_exact_mut(stride)).zip(taken);
                for (i, ((q, grad), &action)) in rows.enumerate() {
                    let valid = if batch.masks.is_empty() { &[] } else { &batch.masks[i * actions..(i + 1) * actions] };
                    sum_conservative += conservative(&q[..actions], valid, action as usize, weight / n as f32, grad);
                }
            }
            (sum + weight * sum_conservative) / n as f32
        };
        let step = self.network.step(x, n, &optimizer, &mut loss)?;

        self.updates += 1;
        let interval = self.rule.target_update_interval;
        if steps / interval != self.steps / interval {
            self.network.update_target(self.rule.tau)?;
        }
        self.steps = steps;
        let mean = |sum: f32| sum / n as f32;
        self.metrics.clear();
        self.metrics.extend([
            ("train/loss", step.loss),
            ("train/grad_norm", step.grad_norm),
            ("train/mean_q", mean(sum_q)),
            ("train/mean_td_error", mean(self.errors.iter().sum())),
        ]);
        if weight > 0.0 {
            self.metrics.push(("train/conservative_loss", mean(sum_conservative)));
        }
        if let ReturnModel::Distribution(_) = model {
            self.metrics.push(("train/out_of_support", beyond));
        }
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

    fn resume_at(&mut self, updates: u64, steps: u64) {
        (self.updates, self.steps) = (updates, steps);
    }

    fn numbers(&self) -> Vec<f64> {
        self.noise.iter().copied().map(f64::from).collect()
    }

    fn restore_numbers(&mut self, numbers: &[f64]) -> Result<(), NnError> {
        if numbers.len() != self.noise.len() {
            return Err(NnError::StateSize { expected: self.noise.len(), found: numbers.len() });
        }
        self.noise.iter_mut().zip(numbers).for_each(|(noise, number)| *noise = *number as f32);
        Ok(self.network.set_noise(Net::Online, &self.noise)?)
    }
}

impl Loss {
    /// The loss at TD error `error` and its derivative there.
    #[inline]
    pub(super) fn of(self, error: f32) -> (f32, f32) {
        match self {
            Loss::Huber if error.abs() < 1.0 => (0.5 * error * error, error),
            Loss::Huber => (error.abs() - 0.5, error.signum()),
            Loss::Mse => (error * error, 2.0 * error),
        }
    }
}
