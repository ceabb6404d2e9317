//! Gymnasium's toy text: small tasks with states that can be counted.

mod blackjack;
mod cliff_walking;
mod frozen_lake;
mod tabular;
mod taxi;

pub use blackjack::{Blackjack, BlackjackConfig};
pub use cliff_walking::{CliffWalking, CliffWalkingConfig};
pub use frozen_lake::{FrozenLake, FrozenLakeConfig, FrozenLakeMap, FrozenLakeMapName};
pub use tabular::Probability;
pub use taxi::{Taxi, TaxiConfig};

use crate::EnvSpec;

pub(crate) fn specs() -> Vec<EnvSpec> {
    frozen_lake::specs().into_iter().chain(cliff_walking::specs()).chain([taxi::spec(), blackjack::spec()]).collect()
}
