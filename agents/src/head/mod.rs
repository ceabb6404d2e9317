//! What the outputs of a network that acts mean: a choice among actions.
//!
//! A policy and its environment may count differently. What a policy chooses, and what is learnt from, is counted from 0
//! or, where it is squashed, lies between -1 and 1; what the environment is given is an element of its action space.

mod categorical;
mod chances;
mod onnx;
mod sampling;

use cartwheel_envs::{Action, ActionRows, Space};
use serde::{Deserialize, Serialize};

pub(crate) use categorical::Chances;

use crate::judgement::Judgement;
use crate::mask::INVALID;
use crate::nn::{Activation, Inputs, Mlp};
use crate::policy::argmax;
use crate::quantiles;
use crate::support::{Support, softmax};

/// How a row of outputs becomes an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// The value of each action of a `Discrete` space; the greatest is chosen.
    #[default]
    QValues,
    /// Logits: of the actions of a `Discrete` space, or of those of each part of a `MultiDiscrete` or `MultiBinary` one.
    Categorical,
    /// Means and then logarithms of standard deviations of the numbers of a `Box`, which clips what is drawn.
    Gaussian,
    /// The same squashed by tanh into the bounds of the `Box`.
    SquashedGaussian,
    /// The numbers of a `Box`, squashed by tanh into its bounds.
    Tanh,
    /// Logits of the returns of each action of a `Discrete` space, action by action; that of the greatest mean is chosen.
    Distribution(Support),
    /// So many quantiles of the returns of each, action by action; that of the greatest mean is chosen.
    Quantiles(usize),
}

impl Head {
    /// Whether outputs are of a distribution, from which actions can be drawn.
    pub fn has_chances(self) -> bool {
        matches!(self, Self::Categorical | Self::Gaussian | Self::SquashedGaussian)
    }

    /// Numbers that tell of one action of a `Discrete` space.
    pub fn atoms(self) -> usize {
        match self {
            Self::Distribution(support) => support.n_atoms,
            Self::Quantiles(n) => n,
            _ => 1,
        }
    }

    /// The value of an action by the outputs that tell of it.
    #[inline]
    pub fn value(self, outputs: &[f32]) -> f32 {
        match self {
            Self::Distribution(_) if outputs[0] == INVALID => INVALID,
            Self::Distribution(support) => support.expectation(outputs),
            Self::Quantiles(_) => quantiles::mean(outputs),
            _ => outputs[0],
        }
    }

    /// The greatest value.
    #[inline]
    pub fn best_value(self, outputs: &[f32]) -> f32 {
        outputs.chunks_exact(self.atoms()).map(|outputs| self.value(outputs)).fold(f32::MIN, f32::max)
    }

    /// The action of the greatest value, the first of equals.
    #[inline]
    pub fn best(self, outputs: &[f32]) -> usize {
        let values = outputs.chunks_exact(self.atoms()).map(|outputs| self.value(outputs)).enumerate();
        values.reduce(|best, other| if other.1 > best.1 { other } else { best }).map_or(0, |best| best.0)
    }

    /// A network for so many `choices` (of a Gaussian: numbers), dueling where that is asked for and makes sense.
    pub fn network(
        self,
        inputs: impl Into<Inputs>,
        hidden: &[usize],
        choices: usize,
        activation: Activation,
        dueling: bool,
    ) -> Mlp {
        match self {
            Self::QValues | Self::Distribution(_) | Self::Quantiles(_) if dueling => {
                Mlp::dueling(inputs, hidden, choices, self.atoms(), activation)
            }
            Self::Gaussian => Mlp::gaussian(inputs, hidden, choices, activation),
            Self::SquashedGaussian => Mlp::new(inputs, hidden, 2 * choices, activation),
            _ => Mlp::new(inputs, hidden, choices * self.atoms(), activation),
        }
    }
}

/// A [`Head`] over an action space.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionHead {
    head: Head,
    /// In the form of the action space.
    form: ActionRows,
    /// How many choices there are in each part of a countable space.
    counts: Vec<usize>,
    /// The first of each.
    starts: Vec<i32>,
    /// Bounds of each number of a `Box`.
    low: Vec<f32>,
    high: Vec<f32>,
}

impl ActionHead {
    /// A head over the actions of `space`.
    ///
    /// # Errors
    /// The space in words, if such outputs choose none of its actions.
    pub fn new(head: Head, space: &Space) -> Result<Self, String> {
        let form = ActionRows::for_space(space, 0);
        let mut own = Self { head, form, counts: vec![], starts: vec![], low: vec![], high: vec![] };
        match (head, space) {
            (
                Head::QValues | Head::Categorical | Head::Distribution(_) | Head::Quantiles(_),
                Space::Discrete { n, start },
            ) => {
                (own.counts, own.starts) = (vec![*n as usize], vec![*start]);
            }
            (Head::Categorical, Space::MultiDiscrete { nvec, start }) => {
                own.counts = nvec.iter().map(|n| *n as usize).collect();
                own.starts.clone_from(start);
            }
            (Head::Categorical, Space::MultiBinary { n }) => (own.counts, own.starts) = (vec![2; *n], vec![0; *n]),
            (Head::Gaussian, Space::Box { low, high, .. }) => {
                (own.low, own.high) = (low.clone(), high.clone());
            }
            (Head::SquashedGaussian | Head::Tanh, Space::Box { low, high, .. })
                if low.iter().chain(high).all(|bound| bound.is_finite()) =>
            {
                (own.low, own.high) = (low.clone(), high.clone());
            }
            _ => return Err(space.to_string()),
        }
        Ok(own)
    }

    /// What the outputs mean.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Numbers in a row of outputs.
    pub fn outputs(&self) -> usize {
        match self.head {
            Head::QValues | Head::Categorical => self.counts.iter().sum(),
            Head::Gaussian | Head::SquashedGaussian => 2 * self.low.len(),
            Head::Tanh => self.low.len(),
            Head::Distribution(_) | Head::Quantiles(_) => self.counts[0] * self.head.atoms(),
        }
    }

    /// What can be chosen among: actions that are counted, in all parts together, or numbers.
    pub fn choices(&self) -> usize {
        if self.counts.is_empty() { self.low.len() } else { self.counts.iter().sum() }
    }

    /// The shape that [`masked`](crate::masked) is told of rows of outputs: actions, numbers that tell of one, and from
    /// one row to the next.
    pub fn shape(&self, stride: usize) -> [usize; 3] {
        [self.choices(), self.head.atoms(), stride]
    }

    /// Writes the gradient of what is told of choice `i` by the outputs: of its value, its logit or its mean.
    ///
    /// # Panics
    /// If there is no such choice.
    pub fn grad(&self, outputs: &[f32], i: usize, grad: &mut [f32]) {
        let of = i * self.head.atoms()..(i + 1) * self.head.atoms();
        match self.head {
            Head::Distribution(support) => support.expectation_grad(&outputs[of.clone()], &mut grad[of]),
            Head::Quantiles(n) => grad[of].fill(1.0 / n as f32),
            _ => grad[i] = 1.0,
        }
    }

    /// `n` actions of zeros, in the form of the action space.
    pub fn rows(&self, n: usize) -> ActionRows {
        self.form.zeros(n)
    }

    /// The number of the environment's first action, where actions are counted.
    pub fn first_action(&self) -> i32 {
        self.starts.first().copied().unwrap_or(0)
    }

    /// Writes the best action by `outputs` to row `i`: the policy's deterministic choice.
    #[inline]
    pub fn greedy(&self, outputs: &[f32], i: usize, to: &mut ActionRows) {
        match to {
            ActionRows::Discrete(actions) => actions[i] = self.head.best(&outputs[..self.outputs()]) as i32,
            ActionRows::Multi { width, values } => {
                for (action, (_, logits)) in values[i * *width..].iter_mut().zip(self.parts(outputs)) {
                    *action = argmax(logits) as i32;
                }
            }
            ActionRows::Continuous { width, values } => {
                let own = &mut values[i * *width..(i + 1) * *width];
                own.copy_from_slice(&outputs[..*width]);
                if self.squashes() {
                    own.iter_mut().for_each(|value| *value = value.tanh());
                }
            }
        }
    }

    /// The value of `action` by `outputs`; that of the best where actions have no value of their own.
    #[inline]
    pub fn value(&self, outputs: &[f32], action: Action<'_>) -> f32 {
        let atoms = self.head.atoms();
        match action {
            Action::Discrete(action) => {
                self.head.value(&outputs[action as usize * atoms..(action as usize + 1) * atoms])
            }
            _ => self.best_value(outputs),
        }
    }

    /// The greatest value by `outputs`.
    #[inline]
    pub fn best_value(&self, outputs: &[f32]) -> f32 {
        self.head.best_value(&outputs[..self.outputs()])
    }

    /// Whether `action` is the best by `outputs`; of numbers, which are drawn or not, it is never another's.
    pub fn is_best(&self, outputs: &[f32], action: Action<'_>) -> bool {
        match action {
            Action::Discrete(action) => self.head.best(&outputs[..self.outputs()]) as i32 == action,
            Action::Multi(actions) => {
                self.parts(outputs).zip(actions).all(|((_, logits), action)| argmax(logits) as i32 == *action)
            }
            Action::Continuous(_) => true,
        }
    }

    /// Whether the policy's actions are between -1 and 1 whatever the environment's bounds are.
    fn squashes(&self) -> bool {
        matches!(self.head, Head::SquashedGaussian | Head::Tanh)
    }

    /// The logits of each part of a countable space, with its place among the outputs.
    pub(crate) fn parts<'a>(&'a self, outputs: &'a [f32]) -> impl Iterator<Item = (usize, &'a [f32])> {
        self.counts.iter().scan(0, move |at, n| {
            let first = *at;
            *at += n;
            Some((first, &outputs[first..*at]))
        })
    }

    /// Becomes what `outputs` say of the actions. Of one that is marked as not valid, the value is not a number, and the
    /// chance is 0.
    pub fn judge(&self, outputs: &[f32], judgement: &mut Judgement) {
        let [mut first, mut second] = std::mem::take(judgement).into_buffers();
        let dimensions = self.low.len();
        *judgement = match self.head {
            Head::QValues => {
                first.extend(outputs[..self.counts[0]].iter().map(|value| shown(*value)));
                Judgement::QValues(first)
            }
            Head::Distribution(support) => {
                second.resize(self.outputs(), 0.0);
                let rows = outputs[..self.outputs()].chunks_exact(support.n_atoms);
                for (logits, chances) in rows.zip(second.chunks_exact_mut(support.n_atoms)) {
                    first.push(shown(self.head.value(logits)));
                    softmax(logits, chances);
                    if logits[0] == INVALID {
                        chances.fill(0.0);
                    }
                }
                Judgement::Returns { values: first, chances: second, support }
            }
            Head::Quantiles(n) => {
                second.extend_from_slice(&outputs[..self.outputs()]);
                second.iter_mut().for_each(|quantile| *quantile = shown(*quantile));
                first.extend(second.chunks_exact(n).map(quantiles::mean));
                Judgement::Quantiles { values: first, quantiles: second }
            }
            Head::Categorical => {
                for (_, logits) in self.parts(outputs) {
                    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
                    first.extend(logits.iter().map(|logit| (logit - highest).exp() / sum));
                }
                Judgement::Probabilities(first)
            }
            Head::Gaussian => {
                first.extend_from_slice(&outputs[..dimensions]);
                second.extend(outputs[dimensions..2 * dimensions].iter().map(|log_std| log_std.exp()));
                Judgement::Gaussian { mean: first, std: second }
            }
            Head::SquashedGaussian | Head::Tanh => {
                // To first order, what tanh and the bounds make of it.
                for (d, (low, high)) in self.low.iter().zip(&self.high).enumerate() {
                    let (action, half) = (outputs[d].tanh(), 0.5 * (high - low));
                    first.push(low + (action + 1.0) * half);
                    second.push(match self.head {
                        Head::Tanh => 0.0,
                        _ => clamp_log_std(outputs[dimensions + d]).exp() * (1.0 - action * action) * half,
                    });
                }
                Judgement::Gaussian { mean: first, std: second }
            }
        };
    }

    /// The environment's actions for those of the policy.
    #[inline]
    pub fn to_env(&self, own: &ActionRows, env: &mut ActionRows) {
        match (own, env) {
            (ActionRows::Discrete(own), ActionRows::Discrete(env)) => {
                env.iter_mut().zip(own).for_each(|(env, own)| *env = own + self.starts[0]);
            }
            (ActionRows::Multi { values: own, .. }, ActionRows::Multi { values: env, .. }) => {
                let starts = self.starts.iter().cycle();
                env.iter_mut().zip(own).zip(starts).for_each(|((env, own), start)| *env = own + start);
            }
            (ActionRows::Continuous { values: own, .. }, ActionRows::Continuous { values: env, .. }) => {
                let bounds = self.low.iter().zip(&self.high).cycle();
                let squashes = self.squashes();
                for ((env, own), (low, high)) in env.iter_mut().zip(own).zip(bounds) {
                    let within = if squashes { low + 0.5 * (own + 1.0) * (high - low) } else { *own };
                    *env = within.clamp(*low, *high);
                }
            }
            _ => {}
        }
    }

    /// Writes the policy's action for the environment's `action` to row `i`: of what a person did.
    pub fn from_env(&self, action: Action<'_>, i: usize, own: &mut ActionRows) {
        match (own, action) {
            (ActionRows::Discrete(own), Action::Discrete(action)) => own[i] = action - self.starts[0],
            (ActionRows::Multi { width, values }, Action::Multi(action)) => {
                let own = &mut values[i * *width..(i + 1) * *width];
                own.iter_mut()
                    .zip(action.iter().zip(&self.starts))
                    .for_each(|(own, (action, start))| *own = action - start);
            }
            (ActionRows::Continuous { width, values }, Action::Continuous(action)) if self.squashes() => {
                let bounds = self.low.iter().zip(&self.high);
                for ((own, action), (low, high)) in values[i * *width..].iter_mut().zip(action).zip(bounds) {
                    *own = if high > low { 2.0 * (action - low) / (high - low) - 1.0 } else { 0.0 };
                }
            }
            (own, action) => own.set(i, action),
        }
    }
}

/// A value as it is told: that of an action which is not valid is none.
fn shown(value: f32) -> f32 {
    if value == INVALID { f32::NAN } else { value }
}

/// The logarithm of a standard deviation within the bounds that SAC gives it: from -20 to 2.
#[inline]
pub(crate) fn clamp_log_std(log_std: f32) -> f32 {
    log_std.clamp(-20.0, 2.0)
}

/// ½ ln 2π
pub(crate) const HALF_LN_TAU: f32 = 0.918_938_5;

#[cfg(test)]
mod tests;
