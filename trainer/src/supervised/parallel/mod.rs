//! Data-parallel training: several processes train one model together.
//!
//! Each process has the whole model and all the data, and learns from its share of every batch; gradients are summed over all of
//! them before each step, so that all take the same one. Processes are numbered by ranks; that of rank 0 owns the run's folder. They
//! talk over TCP, each with each.
//!
//! | module | holds |
//! |---|---|
//! | `world` | which of how many processes this is, from torchrun's variables |
//! | `sampler` | which samples are whose |
//! | `meeting`, `hello` | how processes find each other, and what must be the same for all |
//! | `link` | a connection between two of them |
//! | `group`, `all_reduce` | what they do together once they have met |
//! | `gradients` | the sum of their gradients |
//! | `processes` | the other processes, where rank 0 starts them on its machine |

mod all_reduce;
mod error;
mod gradients;
mod group;
mod hello;
mod link;
mod meeting;
mod processes;
mod sampler;
#[cfg(test)]
mod testing;
mod world;

pub use error::ParallelError;
pub(super) use gradients::sum_gradients;
pub(super) use group::Group;
pub(super) use hello::Hello;
pub(super) use meeting::Meeting;
pub(super) use sampler::{rest, share};
pub use world::World;
