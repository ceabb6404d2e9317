//! Gymnasium's classic control, and a variant with less to see: small physical systems.
//!
//! Pendulum, Acrobot and the mountain cars take sines from the platform's library, as NumPy does, so that they equal
//! Gymnasium to the last bit of an observation on the same platform. That is needed: where a pendulum is held
//! upright, or two links tumble, a difference in a sine's last bit grows past 1e-6 within an episode of recorded
//! actions.

mod acrobot;
mod cart_pole;
mod masked_cart_pole;
mod mountain_car;
mod mountain_car_continuous;
mod pendulum;
mod sine;

pub use acrobot::{Acrobot, AcrobotState};
pub use cart_pole::{CartPole, CartPoleConfig, CartPoleState};
pub use masked_cart_pole::MaskedCartPole;
pub use mountain_car::{MountainCar, MountainCarConfig, MountainCarState};
pub use mountain_car_continuous::{MountainCarContinuous, MountainCarContinuousConfig, MountainCarContinuousState};
pub use pendulum::{Pendulum, PendulumConfig, PendulumState};

use crate::EnvSpec;

pub(crate) fn specs() -> Vec<EnvSpec> {
    let mut specs = cart_pole::specs();
    specs.extend([
        acrobot::spec(),
        masked_cart_pole::spec(),
        mountain_car::spec(),
        mountain_car_continuous::spec(),
        pendulum::spec(),
    ]);
    specs
}
