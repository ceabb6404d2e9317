//! The update rule.

use cartwheel_envs::{ActionRows, Generator};
use rand_distr::{Distribution as _, StandardNormal};

use super::temperature::Temperature;
use super::{EntCoef, SacConfig};
use crate::algorithm::Acting;
use crate::critic::{Climb, Critic};
use crate::critic_ensemble::{Critics, Regression};
use crate::head::{HALF_LN_TAU, clamp_log_std};
use crate::learner::{Batch, Learner, OffPolicy, Progress};
use crate::nn::{Device, DeviceError, Mlp, Net, Network, NnError, Optimizer, TrainingState};
use crate::schedule::Schedule;

/// Added within logarithms, as in Stable-Baselines3.
const EPSILON: f32 = 1e-6;

/// A squashed Gaussian policy and its value functions, which learn by SAC.
pub type Sac = Soft<LeastCritics>;

/// What the policy does in the states of a batch, for its value functions to learn from.
#[derive(Debug, Default)]
pub(crate) struct PolicyActions {
    /// What it would do after each transition, `[n, dimensions]`.
    pub(crate) next: Vec<f32>,
    /// What being as random as that is worth, for each.
    pub(crate) bonuses: Vec<f32>,
}

/// How the value functions learn that a soft policy has beside it.
pub(crate) trait SoftCritics {
    /// What the policy climbs.
    const CLIMB: Climb = Climb::Least;

    /// Looks at what the policy `actor` does in the states of a batch, before it learns from that batch. Nothing, if not written.
    fn look(&mut self, _: &mut dyn Network, _: &mut Drawn, _: &Batch, _: &mut Generator) -> Result<(), DeviceError> {
        Ok(())
    }

    /// A gradient step of each of `critics` on `batch`, in which `taken` was done and the policy would do `policy`.
    fn learn(
        &mut self,
        critics: &mut Critics,
        batch: &Batch,
        taken: &[f32],
        policy: &PolicyActions,
        optimizer: &Optimizer,
    ) -> Result<Regression, DeviceError>;

    /// What the last step was like beside what a [`Regression`] tells, by the names of metrics.
    fn metrics(&self) -> &[(&'static str, f32)] {
        &[]
    }

    /// What a checkpoint keeps beside the networks.
    fn numbers(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Goes on from such numbers.
    fn restore(&mut self, _numbers: &[f64]) {}
}

/// What SAC and those after it have in common in their settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoftRule {
    /// Of the value functions.
    pub(crate) learning_rate: Schedule,
    /// Of the policy and the temperature.
    pub(crate) actor_learning_rate: Schedule,
    pub(crate) tau: f32,
    pub(crate) target_update_interval: u64,
    pub(crate) ent_coef: EntCoef,
    pub(crate) target_entropy: Option<f64>,
    /// Of state-dependent exploration.
    pub(crate) log_std_init: f32,
}

/// A squashed Gaussian policy that stays as random as it can, and its value functions, which learn.
#[allow(private_bounds, reason = "algorithms are named by type aliases")]
pub struct Soft<C: SoftCritics> {
    rule: SoftRule,
    actor: Box<dyn Network>,
    critics: Critics,
    /// How they learn.
    learning: C,
    temperature: Temperature,
    /// Numbers of an action.
    dimensions: usize,
    updates: u64,
    metrics: Vec<(&'static str, f32)>,
    noise: Vec<f32>,
    drawn: Drawn,
    policy: PolicyActions,
}

/// Value functions of which the least counts.
#[derive(Default)]
pub struct LeastCritics {
    targets: Vec<f32>,
}

impl SoftCritics for LeastCritics {
    fn learn(
        &mut self,
        critics: &mut Critics,
        batch: &Batch,
        taken: &[f32],
        policy: &PolicyActions,
        optimizer: &Optimizer,
    ) -> Result<Regression, DeviceError> {
        // y = return + discount · (min Q'(s', a') − α log π(a'|s')).
        let next = critics.least(Net::Target, &batch.next_observations, &policy.next)?;
        let values = next.iter().zip(&policy.bonuses).map(|(next, bonus)| next + bonus);
        self.targets.clear();
        self.targets.extend(
            values.zip(batch.returns.iter().zip(&batch.discounts)).map(|(next, (ret, discount))| ret + discount * next),
        );
        let now = (batch.observations.as_slice(), taken);
        critics.regress(now, &self.targets, &batch.weights, 0.5, optimizer)
    }
}

/// Actions drawn from a policy.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// `[n, dimensions]`, between -1 and 1.
    pub(crate) actions: Vec<f32>,
    /// Logarithms of their densities.
    pub(crate) log_probs: Vec<f32>,
    /// Whether deviations depend on the state; then they have no bounds.
    state_dependent: bool,
}

impl Drawn {
    /// The logarithm of a standard deviation, within its bounds if it has any.
    fn log_std(&self, output: f32) -> f32 {
        if self.state_dependent { output } else { clamp_log_std(output) }
    }

    /// The actions that this noise leads to, from rows of means and logarithms of standard deviations.
    pub(crate) fn draw(&mut self, outputs: &[f32], stride: usize, noise: &[f32], dimensions: usize) {
        self.actions.clear();
        self.log_probs.clear();
        for (outputs, noise) in outputs.chunks_exact(stride).zip(noise.chunks_exact(dimensions)) {
            let mut log_prob = 0.0;
            for (d, noise) in noise.iter().enumerate() {
                let log_std = self.log_std(outputs[dimensions + d]);
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
        let critics = config.value_functions(acting);
        Self::with((&config).into(), acting, device, rng, critics, LeastCritics::default())
    }

    /// y of each transition of the last batch.
    pub fn targets(&self) -> &[f32] {
        &self.learning.targets
    }
}

#[allow(private_bounds, reason = "algorithms are named by type aliases")]
impl<C: SoftCritics> Soft<C> {
    /// A fresh policy, and so many value functions of this shape, all initialized from `rng`.
    pub(crate) fn with(
        rule: SoftRule,
        acting: &Acting,
        device: Device,
        rng: &mut Generator,
        critics: (usize, Mlp),
        learning: C,
    ) -> Result<Self, NnError> {
        let mut parameters = acting.mlp.init(rng);
        if let Some(log_std) = acting.mlp.biases("log_std") {
            parameters[log_std].fill(rule.log_std_init);
        }
        let dimensions = acting.mlp.outputs() / 2;
        Ok(Self {
            actor: device.build(acting.mlp.clone(), &TrainingState::new(parameters))?,
            critics: Critics::new(critics, dimensions, device, rng)?,
            learning,
            temperature: Temperature::new(rule.ent_coef, rule.target_entropy.unwrap_or(-(dimensions as f64))),
            rule,
            dimensions,
            updates: 0,
            metrics: Vec::new(),
            noise: Vec::new(),
            drawn: Drawn { state_dependent: acting.mlp.is_state_dependent(), ..Drawn::default() },
            policy: PolicyActions::default(),
        })
    }

    /// How the value functions learn.
    pub(crate) fn learning(&self) -> &C {
        &self.learning
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
        let adam = |schedule: Schedule| Optimizer::adam(schedule.at(now.remaining()));
        let (optimizer, of_actor) = (adam(self.rule.learning_rate), adam(self.rule.actor_learning_rate));
        let alpha = self.temperature.alpha();

        self.draw_noise(n, rng);
        let outputs = self.actor.forward(Net::Online, &batch.next_observations, n)?;
        self.drawn.draw(&outputs[..n * stride], stride, &self.noise, dimensions);
        self.policy.next.clone_from(&self.drawn.actions);
        self.policy.bonuses.clear();
        self.policy.bonuses.extend(self.drawn.log_probs.iter().map(|log_prob| -alpha * log_prob));
        self.learning.look(&mut *self.actor, &mut self.drawn, batch, rng)?;
        let regression = self.learning.learn(&mut self.critics, batch, taken, &self.policy, &optimizer)?;

        // The policy climbs Q(s, a) − α log π(a|s), through the noise that a was drawn with.
        self.draw_noise(n, rng);
        let (noise, drawn, critics, share) = (&self.noise, &mut self.drawn, &mut self.critics, 1.0 / n as f32);
        let actor = self.actor.try_step(&batch.observations, n, &of_actor, &mut |outputs, grad| {
            drawn.draw(&outputs[..n * stride], stride, noise, dimensions);
            let (by_action, mean_q) = critics.by_action(&batch.observations, &drawn.actions, C::CLIMB)?;
            for (i, (outputs, grad)) in
                outputs.chunks_exact(stride).zip(grad.chunks_exact_mut(stride)).take(n).enumerate()
            {
                for d in 0..dimensions {
                    let (at, raw) = (i * dimensions + d, outputs[dimensions + d]);
                    let (action, log_std) = (drawn.actions[at], drawn.log_std(raw));
                    let squash = 1.0 - action * action;
                    let by_sum = share * (alpha * 2.0 * action * squash / (squash + EPSILON) - by_action[at] * squash);
                    grad[d] = by_sum;
                    // Beyond the bounds of log_std nothing moves it.
                    if raw == log_std {
                        grad[dimensions + d] = by_sum * log_std.exp() * noise[at] - share * alpha;
                    }
                }
            }
            Ok(alpha * share * drawn.log_probs.iter().sum::<f32>() - mean_q)
        })?;
        let mean_log_prob = self.drawn.log_probs.iter().sum::<f32>() / n as f32;
        self.temperature.update(mean_log_prob.into(), of_actor.learning_rate);

        self.updates += 1;
        if self.updates.is_multiple_of(self.rule.target_update_interval) {
            self.critics.update_targets(self.rule.tau)?;
        }
        self.metrics.clear();
        self.metrics.extend([
            ("train/actor_loss", actor.loss),
            ("train/critic_loss", regression.loss),
            ("train/mean_q", regression.mean_q),
            ("train/grad_norm", actor.grad_norm),
            ("train/ent_coef", alpha),
            ("train/entropy", -mean_log_prob),
        ]);
        self.metrics.extend(self.actor.mlp().mean_std(self.actor.parameters()).map(|std| ("train/std", std)));
        self.metrics.extend_from_slice(self.learning.metrics());
        Ok(())
    }
}

impl<C: SoftCritics> Learner for Soft<C> {
    fn actor(&self) -> &dyn Network {
        &*self.actor
    }

    fn actor_mut(&mut self) -> &mut dyn Network {
        &mut *self.actor
    }

    fn value_networks(&self) -> &[Box<dyn Network>] {
        self.critics.networks()
    }

    fn value_networks_mut(&mut self) -> &mut [Box<dyn Network>] {
        self.critics.networks_mut()
    }

    fn critic(&self) -> Option<Critic> {
        self.critics.copied(C::CLIMB)
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
        [self.temperature.numbers().to_vec(), self.learning.numbers()].concat()
    }

    fn restore_numbers(&mut self, numbers: &[f64]) -> Result<(), NnError> {
        if let Some((temperature, others)) = numbers.split_at_checked(self.temperature.numbers().len()) {
            self.temperature.restore(temperature);
            self.learning.restore(others);
        }
        Ok(())
    }
}
