//! What a model costs, before anything runs.

use serde::Serialize;

/// A layer's line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerCost {
    /// The name of its parameters, without their last part.
    pub name: String,
    /// What it is, such as `Linear`.
    pub kind: String,
    /// The shape of what comes out, for one sample.
    pub output: Vec<usize>,
    /// Numbers that are learnt.
    pub parameters: u64,
    /// Floating-point operations of a sample's forward pass, a multiplication and an addition counting as two.
    pub flops: u64,
}

/// A model's layers and their sums.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// The model.
    pub model: String,
    /// The shape of a sample.
    pub input: Vec<usize>,
    /// Its layers, in the order of the forward pass.
    pub layers: Vec<LayerCost>,
    /// Numbers that are learnt.
    pub parameters: u64,
    /// Bytes of all weights in f32.
    pub bytes: u64,
    /// Floating-point operations of a sample's forward pass.
    pub flops: u64,
    /// Numbers of a sample that training holds at once: what the backward pass needs, and gradients.
    pub held: u64,
}

impl Cost {
    /// The sums over `layers`; `tied` parameters are counted in more than one of them.
    pub fn new(model: impl Into<String>, input: Vec<usize>, layers: Vec<LayerCost>) -> Self {
        let parameters = layers.iter().map(|layer| layer.parameters).sum();
        let flops = layers.iter().map(|layer| layer.flops).sum();
        let numbers = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        // What comes into and out of each layer, with its gradient.
        let held = 2 * numbers(&input) + 4 * layers.iter().map(|layer| numbers(&layer.output)).sum::<u64>();
        Self { model: model.into(), input, layers, parameters, bytes: 4 * parameters, flops, held }
    }

    /// The same of a model that holds so many numbers of a sample in training.
    pub fn holding(self, held: u64) -> Self {
        Self { held, ..self }
    }

    /// Bytes that training on batches of `batch` samples takes, about: weights, their gradients and `moments` numbers of each in
    /// the optimizer; and what is held of each sample.
    pub fn training_bytes(&self, batch: usize, moments: u64) -> u64 {
        let held = self.held.saturating_mul(4).saturating_mul(batch as u64);
        self.bytes.saturating_mul(2 + moments).saturating_add(held)
    }
}
