//! The update rule.

use cartwheel_envs::{ActionRows, Generator};
use rand_distr::{Distribution as _, StandardNormal};

use crate::algorithm::Acting;
use crate::critic::{Climb, Critic};
use crate::critic_ensemble::{Critics, critic};
use crate::learner::{Batch, Learner, OffPolicy, Progress};
use crate::nn::{Activation, Device, DeviceError, Mlp, Net, Network, NnError, Optimizer, TrainingState};
use crate::schedule::Schedule;

/// What TD3 and DDPG differ in.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Adam's step size.
    pub learning_rate: Schedule,
    /// Share of the way that targets move.
    pub tau: f32,
    /// Gradient steps of the value functions per step of the policy and the targets.
    pub policy_delay: u64,
    /// Standard deviation of the noise on the target policy's actions.
    pub target_policy_noise: f32,
    /// Where it is clipped.
    pub target_noise_clip: f32,
    /// Value functions.
    pub n_critics: usize,
    /// Units of each of their hidden layers.
    pub net_arch: Vec<usize>,
    /// What follows each of these.
    pub activation_fn: Activation,
}

impl Rule {
    /// The value functions beside a policy: how many, and their shape.
    pub(super) fn critics(&self, acting: &Acting) -> (usize, Mlp) {
        (self.n_critics, critic(acting, &self.net_arch, 1, self.activation_fn))
    }
}

/// A deterministic policy and its value functions, which learn.
pub struct Td3 {
    rule: Rule,
    actor: Box<dyn Network>,
    critics: Critics,
    /// Numbers of an action.
    dimensions: usize,
    updates: u64,
    /// Those of the policy are there after its steps alone.
    metrics: Vec<(&'static str, f32)>,
    actions: Vec<f32>,
    targets: Vec<f32>,
}

impl Td3 {
    /// Fresh networks, initialized from `rng`.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(rule: Rule, acting: &Acting, device: Device, rng: &mut Generator) -> Result<Self, NnError> {
        let state = TrainingState::new(acting.mlp.init(rng));
        let dimensions = acting.mlp.outputs();
        Ok(Self {
            actor: device.build(acting.mlp.clone(), &state)?,
            critics: Critics::new(rule.critics(acting), dimensions, device, rng)?,
            dimensions,
            rule,
            updates: 0,
            metrics: Vec::new(),
            actions: Vec::new(),
            targets: Vec::new(),
        })
    }

    /// y of each transition of the last batch.
    pub fn targets(&self) -> &[f32] {
        &self.targets
    }
}

/// The actions in rows of outputs, `stride` apart.
fn actions(outputs: &[f32], stride: usize, dimensions: usize, to: &mut Vec<f32>) {
    to.clear();
    to.extend(outputs.chunks_exact(stride).flat_map(|row| &row[..dimensions]).map(|x| x.tanh()));
}

impl OffPolicy for Td3 {
    fn update(&mut self, batch: &Batch, now: Progress, rng: &mut Generator) -> Result<(), DeviceError> {
        // A policy over a Box has no actions of another kind.
        let ActionRows::Continuous { values: taken, .. } = &batch.actions else { return Ok(()) };
        let (n, stride, dimensions) = (batch.len(), self.actor.mlp().output_stride(), self.dimensions);
        let learning_rate = self.rule.learning_rate.at(now.remaining());
        let optimizer = Optimizer::adam(learning_rate);

        // y = return + discount · min Q'(s', π'(s') + noise).
        let outputs = self.actor.forward(Net::Target, &batch.next_observations, n)?;
        actions(&outputs[..n * stride], stride, dimensions, &mut self.actions);
        let (noise, clip) = (self.rule.target_policy_noise, self.rule.target_noise_clip);
        if noise > 0.0 {
            for action in &mut self.actions {
                let drawn: f32 = StandardNormal.sample(rng);
                *action = (*action + (noise * drawn).clamp(-clip, clip)).clamp(-1.0, 1.0);
            }
        }
        let next = self.critics.least(Net::Target, &batch.next_observations, &self.actions)?;
        self.targets.clear();
        self.targets.extend((0..n).map(|i| batch.returns[i] + batch.discounts[i] * next[i]));
        let now = (batch.observations.as_slice(), taken.as_slice());
        let regression = self.critics.regress(now, &self.targets, &batch.weights, 1.0, &optimizer)?;
        self.metrics.clear();
        self.metrics.extend([("train/critic_loss", regression.loss), ("train/mean_q", regression.mean_q)]);

        self.updates += 1;
        if self.updates.is_multiple_of(self.rule.policy_delay) {
            let (chosen, critics, share) = (&mut self.actions, &mut self.critics, 1.0 / n as f32);
            let actor = self.actor.try_step(&batch.observations, n, &optimizer, &mut |outputs, grad| {
                actions(&outputs[..n * stride], stride, dimensions, chosen);
                let (by_action, mean_q) = critics.by_action(&batch.observations, chosen, Climb::First)?;
                for (i, grad) in grad.chunks_exact_mut(stride).take(n).enumerate() {
                    for (d, grad) in grad.iter_mut().take(dimensions).enumerate() {
                        let action = chosen[i * dimensions + d];
                        *grad = -share * by_action[i * dimensions + d] * (1.0 - action * action);
                    }
                }
                Ok(-mean_q)
            })?;
            self.metrics.extend([("train/actor_loss", actor.loss), ("train/grad_norm", actor.grad_norm)]);
            self.critics.update_targets(self.rule.tau)?;
            self.actor.update_target(self.rule.tau)?;
        }
        Ok(())
    }
}

impl Learner for Td3 {
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
        self.critics.copied(Climb::First)
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
