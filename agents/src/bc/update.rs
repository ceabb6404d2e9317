//! The update rule.

use cartwheel_envs::Generator;

use super::BcConfig;
use crate::algorithm::Acting;
use crate::head::{ActionHead, Chances};
use crate::learner::{Batch, Learner, OffPolicy, Progress};
use crate::mask::masked;
use crate::nn::{Device, DeviceError, Method, Network, NnError, Optimizer, TrainingState};
use crate::schedule::Schedule;

/// A policy that learns to do what was done.
pub struct Bc {
    learning_rate: Schedule,
    ent_weight: f32,
    l2_weight: f64,
    head: ActionHead,
    actor: Box<dyn Network>,
    updates: u64,
    metrics: [(&'static str, f32); 6],
    /// Outputs of which those of actions that are not valid are marked, and how likely actions are by them.
    masked: Vec<f32>,
    chances: Chances,
}

impl Bc {
    /// A fresh policy, initialized from `rng` as those of actor-critic methods are.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn new(config: &BcConfig, acting: &Acting, device: Device, rng: &mut Generator) -> Result<Self, NnError> {
        let state = TrainingState::new(acting.mlp.init_orthogonal(0.01, rng));
        Ok(Self {
            learning_rate: config.learning_rate,
            ent_weight: config.ent_weight as f32,
            l2_weight: config.l2_weight,
            head: acting.actions.clone(),
            actor: device.build(acting.mlp.clone(), &state)?,
            updates: 0,
            metrics: Default::default(),
            masked: Vec::new(),
            chances: Chances::default(),
        })
    }
}

impl OffPolicy for Bc {
    fn update(&mut self, batch: &Batch, now: Progress, _: &mut Generator) -> Result<(), DeviceError> {
        let (n, stride, ent_weight) = (batch.len(), self.actor.mlp().output_stride(), self.ent_weight);
        let method = match self.l2_weight {
            0.0 => Method::Adam,
            weight_decay => Method::DecayingAdam { weight_decay },
        };
        let optimizer = Optimizer { method, ..Optimizer::adam(self.learning_rate.at(now.remaining())) };
        let (head, share) = (&self.head, 1.0 / n as f32);
        let (buffer, chances) = (&mut self.masked, &mut self.chances);
        let (mut neglogp, mut entropy, mut prob_true_act) = (0.0, 0.0, 0.0);
        let mut loss = |outputs: &[f32], grad: &mut [f32]| {
            let outputs = masked(&batch.masks, head.shape(stride), &outputs[..n * stride], buffer);
            head.weigh(outputs, stride, chances);
            for (i, (outputs, grad)) in outputs.chunks_exact(stride).zip(grad.chunks_exact_mut(stride)).enumerate() {
                let action = batch.actions.get(i);
                let log_prob = head.log_prob_of(chances, i, outputs, action);
                neglogp -= share * log_prob;
                prob_true_act += share * log_prob.exp();
                let by = [-share, -ent_weight * share];
                entropy += share * head.add_grads((chances, i), outputs, action, by, grad);
            }
            neglogp - ent_weight * entropy
        };
        let l2_loss = match self.l2_weight {
            0.0 => 0.0,
            weight => weight * 0.5 * self.actor.parameters().iter().map(|x| f64::from(x * x)).sum::<f64>(),
        } as f32;
        let step = self.actor.step(&batch.observations, n, &optimizer, &mut loss)?;
        self.updates += 1;
        self.metrics = [
            ("train/loss", step.loss + l2_loss),
            ("train/neglogp", neglogp),
            ("train/entropy", entropy),
            ("train/l2_loss", l2_loss),
            ("train/prob_true_act", prob_true_act),
            ("train/grad_norm", step.grad_norm),
        ];
        Ok(())
    }
}

impl Learner for Bc {
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

    fn resume_at(&mut self, updates: u64, _: u64) {
        self.updates = updates;
    }
}
