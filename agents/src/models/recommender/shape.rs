//! The sizes of a recommender, and what it costs.

use crate::config_enum;
use crate::models::{Cost, LayerCost};

config_enum! {
    /// What makes a score of a user and an item.
    pub enum Architecture {
        /// Matrix factorization: the product of a vector of each, with biases.
        Mf = "mf",
        /// The product of what a network makes of each.
        TwoTower = "two_tower",
    }
}

/// The sizes of a recommender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Users.
    pub users: usize,
    /// Items.
    pub items: usize,
    /// What makes a score.
    pub architecture: Architecture,
    /// Numbers of an embedding.
    pub embedding_dim: usize,
    /// Of two towers the outputs of each layer.
    pub layers: Vec<usize>,
}

impl Shape {
    /// Numbers of a vector that the model makes of a user or an item, with two for biases.
    pub(super) fn width(&self) -> usize {
        self.outputs() + 2
    }

    /// The same without those.
    fn outputs(&self) -> usize {
        match self.architecture {
            Architecture::Mf => self.embedding_dim,
            Architecture::TwoTower => self.layers.last().copied().unwrap_or(self.embedding_dim),
        }
    }

    /// What a model of this shape costs; a sample is a user and an item.
    pub fn cost(&self) -> Cost {
        let line = |name: String, kind: &str, outputs: usize, parameters: usize, flops: usize| LayerCost {
            name,
            kind: kind.into(),
            output: vec![outputs],
            parameters: parameters as u64,
            flops: flops as u64,
        };
        let (dim, mut layers) = (self.embedding_dim, Vec::new());
        let mf = self.architecture == Architecture::Mf;
        for (side, rows) in [("user", self.users), ("item", self.items)] {
            if mf {
                layers.push(line(format!("{side}_embedding"), "Embedding", dim, rows * dim, 0));
                layers.push(line(format!("{side}_bias"), "Embedding", 1, rows, 0));
                continue;
            }
            layers.push(line(format!("{side}_tower.0"), "Embedding", dim, rows * dim, 0));
            let mut inputs = dim;
            for (at, outputs) in self.layers.iter().copied().enumerate() {
                let (parameters, flops) = (inputs * outputs + outputs, 2 * inputs * outputs + outputs);
                layers.push(line(format!("{side}_tower.{}", 2 * at + 1), "Linear", outputs, parameters, flops));
                inputs = outputs;
            }
        }
        layers.push(line("score".into(), "Product", 1, 0, 2 * self.outputs() + if mf { 2 } else { 0 }));
        Cost::new("recommender", vec![2], layers)
    }
}
