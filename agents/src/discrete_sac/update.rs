//! The update rule.

use cartwheel_envs::{ActionRows, Generator};

use super::DiscreteSacConfig;
use crate::algorithm::Acting;
use crate::critic::{Climb, Critic, ValueOf};
use crate::learner::{Batch, Learner, OffPolicy, Progress};
use crate::mask::masked;
use crate::nn::{Device, DeviceError, Mlp, Net, Network, NnError, Optimizer, TrainingState};
use crate::sac::Temperature;

/// A policy over discrete actions and its value functions, which learn.
pub struct DiscreteSac {
    config: DiscreteSacConfig,
    actor: Box<dyn Network>,
    critics: Vec<Box<dyn Network>>,
    temperature: Temperature,
    updates: u64,
    metrics: [(&'static str, f32); 6],
    /// Logarithms of the chances of each action, row after row.
    log_probs: Vec<f32>,
    /// The least value of each action, row after row.
    least: Vec<f32>,
    targets: Vec<f32>,
    /// Outputs of which those of actions that are not valid are marked.
    masked: Vec<f32>,
}

impl DiscreteSac {
    /// Fresh networks, initialized from `rng`.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(
        config: DiscreteSacConfig,
        acting: &Acting,
        device: Device,
        rng: &mut Generator,
    ) -> Result<Self, NnError> {
        let mut build = |mlp: &Mlp| device.build(mlp.clone(), &TrainingState::new(mlp.init(rng)));
        let (n_critics, values) = config.value_functions(acting);
        Ok(Self {
            actor: build(&acting.mlp)?,
            critics: (0..n_critics).map(|_| build(&values)).collect::<Result<_, _>>()?,
            // The entropy to be reached depends on which actions are valid, and is added to what each step is told.
            temperature: Temperature::new(config.ent_coef, 0.0),
            config,
            updates: 0,
            metrics: Default::default(),
            log_probs: Vec::new(),
            least: Vec::new(),
            targets: Vec::new(),
            masked: Vec::new(),
        })
    }

    /// y of each transition of the last batch.
    pub fn targets(&self) -> &[f32] {
        &self.targets
    }

    /// Works out the least value of each action of each row.
    fn value(&mut self, net: Net, x: &[f32], n: usize) -> Result<(), DeviceError> {
        let (stride, actions) = (self.actor.mlp().output_stride(), self.actor.mlp().outputs());
        self.least.clear();
        self.least.resize(n * actions, f32::INFINITY);
        for critic in &mut self.critics {
            let rows = critic.forward(net, x, n)?.chunks_exact(stride);
            for (least, row) in self.least.chunks_exact_mut(actions).zip(rows) {
                least.iter_mut().zip(row).for_each(|(least, value)| *least = least.min(*value));
            }
        }
        Ok(())
    }
}

/// Adds the logarithms of the chances that the rows of outputs stand for to `log_probs`.
fn log_softmax(outputs: &[f32], (stride, actions): (usize, usize), log_probs: &mut Vec<f32>) {
    for row in outputs.chunks_exact(stride) {
        let logits = &row[..actions];
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let log_sum = highest + logits.iter().map(|logit| (logit - highest).exp()).sum::<f32>().ln();
        log_probs.extend(logits.iter().map(|logit| logit - log_sum));
    }
}

/// The highest entropy that a policy over `actions` can have in states of which `masks` say what is valid, on average: that of one
/// that takes all valid actions alike.
fn highest_entropy(masks: &[bool], actions: usize) -> f64 {
    let all = (actions as f64).ln();
    let of_state = |valid: &[bool]| match valid.iter().filter(|valid| **valid).count() {
        // Where nothing is valid, everything counts as valid.
        0 => all,
        count => (count as f64).ln(),
    };
    let states = masks.len() / actions;
    if states == 0 { all } else { masks.chunks_exact(actions).map(of_state).sum::<f64>() / states as f64 }
}

/// Σₐ π(a) (Q(a) − α log π(a)) of a row.
fn soft_value(log_probs: &[f32], values: &[f32], alpha: f32) -> f32 {
    log_probs.iter().zip(values).map(|(log_prob, value)| log_prob.exp() * (value - alpha * log_prob)).sum()
}

impl OffPolicy for DiscreteSac {
    fn update(&mut self, batch: &Batch, now: Progress, _: &mut Generator) -> Result<(), DeviceError> {
        // A policy over a Discrete space has no actions of another kind.
        let ActionRows::Discrete(taken) = &batch.actions else { return Ok(()) };
        let (n, stride, actions) = (batch.len(), self.actor.mlp().output_stride(), self.actor.mlp().outputs());
        let learning_rate = self.config.learning_rate.at(now.remaining());
        let optimizer = Optimizer::adam(learning_rate);
        let (alpha, share) = (self.temperature.alpha(), 1.0 / n as f32);

        // y = return + discount · Σₐ π(a|s') (min Q'(s', a) − α log π(a|s')).
        let outputs = self.actor.forward(Net::Online, &batch.next_observations, n)?;
        self.log_probs.clear();
        let outputs = masked(&batch.next_masks, [actions, 1, stride], &outputs[..n * stride], &mut self.masked);
        log_softmax(outputs, (stride, actions), &mut self.log_probs);
        self.value(Net::Target, &batch.next_observations, n)?;
        let next = self.log_probs.chunks_exact(actions).zip(self.least.chunks_exact(actions));
        self.targets.clear();
        self.targets.extend(next.enumerate().map(|(i, (log_probs, values))| {
            batch.returns[i] + batch.discounts[i] * soft_value(log_probs, values, alpha)
        }));

        // Each Q(s, a) is regressed onto y.
        let count = self.critics.len() as f32;
        let (mut critic_loss, mut mean_q) = (0.0, 0.0);
        for critic in &mut self.critics {
            let mut loss = |q: &[f32], grad: &mut [f32]| {
                let mut sum = 0.0;
                for (i, (action, y)) in taken.iter().zip(&self.targets).enumerate() {
                    let at = i * stride + *action as usize;
                    let (error, weight) = (q[at] - y, share * batch.weights[i]);
                    sum += weight * error * error;
                    grad[at] = 2.0 * weight * error;
                    mean_q += share * q[at] / count;
                }
                sum
            };
            critic_loss += critic.step(&batch.observations, n, &optimizer, &mut loss)?.loss;
        }

        // The policy climbs Σₐ π(a|s) (min Q(s, a) − α log π(a|s)).
        self.value(Net::Online, &batch.observations, n)?;
        let (least, log_probs, buffer) = (&self.least, &mut self.log_probs, &mut self.masked);
        let mut loss = |outputs: &[f32], grad: &mut [f32]| {
            log_probs.clear();
            let outputs = masked(&batch.masks, [actions, 1, stride], &outputs[..n * stride], buffer);
            log_softmax(outputs, (stride, actions), log_probs);
            let mut sum = 0.0;
            let rows = log_probs.chunks_exact(actions).zip(least.chunks_exact(actions));
            for ((log_probs, values), grad) in rows.zip(grad.chunks_exact_mut(stride)) {
                let value = soft_value(log_probs, values, alpha);
                sum += value;
                for ((grad, log_prob), q) in grad.iter_mut().zip(log_probs).zip(values) {
                    // The entropy's own gradient has the sum of the chances' gradients as a factor, which is 0.
                    *grad = -share * log_prob.exp() * (q - alpha * log_prob - value);
                }
            }
            -share * sum
        };
        let actor = self.actor.step(&batch.observations, n, &optimizer, &mut loss)?;
        let mean_log_prob = share * self.log_probs.iter().map(|log_prob| log_prob.exp() * log_prob).sum::<f32>();
        let target = self.config.target_entropy_scale * highest_entropy(&batch.masks, actions);
        self.temperature.update(f64::from(mean_log_prob) + target, learning_rate);

        self.updates += 1;
        if self.updates.is_multiple_of(self.config.target_update_interval) {
            let tau = self.config.tau as f32;
            self.critics.iter_mut().try_for_each(|critic| critic.update_target(tau))?;
        }
        self.metrics = [
            ("train/actor_loss", actor.loss),
            ("train/critic_loss", critic_loss),
            ("train/mean_q", mean_q),
            ("train/grad_norm", actor.grad_norm),
            ("train/ent_coef", alpha),
            ("train/entropy", -mean_log_prob),
        ];
        Ok(())
    }
}

impl Learner for DiscreteSac {
    fn actor(&self) -> &dyn Network {
        &*self.actor
    }

    fn actor_mut(&mut self) -> &mut dyn Network {
        &mut *self.actor
    }

    fn value_networks(&self) -> &[Box<dyn Network>] {
        &self.critics
    }

    fn value_networks_mut(&mut self) -> &mut [Box<dyn Network>] {
        &mut self.critics
    }

    fn critic(&self) -> Option<Critic> {
        let networks: Vec<_> = self.critics.iter().map(|network| &**network).collect();
        Critic::copied(ValueOf::Actions, Climb::Least, &networks)
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

    fn numbers(&self) -> Vec<f64> {
        self.temperature.numbers().to_vec()
    }

    fn restore_numbers(&mut self, numbers: &[f64]) -> Result<(), NnError> {
        self.temperature.restore(numbers);
        Ok(())
    }
}
