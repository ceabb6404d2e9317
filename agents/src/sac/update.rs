//! The update rule.

use cartwheel_envs::{ActionRows, Generator};
use rand_distr::{Distribution as _, StandardNormal};

use super::temperature::Temperature;
use super::{EntCoef, SacConfig};
use crate::algorithm::Acting;
use crate::critic::Critic;
use crate::critics::{Climb, Critics, Regression, Shape};
use crate::head::{HALF_LN_TAU, clamp_log_std};
use crate::learner::{Batch, Learner, LearnerState, OffPolicy, Progress, restore_networks};
use crate::nn::{Device, DeviceError, Method, Net, Network, NnError, Optimizer, TrainingState};
use crate::schedule::Schedule;

/// Added within logarithms, as in Stable-Baselines3.
const EPSILON: f32 = 1e-6;

/// A squashed Gaussian policy and its value functions, which learn by SAC.
pub type Sac = Soft<LeastCritics>;

/// The value functions that a soft policy learns beside it.
pub(crate) trait SoftCritics {
    /// A gradient step of each on `batch`, in which `taken` was done and the policy would do `next_actions` after it, where
    /// being as random as that is worth `bonuses`.
    fn learn(
        &mut self,
        batch: &Batch,
        taken: &[f32],
        next_actions: &[f32],
        bonuses: &[f32],
        optimizer: &Optimizer,
    ) -> Result<Regression, DeviceError>;

    /// The slope of what the policy climbs by each row's action, `[n, dimensions]`, and its mean.
    fn climb(&mut self, observations: &[f32], actions: &[f32]) -> Result<(&[f32], f32), DeviceError>;

    /// The networks with their targets, for checkpoints and to move the targets.
    fn critics(&self) -> &Critics;

    /// See [`critics`](Self::critics).
    fn critics_mut(&mut self) -> &mut Critics;

    /// What a gradient step minimizes, of the loss that a [`Regression`] reports.
    const LOSS_SCALE: f32;
}

/// What SAC and those after it have in common in their settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoftRule {
    pub(crate) learning_rate: Schedule,
    pub(crate) tau: f32,
    pub(crate) target_update_interval: u64,
    pub(crate) ent_coef: EntCoef,
    pub(crate) target_entropy: Option<f64>,
}

/// A squashed Gaussian policy that stays as random as it can, and its value functions, which learn.
#[allow(private_bounds, reason = "algorithms are named by type aliases")]
pub struct Soft<C: SoftCritics> {
    rule: SoftRule,
    actor: Box<dyn Network>,
    critics: C,
    temperature: Temperature,
    /// Numbers of an action.
    dimensions: usize,
    updates: u64,
    metrics: [(&'static str, f32); 6],
    noise: Vec<f32>,
    drawn: Drawn,
    bonuses: Vec<f32>,
}

/// Value functions of which the least counts.
pub struct LeastCritics {
    critics: Critics,
    targets: Vec<f32>,
}

impl SoftCritics for LeastCritics {
    const LOSS_SCALE: f32 = 0.5;

    fn learn(
        &mut self,
        batch: &Batch,
        taken: &[f32],
        next_actions: &[f32],
        bonuses: &[f32],
        optimizer: &Optimizer,
    ) -> Result<Regression, DeviceError> {
        // y = return + discount · (min Q'(s', a') − α log π(a'|s')).
        let next = self.critics.least(Net::Target, &batch.next_observations, next_actions)?;
        let values = next.iter().zip(bonuses).map(|(next, bonus)| next + bonus);
        self.targets.clear();
        self.targets.extend(
            values.zip(batch.returns.iter().zip(&batch.discounts)).map(|(next, (ret, discount))| ret + discount * next),
        );
        let now = (batch.observations.as_slice(), taken);
        self.critics.regress(now, &self.targets, &batch.weights, Self::LOSS_SCALE, optimizer)
    }

    fn climb(&mut self, observations: &[f32], actions: &[f32]) -> Result<(&[f32], f32), DeviceError> {
        self.critics.by_action(observations, actions, Climb::Least)
    }

    fn critics(&self) -> &Critics {
        &self.critics
    }

    fn critics_mut(&mut self) -> &mut Critics {
        &mut self.critics
    }
}

/// Actions drawn from a policy.
#[derive(Debug, Default)]
struct Drawn {
    /// `[n, dimensions]`, between -1 and 1.
    actions: Vec<f32>,
    log_probs: Vec<f32>,
}

impl Drawn {
    /// The actions that this noise leads to, from rows of means and logarithms of standard deviations.
    fn draw(&mut self, outputs: &[f32], stride: usize, noise: &[f32], dimensions: usize) {
        self.actions.clear();
        self.log_probs.clear();
        for (outputs, noise) in outputs.chunks_exact(stride).zip(noise.chunks_exact(dimensions)) {
            let mut log_prob = 0.0;
            for (d, noise) in noise.iter().enumerate() {
                let log_std = clamp_log_std(outputs[dimensions + d]);
                let action = (outputs[d] + log_std.exp() * noise).tanh();
                log_prob -= 0.5 * noise * noise + log_std + HALF_LN_TAU + (1.0 - action * action + EPSILON).ln();
                self.actions.push(action);
            }
            self.log_probs.push(log_prob);
        }
    }
}

impl Sac {
    /// Fresh networks, initialized from `rng`.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(config: SacConfig, acting: &Acting, device: Device, rng: &mut Generator) -> Result<Self, NnError> {
        let (inputs, dimensions) = (acting.mlp.reads(), acting.mlp.outputs() / 2);
        let rule = SoftRule {
            learning_rate: config.learning_rate,
            tau: config.tau as f32,
            target_update_interval: config.target_update_interval,
            ent_coef: config.ent_coef,
            target_entropy: config.target_entropy,
        };
        Self::with(rule, acting, device, rng, |rng| {
            let shape =
                Shape { inputs, dimensions, net_arch: &config.net_arch, outputs: 1, activation: config.activation_fn };
            Ok(LeastCritics { critics: Critics::new(config.n_critics, shape, device, rng)?, targets: Vec::new() })
        })
    }

    /// y of each transition of the last batch.
    pub fn targets(&self) -> &[f32] {
        &self.critics.targets
    }
}

#[allow(private_bounds, reason = "algorithms are named by type aliases")]
impl<C: SoftCritics> Soft<C> {
    /// A fresh policy, and value functions from `critics`, all initialized from `rng`.
    pub(crate) fn with(
        rule: SoftRule,
        acting: &Acting,
        device: Device,
        rng: &mut Generator,
        critics: impl FnOnce(&mut Generator) -> Result<C, NnError>,
    ) -> Result<Self, NnError> {
        let state = TrainingState::new(acting.mlp.init(rng));
        let dimensions = acting.mlp.outputs() / 2;
        Ok(Self {
            actor: device.build(acting.mlp.clone(), &state)?,
            critics: critics(rng)?,
            temperature: Temperature::new(rule.ent_coef, rule.target_entropy.unwrap_or(-(dimensions as f64))),
            rule,
            dimensions,
            updates: 0,
            metrics: Default::default(),
            noise: Vec::new(),
            drawn: Drawn::default(),
            bonuses: Vec::new(),
        })
    }

    /// The value functions.
    pub(crate) fn value_functions(&self) -> &C {
        &self.critics
    }

    fn draw_noise(&mut self, n: usize, rng: &mut Generator) {
        self.noise.clear();
        self.noise.extend((0..n * self.dimensions).map(|_| -> f32 { StandardNormal.sample(rng) }));
    }
}

impl<C: SoftCritics> OffPolicy for Soft<C> {
    fn update(&mut self, batch: &Batch, now: Progress, rng: &mut Generator) -> Result<(), DeviceError> {
        // A policy over a Box has no actions of another kind.
        let ActionRows::Continuous { values: taken, .. } = &batch.actions else { return Ok(()) };
        let (n, stride, dimensions) = (batch.len(), self.actor.mlp().output_stride(), self.dimensions);
        let learning_rate = self.rule.learning_rate.at(now.remaining());
        let optimizer = Optimizer { method: Method::Adam, learning_rate, eps: 1e-8, max_grad_norm: f32::INFINITY };
        let alpha = self.temperature.alpha();

        self.draw_noise(n, rng);
        let outputs = self.actor.forward(Net::Online, &batch.next_observations, n)?;
        self.drawn.draw(&outputs[..n * stride], stride, &self.noise, dimensions);
        self.bonuses.clear();
        self.bonuses.extend(self.drawn.log_probs.iter().map(|log_prob| -alpha * log_prob));
        let regression = self.critics.learn(batch, taken, &self.drawn.actions, &self.bonuses, &optimizer)?;

        // The policy climbs Q(s, a) − α log π(a|s), through the noise that a was drawn with.
        self.draw_noise(n, rng);
        let (noise, drawn, critics, share) = (&self.noise, &mut self.drawn, &mut self.critics, 1.0 / n as f32);
        let mut failed = None;
        let mut loss = |outputs: &[f32], slope: &mut [f32]| {
            drawn.draw(&outputs[..n * stride], stride, noise, dimensions);
            let (by_action, mean_q) = match critics.climb(&batch.observations, &drawn.actions) {
                Ok(climbed) => climbed,
                Err(error) => {
                    failed = Some(error);
                    return f32::NAN;
                }
            };
            for (i, (outputs, slope)) in
                outputs.chunks_exact(stride).zip(slope.chunks_exact_mut(stride)).take(n).enumerate()
            {
                for d in 0..dimensions {
                    let (at, raw) = (i * dimensions + d, outputs[dimensions + d]);
                    let (action, log_std) = (drawn.actions[at], clamp_log_std(raw));
                    let squash = 1.0 - action * action;
                    let by_sum = share * (alpha * 2.0 * action * squash / (squash + EPSILON) - by_action[at] * squash);
                    slope[d] = by_sum;
                    // Beyond the bounds of log_std nothing moves it.
                    if raw == log_std {
                        slope[dimensions + d] = by_sum * log_std.exp() * noise[at] - share * alpha;
                    }
                }
            }
            alpha * share * drawn.log_probs.iter().sum::<f32>() - mean_q
        };
        let actor = self.actor.step(&batch.observations, n, &optimizer, &mut loss)?;
        if let Some(error) = failed {
            return Err(error);
        }
        let mean_log_prob = self.drawn.log_probs.iter().sum::<f32>() / n as f32;
        self.temperature.update(mean_log_prob.into(), learning_rate);

        self.updates += 1;
        if self.updates.is_multiple_of(self.rule.target_update_interval) {
            self.critics.critics_mut().update_targets(self.rule.tau)?;
        }
        self.metrics = [
            ("train/actor_loss", actor.loss),
            ("train/critic_loss", C::LOSS_SCALE * regression.loss),
            ("train/mean_q", regression.mean_q),
            ("train/grad_norm", actor.grad_norm),
            ("train/ent_coef", alpha),
            ("train/entropy", -mean_log_prob),
        ];
        Ok(())
    }

    fn td_errors(&self) -> &[f32] {
        self.critics.critics().errors()
    }
}

impl<C: SoftCritics> Learner for Soft<C> {
    fn actor(&self) -> &dyn Network {
        &*self.actor
    }

    fn actor_mut(&mut self) -> &mut dyn Network {
        &mut *self.actor
    }

    fn critic(&self) -> Option<Critic> {
        self.critics.critics().copied()
    }

    fn metrics(&self) -> &[(&'static str, f32)] {
        &self.metrics
    }

    fn updates(&self) -> u64 {
        self.updates
    }

    fn state(&self) -> Result<LearnerState, DeviceError> {
        let networks = std::iter::once(&self.actor).chain(self.critics.critics().networks());
        Ok(LearnerState {
            networks: networks.map(|network| network.state()).collect::<Result<_, _>>()?,
            numbers: self.temperature.numbers().to_vec(),
        })
    }

    fn restore(&mut self, state: &LearnerState, updates: u64, _: u64) -> Result<(), NnError> {
        let mut networks: Vec<_> =
            std::iter::once(&mut self.actor).chain(self.critics.critics_mut().networks_mut()).collect();
        restore_networks(&mut networks, state)?;
        self.temperature.restore(&state.numbers);
        self.updates = updates;
        Ok(())
    }
}
