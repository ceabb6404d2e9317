//! Environments of the crate `gymnasium-rs` in Cartwheel, and Cartwheel's for programs written against
//! `gymnasium-rs`.
//!
//! [`FromGymnasiumRs`] makes anything that implements its trait an environment here, to be checked, registered,
//! batched and trained on like any other:
//!
//! ```
//! use cartwheel_envs::{EnvSpec, Kwargs, make, register};
//! use cartwheel_gymnasium_rs::FromGymnasiumRs;
//! use gymnasium_rs::envs::cartpole::CartPole;
//!
//! let build = |_: Kwargs| FromGymnasiumRs::new(CartPole::new());
//! register(EnvSpec::new("TheirCartPole-v0", "CartPole of gymnasium-rs", build).max_episode_steps(500))?;
//! let mut env = make("TheirCartPole-v0")?;
//! env.reset(Some(42))?;
//! assert_eq!(env.step(1)?.reward, 1.0);
//! # Ok::<(), cartwheel_envs::EnvError>(())
//! ```
//!
//! [`ToGymnasiumRs`] hands an [`Environment`](cartwheel_envs::Environment) to what expects that trait:
//!
//! ```
//! use cartwheel_envs::make;
//! use cartwheel_gymnasium_rs::ToGymnasiumRs;
//! use gymnasium_rs::core::Env;
//! use ndarray::Array1;
//!
//! fn random_return(env: &mut dyn Env<Array1<f32>, i32>) -> f32 {
//!     env.reset_seed(42);
//!     let mut sum = 0.0;
//!     loop {
//!         let (_, reward, terminated, truncated, _) = env.step(1);
//!         sum += reward;
//!         if terminated || truncated {
//!             return sum;
//!         }
//!     }
//! }
//! assert_eq!(random_return(&mut ToGymnasiumRs::new(make("CartPole-v1")?)?), 10.0);
//! # Ok::<(), cartwheel_envs::EnvError>(())
//! ```
//!
//! What either carries, and what it refuses, is in the table of each. Which Rust types stand for observations and
//! actions is up to [`Member`].

mod from;
mod member;
mod spaces;
mod to;

pub use from::{FromGymnasiumRs, episode_seed};
pub use member::Member;
pub use to::ToGymnasiumRs;
