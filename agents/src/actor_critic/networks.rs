//! The policy and the value function, in two networks or one, what they say of a rollout, and the gradient of their loss.

use cartwheel_envs::Generator;

use super::Rule;
use super::minibatch::{Minibatch, shuffle};
use super::sequences::Sequences;
use crate::advantage::{Values, gae};
use crate::algorithm::Acting;
use crate::critic::Critic;
use crate::head::{ActionHead, Chances};
use crate::learner::{Brake, RolloutBatch};
use crate::mask::masked;
use crate::nn::{Device, DeviceError, Mlp, Net, Network, NnError, Optimizer, StepStats, TrainingState};
use crate::vtrace::{Thresholds, vtrace};

/// A policy and a value function, and what they say of a rollout.
pub struct Networks {
    head: ActionHead,
    pub(super) actor: Box<dyn Network>,
    /// None where the value function is a branch of the policy's network.
    pub(super) critic: Option<Box<dyn Network>>,
    /// The value function as a network of its own.
    critic_mlp: Mlp,
    /// Parameters of the policy alone: what its network begins with.
    acting_len: usize,
    pub(super) updates: u64,
    values: Values,
    advantages: Vec<f32>,
    returns: Vec<f32>,
    /// How likely what was chosen is now, as a share of how likely it was then.
    ratios: Vec<f32>,
    /// Rows of the rollout in the order of this pass.
    order: Vec<usize>,
    batch: Minibatch,
    /// Of a policy that remembers, what its rollouts are as sequences.
    pub(super) sequences: Option<Sequences>,
    /// Outputs of which those of actions that are not valid are marked, and how likely actions are by them.
    masked: Vec<f32>,
    chances: Chances,
    pub(crate) brake: Brake,
}

/// What parts of the loss weigh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficients {
    /// Weight of the policy's entropy.
    pub ent_coef: f32,
    /// Weight of the value function's error.
    pub vf_coef: f32,
    /// How far a value may move from what it was before it stops to pay; none for any distance.
    pub clip_range_vf: Option<f32>,
}

/// What a policy loss is made of: an action that was chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Logarithm of its chance now.
    pub log_prob: f32,
    /// The same for the policy that chose it.
    pub log_prob_before: f32,
    /// How much better it was than expected.
    pub advantage: f32,
    /// What share of the minibatch it is.
    pub share: f32,
}

/// What a gradient is of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gradient {
    /// All of it.
    pub loss: f32,
    /// The policy's part.
    pub policy_loss: f32,
    /// The value function's, before its weight.
    pub value_loss: f32,
    /// The policy's mean entropy.
    pub entropy: f32,
    /// The Euclidean norm of the gradient of both networks together.
    pub norm: f32,
}

impl Gradient {
    /// Whether it can be followed.
    pub fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.norm.is_finite()
    }
}

impl Networks {
    pub(super) fn new(rule: &impl Rule, acting: &Acting, device: Device, rng: &mut Generator) -> Result<Self, NnError> {
        let (beginning, (_, critic_reads)) = (rule.beginning(), rule.memory());
        let critic_mlp = critic_reads.network(&acting.mlp, &beginning.net_arch.vf, beginning.activation_fn);
        let shares = rule.share_features_extractor() && acting.mlp.reads().cnn().is_some();
        let actor =
            if shares { acting.mlp.clone().with_value_branch(&beginning.net_arch.vf) } else { acting.mlp.clone() };
        let mut build = |mlp: &Mlp, gain| {
            let mut flat = if beginning.ortho_init { mlp.init_orthogonal(gain, rng) } else { mlp.init(rng) };
            if let Some(log_std) = mlp.biases("log_std") {
                flat[log_std].fill(beginning.log_std_init);
            }
            device.build(mlp.clone(), &TrainingState::new(flat))
        };
        Ok(Self {
            sequences: (acting.mlp.memory_len() > 0).then(|| Sequences::new(critic_reads)),
            actor: build(&actor, 0.01)?,
            critic: if shares { None } else { Some(build(&critic_mlp, 1.0)?) },
            critic_mlp,
            acting_len: acting.mlp.flat_len(),
            head: acting.actions.clone(),
            batch: Minibatch { actions: acting.actions.rows(0), ..Minibatch::default() },
            updates: 0,
            values: Values::default(),
            advantages: Vec::new(),
            returns: Vec::new(),
            ratios: Vec::new(),
            order: Vec::new(),
            masked: Vec::new(),
            brake: Brake::default(),
            chances: Chances::default(),
        })
    }

    /// The parameters of the policy.
    pub(super) fn acting_parameters(&self) -> &[f32] {
        &self.actor.parameters()[..self.acting_len]
    }

    /// The shape of the value function as a network of its own, and its parameters.
    pub(super) fn value_function(&self) -> (Mlp, Vec<f32>) {
        let parameters = match &self.critic {
            Some(critic) => critic.parameters().to_vec(),
            None => self.actor.mlp().value_parameters(self.actor.parameters()),
        };
        (self.critic_mlp.clone(), parameters)
    }

    /// See [`Learner::begin_with`](crate::Learner::begin_with).
    pub(super) fn begin_with(&mut self, acting: Vec<f32>, critic: Option<&Critic>) -> Result<bool, NnError> {
        let value =
            critic.filter(|critic| *critic.mlp() == self.critic_mlp).and_then(|critic| critic.networks().first());
        match &mut self.critic {
            Some(own) => {
                self.actor.restore(&TrainingState::new(acting))?;
                value.map(|value| own.restore(&TrainingState::new(value.clone()))).transpose()?;
                Ok(value.is_some())
            }
            None => {
                let joined = value.and_then(|value| self.actor.mlp().joined(&acting, value));
                let fits = joined.is_some();
                let flat = joined.unwrap_or_else(|| [&acting, &self.actor.parameters()[self.acting_len..]].concat());
                self.actor.restore(&TrainingState::new(flat))?;
                Ok(fits)
            }
        }
    }

    /// Works out the values of a rollout's states, and takes its rows in their order.
    fn value(&mut self, rollout: &RolloutBatch) -> Result<(), DeviceError> {
        if let Some(sequences) = &mut self.sequences {
            sequences.order(rollout, &mut self.order);
            if let Some(critic) = self.critic.as_mut().filter(|_| sequences.critic_remembers()) {
                return sequences.value(rollout, &mut *self.actor, &mut **critic, &mut self.values);
            }
        } else {
            self.order.clear();
            self.order.extend(0..rollout.len());
        }
        for (x, to) in [
            (&rollout.observations, &mut self.values.rows),
            (&rollout.final_observations, &mut self.values.finals),
            (&rollout.last_observations, &mut self.values.last),
        ] {
            let n = x.len() / self.critic_mlp.inputs();
            let rows = match &mut self.critic {
                Some(critic) => critic.forward(Net::Online, x, n)?,
                None => {
                    let begin = n * self.actor.mlp().output_stride();
                    &self.actor.forward(Net::Online, x, n)?[begin..]
                }
            };
            to.clear();
            to.extend(rows.chunks_exact(self.critic_mlp.output_stride()).take(n).map(|row| row[0]));
        }
        Ok(())
    }

    /// Works out the advantages and returns of a rollout with the value function as it is.
    pub(crate) fn judge(&mut self, rollout: &RolloutBatch, gamma: f32, lambda: f32) -> Result<(), DeviceError> {
        self.value(rollout)?;
        gae(rollout, &self.values, gamma, lambda, &mut self.advantages, &mut self.returns);
        Ok(())
    }

    /// The same of a rollout of an older policy, by V-trace. Answers the mean of ρ.
    pub(crate) fn judge_corrected(
        &mut self,
        rollout: &RolloutBatch,
        gamma: f32,
        thresholds: Thresholds,
    ) -> Result<f32, DeviceError> {
        self.value(rollout)?;
        let (n, stride) = (rollout.len(), self.actor.mlp().output_stride());
        let outputs = self.actor.forward(Net::Online, &rollout.observations, n)?;
        let outputs = masked(&rollout.masks, self.head.shape(stride), outputs, &mut self.masked);
        self.ratios.clear();
        self.ratios.extend(
            outputs
                .chunks_exact(stride)
                .take(n)
                .enumerate()
                .map(|(i, outputs)| (self.head.log_prob(outputs, rollout.actions.get(i)) - rollout.log_probs[i]).exp()),
        );
        let (advantages, targets) = (&mut self.advantages, &mut self.returns);
        vtrace(rollout, &self.values, &self.ratios, gamma, thresholds, advantages, targets);
        Ok(self.ratios.iter().map(|ratio| ratio.min(thresholds.rho)).sum::<f32>() / n as f32)
    }

    /// Takes as the return of each row what its episode gave from there on, and no value function for anything: rows of
    /// episodes that the rollout does not see the end of are left out. A truncated episode's return is what it had until then.
    pub(crate) fn judge_whole_episodes(&mut self, rollout: &RolloutBatch, gamma: f32) {
        let n = rollout.len();
        let finals = (0..n).filter(|row| rollout.ended(*row)).count();
        for (to, n) in
            [(&mut self.values.rows, n), (&mut self.values.finals, finals), (&mut self.values.last, rollout.envs)]
        {
            to.clear();
            to.resize(n, 0.0);
        }
        gae(rollout, &self.values, gamma, 1.0, &mut self.advantages, &mut self.returns);
        let mut seen = vec![false; rollout.envs];
        self.order.clear();
        for row in (0..n).rev() {
            let seen = &mut seen[row % rollout.envs];
            *seen |= rollout.ended(row);
            if *seen {
                self.order.push(row);
            }
        }
        self.order.reverse();
    }

    /// Puts the rows of the rollout that was judged in an order of chance; those of a policy that remembers stay after one
    /// another, and it is by chance where they begin.
    pub(crate) fn shuffle(&mut self, rng: &mut Generator) {
        if self.sequences.is_some() {
            let begin = rng.below(self.order.len().max(1) as u64) as usize;
            self.order.rotate_left(begin);
        } else {
            shuffle(&mut self.order, rng);
        }
    }

    /// Takes as the minibatch `batch_size` rows from place `first` of that order on, or what is left of them; false if that
    /// is nothing.
    pub(crate) fn select(&mut self, rollout: &RolloutBatch, first: usize, batch_size: usize, normalize: bool) -> bool {
        let rows = &self.order[first..self.order.len().min(first.saturating_add(batch_size))];
        let known = (&*self.advantages, &*self.returns, &*self.values.rows);
        self.batch.fill(rows, self.actor.mlp().inputs(), rollout, known);
        if let Some(sequences) = &mut self.sequences {
            sequences.select(rows, rollout, &mut self.batch.x);
        }
        if normalize {
            self.batch.normalize();
        }
        !rows.is_empty()
    }

    /// The gradient on the minibatch, which [`descend`](Self::descend) follows. `policy` answers an action's part of the
    /// policy loss and its gradient by the logarithm of the action's chance.
    pub(crate) fn gradient(
        &mut self,
        coefficients: Coefficients,
        policy: &mut dyn FnMut(Choice) -> (f32, f32),
    ) -> Result<Gradient, DeviceError> {
        let of_actor = self.actor_gradient(coefficients, policy)?;
        let Some((of_critic, value_loss)) = self.value_gradient(coefficients)? else { return Ok(of_actor) };
        Ok(Gradient {
            loss: of_actor.loss + of_critic.loss,
            value_loss,
            norm: of_actor.norm.hypot(of_critic.grad_norm),
            ..of_actor
        })
    }

    /// The same of the policy alone, which [`descend_policy`](Self::descend_policy) follows.
    pub(crate) fn policy_gradient(
        &mut self,
        ent_coef: f32,
        policy: &mut dyn FnMut(Choice) -> (f32, f32),
    ) -> Result<Gradient, DeviceError> {
        self.actor_gradient(Coefficients { ent_coef, vf_coef: 0.0, clip_range_vf: None }, policy)
    }

    /// The gradient of the policy's network, with that of values which are a branch of it.
    fn actor_gradient(
        &mut self,
        coefficients: Coefficients,
        policy: &mut dyn FnMut(Choice) -> (f32, f32),
    ) -> Result<Gradient, DeviceError> {
        let (head, batch, buffer, chances) = (&self.head, &self.batch, &mut self.masked, &mut self.chances);
        let (n, stride, value_stride) =
            (batch.returns.len(), self.actor.mlp().output_stride(), self.actor.mlp().value_stride());
        let (share, ent_coef) = (1.0 / n as f32, coefficients.ent_coef);
        let (mut policy_loss, mut value_loss, mut entropy) = (0.0, 0.0, 0.0);
        let mut loss = |outputs: &[f32], grad: &mut [f32]| {
            let (outputs, values) = outputs.split_at(n * stride);
            let (grad, by_values) = grad.split_at_mut(n * stride);
            let outputs = masked(&batch.masks, head.shape(stride), outputs, buffer);
            head.weigh(outputs, stride, chances);
            for (i, (outputs, grad)) in outputs.chunks_exact(stride).zip(grad.chunks_exact_mut(stride)).enumerate() {
                let (action, advantage, log_prob_before) =
                    (batch.actions.get(i), batch.advantages[i], batch.log_probs[i]);
                let log_prob = head.log_prob_of(chances, i, outputs, action);
                let (loss, by_log_prob) = policy(Choice { log_prob, log_prob_before, advantage, share });
                policy_loss += loss;
                let by = [by_log_prob, -ent_coef * share];
                entropy += share * head.add_grads((chances, i), outputs, action, by, grad);
            }
            if value_stride > 0 {
                value_loss = batch.value_loss(coefficients, value_stride, values, by_values);
            }
            policy_loss - ent_coef * entropy + coefficients.vf_coef * value_loss
        };
        let StepStats { loss, grad_norm } = self.actor.backward(&batch.x, n, &mut loss)?;
        Ok(Gradient { loss, policy_loss, value_loss, entropy, norm: grad_norm })
    }

    /// The gradient of a value function of its own on the minibatch, and its loss before its weight.
    fn value_gradient(&mut self, coefficients: Coefficients) -> Result<Option<(StepStats, f32)>, DeviceError> {
        let Some(critic) = &mut self.critic else { return Ok(None) };
        let (batch, stride, mut value_loss) = (&self.batch, critic.mlp().output_stride(), 0.0);
        let mut loss = |outputs: &[f32], grad: &mut [f32]| {
            value_loss = batch.value_loss(coefficients, stride, outputs, grad);
            coefficients.vf_coef * value_loss
        };
        let x = match &mut self.sequences {
            Some(sequences) => sequences.critic_input(&batch.x, &*self.actor),
            None => &batch.x,
        };
        let stats = critic.backward(x, batch.returns.len(), &mut loss)?;
        Ok(Some((stats, value_loss)))
    }

    /// A step of the policy alone down `gradient`, the last that was worked out.
    pub(crate) fn descend_policy(&mut self, gradient: &Gradient, optimizer: &Optimizer) -> Result<(), DeviceError> {
        self.actor.descend(optimizer, gradient.norm)?;
        self.updates += 1;
        Ok(())
    }

    /// A step of a value function of its own towards the returns of the minibatch; answers its loss before it.
    pub(crate) fn fit_values(&mut self, optimizer: &Optimizer) -> Result<f32, DeviceError> {
        let coefficients = Coefficients { ent_coef: 0.0, vf_coef: 1.0, clip_range_vf: None };
        let (stats, loss) = self.value_gradient(coefficients)?.unwrap_or_default();
        if let Some(critic) = self.critic.as_mut().filter(|_| stats.loss.is_finite() && stats.grad_norm.is_finite()) {
            critic.descend(optimizer, stats.grad_norm)?;
        }
        Ok(loss)
    }

    /// A step of policy and value function down `gradient`, the last that was worked out.
    pub(crate) fn descend(&mut self, gradient: &Gradient, optimizer: &Optimizer) -> Result<(), DeviceError> {
        for network in std::iter::once(&mut self.actor).chain(&mut self.critic) {
            network.descend(optimizer, gradient.norm)?;
        }
        self.updates += 1;
        Ok(())
    }

    /// The share of the returns' variance that the value function foresaw.
    pub(crate) fn explained_variance(&self) -> f32 {
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

    /// The mean standard deviation of continuous actions, if the policy has such.
    pub(crate) fn std(&self) -> Option<f32> {
        self.actor.mlp().mean_std(self.actor.parameters())
    }
}
