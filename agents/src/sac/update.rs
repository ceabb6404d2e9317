//! The update rule.

use cartwheel_envs::{ActionRows, Generator};
use rand_distr::{Distribution as _, StandardNormal};

use super::SacConfig;
use super::temperature::Temperature;
use crate::algorithm::Acting;
use crate::critics::{Climb, Critics};
use crate::head::{HALF_LN_TAU, clamp_log_std};
use crate::learner::{Batch, Learner, LearnerState, OffPolicy, Progress, restore_networks};
use crate::nn::{Device, DeviceError, Method, Net, Network, NnError, Optimizer, TrainingState};

/// Added within logarithms, as in Stable-Baselines3.
const EPSILON: f32 = 1e-6;

/// A squashed Gaussian policy and its value functions, which learn.
pub struct Sac {
    config: SacConfig,
    actor: Box<dyn Network>,
    critics: Critics,
    temperature: Temperature,
    /// Numbers of an action.
    dimensions: usize,
    updates: u64,
    metrics: [(&'static str, f32); 6],
    noise: Vec<f32>,
    drawn: Drawn,
    targets: Vec<f32>,
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
        let state = TrainingState::new(acting.mlp.init(rng));
        let (features, dimensions) = (acting.mlp.inputs(), acting.mlp.outputs() / 2);
        let widths = (features, dimensions);
        Ok(Self {
            actor: device.build(acting.mlp.clone(), &state)?,
            critics: Critics::new(config.n_critics, widths, &config.net_arch, config.activation_fn, device, rng)?,
            temperature: Temperature::new(config.ent_coef, config.target_entropy.unwrap_or(-(dimensions as f64))),
            dimensions,
            config,
            updates: 0,
            metrics: Default::default(),
            noise: Vec::new(),
            drawn: Drawn::default(),
            targets: Vec::new(),
        })
    }

    /// y of each transition of the last batch.
    pub fn targets(&self) -> &[f32] {
        &self.targets
    }

    fn draw_noise(&mut self, n: usize, rng: &mut Generator) {
        self.noise.clear();
        self.noise.extend((0..n * self.dimensions).map(|_| -> f32 { StandardNormal.sample(rng) }));
    }
}

impl OffPolicy for Sac {
    fn update(&mut self, batch: &Batch, now: Progress, rng: &mut Generator) -> Result<(), DeviceError> {
        // A policy over a Box has no actions of another kind.
        let ActionRows::Continuous { values: taken, .. } = &batch.actions else { return Ok(()) };
        let (n, stride, dimensions) = (batch.len(), self.actor.mlp().output_stride(), self.dimensions);
        let learning_rate = self.config.learning_rate.at(now.remaining());
        let optimizer = Optimizer { method: Method::Adam, learning_rate, eps: 1e-8, max_grad_norm: f32::INFINITY };
        let alpha = self.temperature.alpha();

        // y = return + discount · (min Q'(s', a') − α log π(a'|s')).
        self.draw_noise(n, rng);
        let outputs = self.actor.forward(Net::Online, &batch.next_observations, n)?;
        self.drawn.draw(&outputs[..n * stride], stride, &self.noise, dimensions);
        let next = self.critics.least(Net::Target, &batch.next_observations, &self.drawn.actions)?;
        self.targets.clear();
        self.targets.extend(
            (0..n).map(|i| batch.returns[i] + batch.discounts[i] * (next[i] - alpha * self.drawn.log_probs[i])),
        );
        let now = (batch.observations.as_slice(), taken.as_slice());
        let regression = self.critics.regress(now, &self.targets, &batch.weights, 0.5, &optimizer)?;

        // The policy climbs min Q(s, a) − α log π(a|s), through the noise that a was drawn with.
        self.draw_noise(n, rng);
        let (noise, drawn, critics, share) = (&self.noise, &mut self.drawn, &mut self.critics, 1.0 / n as f32);
        let mut failed = None;
        let mut loss = |outputs: &[f32], slope: &mut [f32]| {
            drawn.draw(&outputs[..n * stride], stride, noise, dimensions);
            let (by_action, mean_q) = match critics.by_action(&batch.observations, &drawn.actions, Climb::Least) {
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
        if self.updates.is_multiple_of(self.config.target_update_interval) {
            self.critics.update_targets(self.config.tau as f32)?;
        }
        self.metrics = [
            ("train/actor_loss", actor.loss),
            ("train/critic_loss", 0.5 * regression.loss),
            ("train/mean_q", regression.mean_q),
            ("train/grad_norm", actor.grad_norm),
            ("train/ent_coef", alpha),
            ("train/entropy", -mean_log_prob),
        ];
        Ok(())
    }

    fn td_errors(&self) -> &[f32] {
        self.critics.errors()
    }
}

impl Learner for Sac {
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
        let networks = std::iter::once(&self.actor).chain(self.critics.networks());
        Ok(LearnerState {
            networks: networks.map(|network| network.state()).collect::<Result<_, _>>()?,
            numbers: self.temperature.numbers().to_vec(),
        })
    }

    fn restore(&mut self, state: &LearnerState, updates: u64, _: u64) -> Result<(), NnError> {
        let mut networks: Vec<_> = std::iter::once(&mut self.actor).chain(self.critics.networks_mut()).collect();
        restore_networks(&mut networks, state)?;
        self.temperature.restore(&state.numbers);
        self.updates = updates;
        Ok(())
    }
}
