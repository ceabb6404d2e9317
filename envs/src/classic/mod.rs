//! Gymnasium's classic control: small physical systems.

mod acrobot;
mod cart_pole;
mod mountain_car;
mod mountain_car_continuous;
mod pendulum;
mod trig;

pub use acrobot::{Acrobot, AcrobotState};
pub use cart_pole::{CartPole, CartPoleConfig, CartPoleState, CartPoleVector};
pub use mountain_car::{MountainCar, MountainCarConfig, MountainCarState};
pub use mountain_car_continuous::{MountainCarContinuous, MountainCarContinuousConfig, MountainCarContinuousState};
pub use pendulum::{Pendulum, PendulumConfig, PendulumState};

use crate::EnvSpec;

pub(crate) fn specs() -> Vec<EnvSpec> {
    let mut specs = cart_pole::specs();
    specs.extend([acrobot::spec(), mountain_car::spec(), mountain_car_continuous::spec(), pendulum::spec()]);
    specs
}
