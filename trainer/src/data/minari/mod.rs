//! Recorded episodes in the layout of Minari 0.5, to be written and read: a folder `data` with `metadata.json` and
//! `main_data.hdf5`, which has a group for each episode.
//!
//! | part of a group | holds, for an episode of T steps |
//! |---|---|
//! | `observations` | what was seen, T + 1 of them: the last is what the last step led to |
//! | `actions` | what was done, as the environment takes it |
//! | `rewards` | what it gave |
//! | `terminations`, `truncations` | whether the episode ended there, and for which reason |
//!
//! Parts of a `Dict` are datasets of their names in a group, parts of a `Tuple` are `_index_0` and so on. What is read may
//! come from Minari's hub: it keeps its datasets so.

mod env_spec;
mod error;
mod read;
mod space;
mod write;

pub use error::MinariError;
pub use read::{Dataset, Episode};
pub use write::{About, Recording};

/// The episodes.
const DATA_FILE: &str = "main_data.hdf5";
/// What they are of.
const METADATA_FILE: &str = "metadata.json";
/// The Minari whose layout this is.
const MINARI_VERSION: &str = "0.5.4";
/// How Minari calls the layout of the episodes.
const DATA_FORMAT: &str = "hdf5";

/// The group of an episode.
fn group_name(episode: usize) -> String {
    format!("episode_{episode}")
}

#[cfg(test)]
mod tests;
