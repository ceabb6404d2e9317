//! Agents: what decides and what learns.
//!
//! | module | holds |
//! |---|---|
//! | [`nn`] | networks, their kernels, devices and weights: the only place that knows dfdx |
//! | [`dqn`] | deep Q-network: its hyperparameters and its update rule |
//! | [`mod@config`] | how settings are declared once and then read, checked, printed and documented |
//!
//! A [`GreedyPolicy`] acts with a trained network:
//!
//! ```
//! use cartwheel_agents::{GreedyPolicy, nn::{Activation, Mlp}};
//! use cartwheel_envs::{Generator, make};
//!
//! let mut env = make("CartPole-v1")?;
//! let network = Mlp::new(4, &[16], 2, Activation::Relu);
//! let parameters = network.init(&mut Generator::new(0));
//! let mut policy = GreedyPolicy::new(&env.observation_space(), &env.action_space(), |_, _| network, parameters)?;
//! let action = policy.act(env.reset(Some(0))?);
//! let step = env.step(action)?;
//! assert_eq!(step.reward, 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod config;
pub mod dqn;
pub mod nn;

mod features;
mod policy;

pub use features::Features;
pub use policy::{GreedyPolicy, PolicyError, argmax};
