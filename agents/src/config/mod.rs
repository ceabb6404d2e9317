//! Every setting of a run: typed keys in named sections, declared once.
//!
//! A section is a TOML table. [`config!`](crate::config!) turns one declaration into the Rust struct, its defaults, its
//! TOML reader with range checks, and the comments that `--print-config` writes. Settings reach a run in layers, each
//! over the one before: the defaults, then a file ([`load`]), then `--set` arguments ([`set`]).
//!
//! ```
//! use cartwheel_agents::{config, config_enum};
//!
//! config_enum! {
//!     /// How the temporal-difference error is penalised.
//!     pub enum Loss {
//!         /// Quadratic near zero and linear further out.
//!         Huber = "huber",
//!         /// Mean squared error.
//!         Mse = "mse",
//!     }
//! }
//!
//! config! {
//!     /// Deep Q-network (Mnih et al. 2015).
//!     pub struct DqnConfig in "dqn" {
//!         /// Adam's step size.
//!         learning_rate: f64 = 1e-4, positive;
//!         /// Transitions kept in replay.
//!         buffer_size: usize = 1_000_000, at_least(1);
//!         /// Loss of the Q-network.
//!         loss: Loss = Loss::Huber;
//!     }
//! }
//!
//! let mut dqn = DqnConfig::default();
//! config::load(&mut [&mut dqn], "[dqn]\nlearning_rate = 1e-3", "run.toml")?;
//! config::set(&mut [&mut dqn], "dqn.loss=mse")?;
//! assert_eq!((dqn.learning_rate, dqn.loss), (1e-3, Loss::Mse));
//!
//! let error = config::load(&mut [&mut dqn], "[dqn]\nbuffer_size = 0", "run.toml").unwrap_err();
//! assert_eq!(error.to_string(), "run.toml:2: dqn.buffer_size: expected a number of 1 or more, found 0");
//!
//! assert!(config::render(&[&dqn], true).contains("# Adam's step size.\nlearning_rate = 0.001\n"));
//! # Ok::<(), config::ConfigErrors>(())
//! ```

pub mod checks;
mod error;
mod file;
mod macros;
mod render;
mod section;
mod set;
mod suggest;
mod value;

pub use checks::check;
pub use error::{ConfigError, ConfigErrors, Problem, SetError, UnknownChoice};
pub use file::load;
pub use render::{render, render_reference, values};
pub use section::{Key, Section};
pub use set::set;
pub use suggest::nearest;
pub use value::{Value, plain};

// The types in this module's signatures, so that implementers of `Value` and users of the macros name the same ones.
pub use {serde_json, toml_edit};

#[doc(hidden)]
pub use macros::support;

#[cfg(test)]
mod fixture;
