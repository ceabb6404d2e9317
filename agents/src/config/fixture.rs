//! Sections that the tests of this module share.

use super::serde_json::{self, Map};
use crate::{config, config_enum};

config_enum! {
    /// A loss.
    pub(super) enum Loss {
        /// Huber's.
        Huber = "huber",
        /// Mean squared error.
        Mse = "mse",
    }
}

config! {
    /// An agent with one key of every kind.
    ///
    /// - the second paragraph
    ///   is a list
    pub(super) struct Agent in "agent" {
        /// Step size of the optimiser.
        /// Halve it if the loss rises.
        learning_rate: f64 = 1e-4, positive;
        /// Transitions kept in replay.
        buffer_size: usize = 1_000_000, at_least(1);
        /// Hidden layers of the network.
        net_arch: Vec<usize> = vec![64, 64], each(positive);
        /// Loss of the network.
        loss: Loss = Loss::Huber;
        other_loss: Option<Loss> = None;
        /// Bound of the gradient's norm.
        max_grad_norm: Option<f64> = Some(10.0), if_some(positive);
        /// Whether the target | the network | both are normalised.
        normalise: bool = true;
    }
}

config! {
    /// The run.
    pub(super) struct Run in "run" {
        /// Where every random number starts.
        seed: u64 = 1;
        /// Its name.
        name: String = "first".to_owned(), non_empty;
        /// Words to find it by.
        tags: Vec<String> = Vec::new();
        /// A shift that may be negative.
        offset: i64 = -1, within(-10, 10);
        /// Lanes.
        lanes: u32 = 4;
        /// Arguments of the environment.
        args: Map<String, serde_json::Value> = Map::new();
    }
}
