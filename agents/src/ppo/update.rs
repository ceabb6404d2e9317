//! The update rule.

use cartwheel_envs::{ActionRows, Generator};

use super::PpoConfig;
use crate::advantage::{Values, gae};
use crate::algorithm::Acting;
use crate::head::ActionHead;
use crate::learner::{Learner, LearnerState, OnPolicy, Progress, RolloutBatch, restore_networks};
use crate::nn::{Device, DeviceError, Mlp, Net, Network, NnError, Optimizer, TrainingState};

/// A policy and a value function that learn.
pub struct Ppo {
    config: PpoConfig,
    head: ActionHead,
    actor: Box<dyn Network>,
    critic: Box<dyn Network>,
    updates: u64,
    metrics: Vec<(&'static str, f32)>,
    values: Values,
    advantages: Vec<f32>,
    returns: Vec<f32>,
    /// Rows of the rollout in the order of this pass.
    order: Vec<usize>,
    batch: Minibatch,
}

/// Rows of a rollout that one gradient step is about.
#[derive(Debug, Default)]
struct Minibatch {
    x: Vec<f32>,
    actions: ActionRows,
    log_probs: Vec<f32>,
    advantages: Vec<f32>,
    returns: Vec<f32>,
    values: Vec<f32>,
}

/// Sums over the gradient steps of an update.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    steps: f32,
    loss: f32,
    policy_loss: f32,
    value_loss: f32,
    entropy: f32,
    kl: f32,
    clipped: f32,
    grad_norm: f32,
}

impl Ppo {
    /// Fresh networks, initialized from `rng`.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(config: PpoConfig, acting: &Acting, device: Device, rng: &mut Generator) -> Result<Self, NnError> {
        let critic = Mlp::new(acting.mlp.inputs(), &config.net_arch, 1, config.activation_fn);
        let mut init = |mlp: &Mlp, gain| {
            if config.ortho_init { mlp.init_orthogonal(gain, rng) } else { mlp.init(rng) }
        };
        let (mut of_actor, of_critic) = (init(&acting.mlp, 0.01), init(&critic, 1.0));
        if let Some(log_std) = acting.mlp.biases("log_std") {
            of_actor[log_std].fill(config.log_std_init as f32);
        }
        Ok(Self {
            actor: device.build(acting.mlp.clone(), &TrainingState::new(of_actor))?,
            critic: device.build(critic, &TrainingState::new(of_critic))?,
            head: acting.actions.clone(),
            batch: Minibatch { actions: acting.actions.rows(0), ..Minibatch::default() },
            config,
            updates: 0,
            metrics: Vec::new(),
            values: Values::default(),
            advantages: Vec::new(),
            returns: Vec::new(),
            order: Vec::new(),
        })
    }

    /// The value of each state in a rollout, by the value function as it is.
    fn value(&mut self, rollout: &RolloutBatch) -> Result<(), DeviceError> {
        let (width, stride) = (self.critic.mlp().inputs(), self.critic.mlp().output_stride());
        for (x, to) in [
            (&rollout.observations, &mut self.values.rows),
            (&rollout.final_observations, &mut self.values.finals),
            (&rollout.last_observations, &mut self.values.last),
        ] {
            let n = x.len() / width;
            to.clear();
            to.extend(self.critic.forward(Net::Online, x, n)?.chunks_exact(stride).take(n).map(|row| row[0]));
        }
        Ok(())
    }

    /// A gradient step on the minibatch. False, and none is taken, once the policy has moved too far.
    fn step(&mut self, optimizer: &Optimizer, clip_range: f32, sums: &mut Sums) -> Result<bool, DeviceError> {
        let (config, head, batch) = (&self.config, &self.head, &self.batch);
        let (n, stride) = (batch.returns.len(), self.actor.mlp().output_stride());
        let share = 1.0 / n as f32;
        let (mut policy_loss, mut entropy, mut kl, mut clipped) = (0.0, 0.0, 0.0, 0.0);
        let ent_coef = config.ent_coef as f32;
        let mut loss = |outputs: &[f32], slope: &mut [f32]| {
            for (i, (outputs, slope)) in outputs.chunks_exact(stride).zip(slope.chunks_exact_mut(stride)).enumerate() {
                let (action, advantage) = (batch.actions.get(i), batch.advantages[i]);
                let log_ratio = head.log_prob(outputs, action) - batch.log_probs[i];
                let ratio = log_ratio.exp();
                let bounded = ratio.clamp(1.0 - clip_range, 1.0 + clip_range);
                // Where the bound holds the chance back, moving it further gains nothing.
                let held = bounded * advantage < ratio * advantage;
                policy_loss -= share * (ratio * advantage).min(bounded * advantage);
                kl += share * (ratio - 1.0 - log_ratio);
                clipped += share * f32::from(u8::from((ratio - 1.0).abs() > clip_range));
                let by_log_prob = if held { 0.0 } else { -share * ratio * advantage };
                entropy += share * head.add_slopes(outputs, action, by_log_prob, -ent_coef * share, slope);
            }
            policy_loss - ent_coef * entropy
        };
        let of_actor = self.actor.backward(&batch.x, n, &mut loss)?;
        let far = config.target_kl.is_some_and(|target| kl > 1.5 * target as f32);

        let (stride, vf_coef) = (self.critic.mlp().output_stride(), config.vf_coef as f32);
        let clip_vf = config.clip_range_vf.map(|clip| clip as f32);
        let mut value_loss = 0.0;
        let mut loss = |outputs: &[f32], slope: &mut [f32]| {
            for (i, goal) in batch.returns.iter().enumerate() {
                let (value, before) = (outputs[i * stride], batch.values[i]);
                let moved = value - before;
                let (value, free) = match clip_vf {
                    Some(clip) => (before + moved.clamp(-clip, clip), moved.abs() <= clip),
                    None => (value, true),
                };
                value_loss += share * (value - goal) * (value - goal);
                slope[i * stride] = if free { vf_coef * 2.0 * share * (value - goal) } else { 0.0 };
            }
            vf_coef * value_loss
        };
        let of_critic = self.critic.backward(&batch.x, n, &mut loss)?;
        let norm = of_actor.grad_norm.hypot(of_critic.grad_norm);
        sums.steps += 1.0;
        sums.loss += of_actor.loss + of_critic.loss;
        sums.policy_loss += policy_loss;
        sums.value_loss += value_loss;
        sums.entropy += entropy;
        sums.kl += kl;
        sums.clipped += clipped;
        sums.grad_norm += norm;
        if far || !(sums.loss.is_finite() && norm.is_finite()) {
            return Ok(false);
        }
        self.actor.descend(optimizer, norm)?;
        self.critic.descend(optimizer, norm)?;
        self.updates += 1;
        Ok(true)
    }

    /// The share of the returns' variance that the value function foresaw.
    fn explained_variance(&self) -> f32 {
        let variance = |values: &mut dyn Iterator<Item = f32>| {
            let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0);
            for x in values.map(f64::from) {
                (sum, squares, n) = (sum + x, squares + x * x, n + 1.0);
            }
            (squares / n - (sum / n) * (sum / n)).max(0.0)
        };
        let of_returns = variance(&mut self.returns.iter().copied());
        // Of returns that are all alike there is nothing to explain.
        if of_returns > 0.0 { (1.0 - variance(&mut self.advantages.iter().copied()) / of_returns) as f32 } else { 0.0 }
    }
}

impl Minibatch {
    fn fill(&mut self, rows: &[usize], width: usize, rollout: &RolloutBatch, ppo: (&[f32], &[f32], &[f32])) {
        let (advantages, returns, values) = ppo;
        self.x.clear();
        self.actions.resize(rows.len());
        for numbers in [&mut self.log_probs, &mut self.advantages, &mut self.returns, &mut self.values] {
            numbers.clear();
        }
        for (slot, &row) in rows.iter().enumerate() {
            self.x.extend_from_slice(&rollout.observations[row * width..(row + 1) * width]);
            self.actions.set(slot, rollout.actions.get(row));
            self.log_probs.push(rollout.log_probs[row]);
            self.advantages.push(advantages[row]);
            self.returns.push(returns[row]);
            self.values.push(values[row]);
        }
    }

    /// Brings the advantages to mean 0 and standard deviation 1, if there is more than one.
    fn normalize(&mut self) {
        let n = self.advantages.len() as f32;
        if n > 1.0 {
            let mean = self.advantages.iter().sum::<f32>() / n;
            let variance = self.advantages.iter().map(|a| (a - mean) * (a - mean)).sum::<f32>() / (n - 1.0);
            let scale = 1.0 / (variance.sqrt() + 1e-8);
            self.advantages.iter_mut().for_each(|a| *a = (*a - mean) * scale);
        }
    }
}

impl OnPolicy for Ppo {
    fn update(&mut self, rollout: &RolloutBatch, now: Progress, rng: &mut Generator) -> Result<(), DeviceError> {
        let (remaining, width) = (now.remaining(), self.actor.mlp().inputs());
        let clip_range = self.config.clip_range.at(remaining) as f32;
        let optimizer = Optimizer {
            learning_rate: self.config.learning_rate.at(remaining),
            eps: self.config.adam_eps,
            max_grad_norm: self.config.clip(),
        };
        self.value(rollout)?;
        let (gamma, lambda) = (self.config.gamma as f32, self.config.gae_lambda as f32);
        gae(rollout, &self.values, gamma, lambda, &mut self.advantages, &mut self.returns);

        let mut sums = Sums::default();
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(0..rollout.len());
        'passes: for _ in 0..self.config.n_epochs {
            shuffle(&mut order, rng);
            for rows in order.chunks(self.config.batch_size) {
                self.batch.fill(rows, width, rollout, (&self.advantages, &self.returns, &self.values.rows));
                if self.config.normalize_advantage {
                    self.batch.normalize();
                }
                if !self.step(&optimizer, clip_range, &mut sums)? {
                    break 'passes;
                }
            }
        }
        self.order = order;
        let mean = |sum: f32| sum / sums.steps.max(1.0);
        self.metrics.clear();
        self.metrics.extend([
            ("train/loss", mean(sums.loss)),
            ("train/policy_gradient_loss", mean(sums.policy_loss)),
            ("train/value_loss", mean(sums.value_loss)),
            ("train/entropy_loss", -mean(sums.entropy)),
            ("train/approx_kl", mean(sums.kl)),
            ("train/clip_fraction", mean(sums.clipped)),
            ("train/grad_norm", mean(sums.grad_norm)),
            ("train/explained_variance", self.explained_variance()),
            ("train/learning_rate", optimizer.learning_rate as f32),
            ("train/clip_range", clip_range),
        ]);
        if let Some(log_std) = self.actor.mlp().biases("log_std") {
            let log_std = &self.actor.parameters()[log_std];
            let std = log_std.iter().map(|x| x.exp()).sum::<f32>() / log_std.len() as f32;
            self.metrics.push(("train/std", std));
        }
        Ok(())
    }
}

/// Fisher and Yates' shuffle.
fn shuffle(order: &mut [usize], rng: &mut Generator) {
    for i in (1..order.len()).rev() {
        order.swap(i, rng.below(i as u64 + 1) as usize);
    }
}

impl Learner for Ppo {
    fn actor(&self) -> &dyn Network {
        &*self.actor
    }

    fn actor_mut(&mut self) -> &mut dyn Network {
        &mut *self.actor
    }

    fn metrics(&self) -> &[(&'static str, f32)] {
        &self.metrics
    }

    fn updates(&self) -> u64 {
        self.updates
    }

    fn state(&self) -> Result<LearnerState, DeviceError> {
        Ok(LearnerState { networks: vec![self.actor.state()?, self.critic.state()?], numbers: Vec::new() })
    }

    fn restore(&mut self, state: &LearnerState, updates: u64, _: u64) -> Result<(), NnError> {
        restore_networks(&mut [&mut self.actor, &mut self.critic], state)?;
        self.updates = updates;
        Ok(())
    }
}
