//! Recommenders: which items go with which users, learnt from who chose or rated what.
//!
//! | | matrix factorization (Koren et al. 2009) | two towers (Covington et al. 2016, Yi et al. 2019) |
//! |---|---|---|
//! | score | mean + bᵤ + bᵢ + pᵤ · qᵢ | f(u) · g(i) |
//! | names | `user_embedding.weight`, `item_embedding.weight`, `user_bias.weight`, `item_bias.weight`, `mean` | `user_tower.0.weight`, ... of `torch.nn.Sequential(Embedding, Linear, ReLU, ..., Linear)`, and the same of `item_tower` |
//! | begins as | normal with a deviation of 0.01 (He et al. 2017), biases 0 | embeddings uniform within 0.05 (Keras), layers as PyTorch's |
//!
//! Users and items are numbers from 0. A pass reads rows of the tables and changes no others.

mod on_device;
mod shape;
mod towers;

pub use shape::{Architecture, Shape};

use cartwheel_envs::Generator;
use dfdx::prelude::{AsArray as _, Cpu, NoneTape, PutTape as _, Rank0, SplitTape as _, Tape, Tensor};
use rand_distr::{Distribution as _, StandardNormal};

use super::classifier::Pass;
use crate::nn::ops::{self, Against, Pairs, Rows, Targets};
use crate::nn::{DeviceError, Gradients, ParameterId, Parameters, Real};
use towers::Side;

/// What a pass should come to.
#[derive(Clone, Copy, Debug)]
pub enum Goal<'a, E = f32> {
    /// Of the items of a user, of whom there are as many for each, the first was chosen.
    Ranking(Against),
    /// Each user chose its item, of one each, among those of the whole batch: softmax, in which an item counts for as much as it
    /// would if it were not more likely to be in a batch the more often it is chosen. Of each item the logarithm of how likely it
    /// is to be in a place of the batch.
    InBatch(&'a [E]),
    /// What each user rated its item, of one each: squared error.
    Ratings(&'a [E]),
}

impl<E> Goal<'_, E> {
    /// Which users it wants scores of with which items.
    fn pairs(&self) -> Pairs {
        if matches!(self, Goal::InBatch(_)) { Pairs::All } else { Pairs::Own }
    }
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Recommender<E: Real = f32> {
    parameters: Parameters<E>,
    shape: Shape,
    user: Side,
    item: Side,
    mean: ParameterId,
}

impl<E: Real> Recommender<E> {
    /// A model that knows nothing yet, of ratings with this mean, or 0 where there are none.
    pub fn new(shape: Shape, mean: f64, rng: &mut Generator) -> Self {
        let mut parameters = Parameters::default();
        let mut side = |name: &str, rows: usize| match shape.architecture {
            Architecture::Mf => {
                let mut normal = || {
                    let x: f64 = StandardNormal.sample(rng);
                    E::of(0.01 * x)
                };
                let values = (0..rows * shape.embedding_dim).map(|_| normal()).collect();
                let table =
                    parameters.add_table(format!("{name}_embedding.weight"), &[rows, shape.embedding_dim], values);
                let bias = parameters.add_table(format!("{name}_bias.weight"), &[rows, 1], vec![E::zero(); rows]);
                Side { table, bias: Some(bias), layers: Vec::new() }
            }
            Architecture::TwoTower => {
                let mut uniform = |count: usize, bound: f64| -> Vec<E> {
                    (0..count).map(|_| E::of(rng.uniform(-bound, bound))).collect()
                };
                let values = uniform(rows * shape.embedding_dim, 0.05);
                let table =
                    parameters.add_table(format!("{name}_tower.0.weight"), &[rows, shape.embedding_dim], values);
                let (mut layers, mut inputs) = (Vec::new(), shape.embedding_dim);
                for (at, outputs) in shape.layers.iter().copied().enumerate() {
                    // Between two layers is a rectifier, which has a number of its own in PyTorch.
                    let name = format!("{name}_tower.{}", 2 * at + 1);
                    let bound = (inputs.max(1) as f64).sqrt().recip();
                    let weight = uniform(inputs * outputs, bound);
                    let weight = parameters.add(format!("{name}.weight"), &[outputs, inputs], weight);
                    let bias = parameters.add(format!("{name}.bias"), &[outputs], uniform(outputs, bound));
                    layers.push([weight, bias]);
                    inputs = outputs;
                }
                Side { table, bias: None, layers }
            }
        };
        let (user, item) = (side("user", shape.users), side("item", shape.items));
        let mean = parameters.add_buffer("mean", &[1], vec![E::of(mean)]);
        Self { parameters, shape, user, item, mean }
    }

    /// Its parameters and buffers.
    pub fn parameters(&self) -> &Parameters<E> {
        &self.parameters
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> &mut Parameters<E> {
        &mut self.parameters
    }

    /// Its sizes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Adds the gradient of the losses of a batch, summed up and divided by `divisor`, to `gradients`. `items` has as many for each
    /// user, one user's after the other's; what `goal` says of ratings and choices holds for them in that order. The loss and the
    /// scores, a row a user, are those before a step.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there is no such user or item, or the sizes do not fit.
    pub fn learn(
        &self,
        users: &[u32],
        items: &[u32],
        goal: Goal<'_, E>,
        divisor: f64,
        gradients: &mut Gradients<E>,
    ) -> Result<Pass<E>, DeviceError> {
        self.touch(users, items, gradients);
        let tape = gradients.tape(self.parameters.device());
        let (scores, tape) = self.forward(users, items, goal.pairs(), tape, &mut |_, _| {})?.split_tape();
        let logits = self.shown(goal, ops::values(&scores));
        let loss = self.loss(scores.put_tape(tape), items, goal, divisor)?;
        let pass = Pass { loss: loss.array(), logits };
        gradients.backward(loss)?;
        Ok(pass)
    }

    /// Says which rows of the tables a pass reads.
    fn touch(&self, users: &[u32], items: &[u32], gradients: &mut Gradients<E>) {
        for (side, rows) in [(&self.user, users), (&self.item, items)] {
            side.tables().for_each(|table| gradients.touch(self.parameters.get(table), rows));
        }
    }

    /// Scores with what [`forward`](Self::forward) leaves out.
    fn shown(&self, goal: Goal<'_, E>, mut scores: Vec<E>) -> Vec<E> {
        if let Goal::Ratings(_) = goal {
            let mean = self.mean();
            scores.iter_mut().for_each(|score| *score += mean);
        }
        scores
    }

    /// The losses of scores without the mean, summed up and divided by `divisor`.
    fn loss<T: Tape<E, Cpu>>(
        &self,
        scores: Rows<E, T>,
        items: &[u32],
        goal: Goal<'_, E>,
        divisor: f64,
    ) -> Result<Tensor<Rank0, E, Cpu, T>, DeviceError> {
        match goal {
            Goal::Ranking(against) => ops::ranking(scores, against, divisor),
            Goal::Ratings(ratings) => {
                let mean = self.mean();
                let off: Vec<E> = ratings.iter().map(|rating| *rating - mean).collect();
                ops::squared_error(scores, &off, divisor)
            }
            Goal::InBatch(log_q) => {
                let (scores, tape) = scores.split_tape();
                let mut corrected = ops::values(&scores);
                let mut own = Vec::new();
                for (at, row) in corrected.chunks_exact_mut(items.len().max(1)).enumerate() {
                    own.push(at as u32);
                    for (column, (x, item)) in row.iter_mut().zip(items).enumerate() {
                        // What the user did choose is in no way wrong for being there twice.
                        let twice = column != at && *item == items[at];
                        *x = if twice { E::neg_infinity() } else { *x - log_q[*item as usize] };
                    }
                }
                let scores = ops::replaced(scores, corrected, tape)?;
                ops::softmax_cross_entropy(scores, Targets::Classes(&own), 0.0, divisor)
            }
        }
    }

    /// The scores without the mean, which changes no order.
    fn forward<T: Tape<E, Cpu>>(
        &self,
        users: &[u32],
        items: &[u32],
        pairs: Pairs,
        tape: T,
        look: &mut dyn FnMut(&str, &[E]),
    ) -> Result<Rows<E, T>, DeviceError> {
        let (of_users, tape) = self.user.forward(&self.parameters, users, tape, look)?;
        let (of_items, tape) = self.item.forward(&self.parameters, items, tape, look)?;
        let (by_user, tape) = self.user.bias(&self.parameters, users, tape)?;
        let (by_item, tape) = self.item.bias(&self.parameters, items, tape)?;
        let biases = by_user.zip(by_item).map(|(user, item)| [user, item]);
        ops::scores(of_users, of_items, biases, pairs, tape)
    }

    /// The mean of ratings.
    pub fn mean(&self) -> E {
        self.parameters.get(self.mean).values()[0]
    }

    /// Numbers of a user's and an item's vector, whose product is the score.
    pub fn width(&self) -> usize {
        self.shape.width()
    }

    /// The vectors of `users`, one after the other, with all biases in them.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there is no such user.
    pub fn user_vectors(&self, users: &[u32]) -> Result<Vec<E>, DeviceError> {
        let mean = self.mean();
        self.vectors(&self.user, users, |bias| [mean + bias, E::one()])
    }

    /// The vectors of `items`.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If there is no such item.
    pub fn item_vectors(&self, items: &[u32]) -> Result<Vec<E>, DeviceError> {
        self.vectors(&self.item, items, |bias| [E::one(), bias])
    }

    /// Two numbers more for biases, or for the mean alone.
    fn vectors(&self, side: &Side, rows: &[u32], ends: impl Fn(E) -> [E; 2]) -> Result<Vec<E>, DeviceError> {
        let vectors = ops::values(&side.forward(&self.parameters, rows, NoneTape, &mut |_, _| {})?.0);
        let bias = side.bias(&self.parameters, rows, NoneTape)?.0;
        let bias = bias.map_or_else(|| vec![E::zero(); rows.len()], |bias| ops::values(&bias));
        let width = vectors.len() / rows.len().max(1);
        let mut all = Vec::with_capacity(rows.len() * (width + 2));
        for (vector, bias) in vectors.chunks_exact(width.max(1)).zip(bias) {
            all.extend_from_slice(vector);
            all.extend(ends(bias));
        }
        Ok(all)
    }

    /// The name of the first layer whose output for a batch is not finite.
    ///
    /// # Errors
    /// If the device fails.
    pub fn not_finite(&self, users: &[u32], items: &[u32]) -> Result<Option<String>, DeviceError> {
        let mut first = None;
        self.forward(users, items, Pairs::Own, NoneTape, &mut |name, values| {
            if first.is_none() && values.iter().any(|value| !value.is_finite()) {
                first = Some(name.to_owned());
            }
        })?;
        Ok(first)
    }
}

#[cfg(test)]
mod tests;
