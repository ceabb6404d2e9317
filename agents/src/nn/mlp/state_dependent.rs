//! Generalised state-dependent exploration, gSDE (Raffin, Kober & Stulp 2021, *Smooth exploration for robotic reinforcement
//! learning*), as Stable-Baselines3 has it. What acts adds z·E to the mean of an action, where z is what the last layer reads and
//! E, `[features, actions]`, is a matrix of normal numbers with the learnt deviations exp(log_std). E is kept from step to step,
//! so that one state is answered by one action until it is drawn anew. Over all E an action is
//!
//! a ~ N(μ(s), σ(s)²), σⱼ(s)² = Σᵢ zᵢ(s)² exp(2 log_std[i][j]) + ε.
//!
//! Such a network answers μ and then ln σ, as other Gaussian policies do: chances, entropies and what is learnt from them are
//! theirs. Of a policy that is squashed, SAC's, means are kept within ±2 and the layers before learn from σ; of one that is
//! not, PPO's, neither.

use std::ops::Range;

use cartwheel_envs::Generator;
use rand_distr::{Distribution as _, StandardNormal};

use super::Mlp;
use super::layer::{Layer, Linear};
use super::passes::Activations;
use crate::nn::kernels::matmul::{pad, vectorized};
use crate::nn::kernels::simd::Isa;

/// What log_std is called.
const LOG_STD: &str = "log_std";
/// Added to variances, as in Stable-Baselines3.
pub(crate) const EPSILON: f32 = 1e-6;
/// How far from 0 the means of a squashed policy may be: Stable-Baselines3's `clip_mean`.
pub(crate) const CLIP_MEAN: f32 = 2.0;

/// How the deviations of actions depend on the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateDependent {
    /// Numbers that the last layer reads.
    pub(crate) features: usize,
    /// Numbers of an action.
    pub(crate) actions: usize,
    /// Whether actions are squashed afterwards.
    pub(crate) squashed: bool,
}

/// What a forward pass leaves for a backward pass, and what that leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deviations {
    /// exp(2 log_std), action by action, each as long as a row of z.
    squares: Vec<f32>,
    /// z of each row.
    features: Vec<f32>,
    /// σ² of each row's actions.
    variances: Vec<f32>,
    /// The gradients by `variances`, by `squares` and, of a policy that is squashed, by `features`.
    by_variances: Vec<f32>,
    by_squares: Vec<f32>,
    by_features: Vec<f32>,
}

impl Deviations {
    /// The gradient by what the last layer read, through the deviations; empty where that is not learnt from.
    pub(crate) fn by_features(&self) -> &[f32] {
        &self.by_features
    }
}

impl Mlp {
    /// Whether exploration depends on the state.
    pub fn is_state_dependent(&self) -> bool {
        self.deviations().is_some()
    }

    /// Numbers of an exploration matrix; 0 where there is none.
    pub fn exploration_len(&self) -> usize {
        self.deviations().map_or(0, |own| own.features * own.actions)
    }

    /// Draws an exploration matrix, [`exploration_len`](Self::exploration_len) numbers, action by action.
    ///
    /// # Panics
    /// If `params` or `matrix` is too short.
    pub fn draw_exploration(&self, params: &[f32], rng: &mut Generator, matrix: &mut [f32]) {
        let (Some(own), Some(place)) = (self.deviations(), self.biases(LOG_STD)) else { return };
        let log_std = &params[place];
        for (at, number) in matrix[..log_std.len()].iter_mut().enumerate() {
            let drawn: f32 = StandardNormal.sample(rng);
            *number = log_std[at % own.features * own.actions + at / own.features].exp() * drawn;
        }
    }

    /// What an exploration `matrix` adds to number `d` of the action in the state of row `row` of the last
    /// [`forward`](Self::forward) with this `scratch`.
    ///
    /// # Panics
    /// If there is no such row, or no such matrix.
    pub fn exploration_noise(&self, matrix: &[f32], scratch: &Activations, row: usize, d: usize) -> f32 {
        let Some(own) = self.deviations() else { return 0.0 };
        let width = self.last().inputs;
        let features = &scratch.deviations.features[row * width..][..own.features];
        features.iter().zip(&matrix[d * own.features..][..own.features]).map(|(z, e)| z * e).sum()
    }

    /// The mean of exp(log_std), which is the mean standard deviation of actions where it depends on no state; nothing without.
    pub fn mean_std(&self, params: &[f32]) -> Option<f32> {
        let log_std = &params[self.biases(LOG_STD)?];
        Some(log_std.iter().map(|x| x.exp()).sum::<f32>() / log_std.len() as f32)
    }
}

impl StateDependent {
    /// Makes of the `last` layer of a network, whose outputs were twice as many as an action has numbers, one of means, with
    /// log_std behind its biases.
    pub(crate) fn of(last: &mut Layer, actions: usize, squashed: bool) -> Self {
        last.linears.truncate(1);
        last.linears[0].outputs = 0..actions;
        let features = last.linears[0].inputs.len();
        let place = last.columns..last.columns + features * actions;
        last.linears.push(Linear { row: actions, ..Linear::new(LOG_STD.into(), 0..0, place) });
        last.behind = pad(features * actions);
        Self { features, actions, squashed }
    }

    /// Where log_std lies in the flat buffer, feature by feature.
    pub(crate) fn log_std(self, last: &Layer) -> Range<usize> {
        let begin = last.bias + last.columns;
        begin..begin + self.features * self.actions
    }

    /// Makes of the means in `rows` means and ln σ, where the `last` layer read `features`.
    pub(crate) fn forward(
        self,
        isa: Isa,
        last: &Layer,
        params: &[f32],
        features: &[f32],
        rows: &mut [f32],
        kept: &mut Deviations,
    ) {
        let (width, stride) = (last.inputs, last.columns);
        let count = rows.len() / stride;
        kept.features.clear();
        kept.features.extend_from_slice(&features[..count * width]);
        kept.squares.clear();
        kept.squares.resize(self.actions * width, 0.0);
        for (at, log_std) in params[self.log_std(last)].iter().enumerate() {
            kept.squares[at % self.actions * width + at / self.actions] = (2.0 * log_std).exp();
        }
        kept.variances.clear();
        kept.variances.resize(count * self.actions, 0.0);
        variances(isa, &kept.squares, &kept.features, width, &mut kept.variances);
        for (row, variances) in rows.chunks_exact_mut(stride).zip(kept.variances.chunks_exact(self.actions)) {
            for (d, variance) in variances.iter().enumerate() {
                if self.squashed {
                    row[d] = row[d].clamp(-CLIP_MEAN, CLIP_MEAN);
                }
                row[self.actions + d] = 0.5 * variance.ln();
            }
        }
    }

    /// Writes the gradient by the means before they were clipped to `to`, given that by the outputs `rows`, and keeps those by
    /// log_std and by what the last layer read.
    pub(crate) fn backward(
        self,
        isa: Isa,
        last: &Layer,
        rows: &[f32],
        by_rows: &[f32],
        to: &mut [f32],
        kept: &mut Deviations,
    ) {
        let (width, stride, actions) = (last.inputs, last.columns, self.actions);
        to.fill(0.0);
        let rows = rows.chunks_exact(stride).zip(by_rows.chunks_exact(stride));
        for ((row, by_row), to) in rows.zip(to.chunks_exact_mut(stride)) {
            for d in (0..actions).filter(|d| !self.squashed || row[*d].abs() < CLIP_MEAN) {
                to[d] = by_row[d];
            }
        }
        // ln σ is half the logarithm of the variance.
        kept.by_variances.clear();
        for (variances, by_row) in kept.variances.chunks_exact(actions).zip(by_rows.chunks_exact(stride)) {
            kept.by_variances
                .extend(variances.iter().zip(&by_row[actions..]).map(|(variance, by)| 0.5 * by / variance));
        }
        kept.by_squares.clear();
        kept.by_squares.resize(actions * width, 0.0);
        spread_to_squares(isa, &kept.by_variances, &kept.features, width, &mut kept.by_squares);
        kept.by_features.clear();
        if self.squashed {
            kept.by_features.resize(kept.features.len(), 0.0);
            spread_to_features(isa, kept, width, actions);
        }
    }

    /// Adds the gradient by log_std to that by the parameters.
    pub(crate) fn add_gradient(self, last: &Layer, kept: &Deviations, gradient: &mut [f32]) {
        for (at, sum) in gradient[self.log_std(last)].iter_mut().enumerate() {
            let place = at % self.actions * last.inputs + at / self.actions;
            *sum += 2.0 * kept.squares[place] * kept.by_squares[place];
        }
    }
}

vectorized! {
    /// Σ z² exp(2 log_std) + ε of each row and action.
    fn variances(squares: &[f32], features: &[f32], width: usize, to: &mut [f32]) {
        let actions = squares.len() / width;
        for (row, to) in features.chunks_exact(width).zip(to.chunks_exact_mut(actions)) {
            for (to, squares) in to.iter_mut().zip(squares.chunks_exact(width)) {
                let mut sums = [0.0f32; 16];
                let ((row, rest), (squares, others)) = (row.as_chunks::<16>(), squares.as_chunks::<16>());
                for (row, squares) in row.iter().zip(squares) {
                    for (sum, (z, square)) in sums.iter_mut().zip(row.iter().zip(squares)) {
                        *sum += z * z * square;
                    }
                }
                let rest: f32 = rest.iter().zip(others).map(|(z, square)| z * z * square).sum();
                *to = sums.iter().sum::<f32>() + rest + EPSILON;
            }
        }
    }
}

vectorized! {
    /// Adds what follows by exp(2 log_std) from the gradients by the variances.
    fn spread_to_squares(by_variances: &[f32], features: &[f32], width: usize, to: &mut [f32]) {
        let actions = to.len() / width;
        for (row, by) in features.chunks_exact(width).zip(by_variances.chunks_exact(actions)) {
            for (to, by) in to.chunks_exact_mut(width).zip(by) {
                for (to, z) in to.iter_mut().zip(row) {
                    *to += by * z * z;
                }
            }
        }
    }
}

vectorized! {
    /// Adds what follows by the features from the gradients by the variances.
    fn spread_to_features(kept: &mut Deviations, width: usize, actions: usize) {
        let rows = kept.features.chunks_exact(width).zip(kept.by_features.chunks_exact_mut(width));
        for ((row, to), by) in rows.zip(kept.by_variances.chunks_exact(actions)) {
            for (squares, by) in kept.squares.chunks_exact(width).zip(by) {
                for (to, (z, square)) in to.iter_mut().zip(row.iter().zip(squares)) {
                    *to += 2.0 * by * z * square;
                }
            }
        }
    }
}
