//! Gymnasium's classic control: small physical systems.

mod cart_pole;

pub use cart_pole::{CartPole, CartPoleConfig, CartPoleState, CartPoleVector};

use crate::EnvSpec;

pub(crate) fn specs() -> Vec<EnvSpec> {
    cart_pole::specs()
}
