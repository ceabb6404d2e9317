//! Several processes train one model together: replicas of it, stages of it, or both.
//!
//! Each replica learns from its share of every batch; gradients are summed over all of them before each step, so that all take the
//! same one. A replica is one process with the whole model, or as many as the model is cut into stages, through which micro-batches go one after the
//! other. Processes are numbered by ranks; that of rank 0 owns the run's folder. They talk over TCP, each with each.
//!
//! | module | holds |
//! |---|---|
//! | `world` | which of how many processes this is, from torchrun's variables |
//! | `sampler` | which samples are whose |
//! | `meeting`, `hello` | how processes find each other, and what must be the same for all |
//! | `link` | a connection between two of them |
//! | `group`, `all_reduce` | what they do together once they have met |
//! | `mesh` | which of them are stages of one replica, and which replicas of one stage |
//! | `gradients` | the sum of the gradients of replicas |
//! | `pipeline` | what goes from stage to stage, and when |
//! | `processes` | the other processes, where rank 0 starts them on its machine |

mod all_reduce;
mod error;
mod gradients;
mod group;
mod hello;
mod link;
mod meeting;
mod mesh;
mod pipeline;
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
pub(super) use mesh::Mesh;
pub(super) use pipeline::{Flow, Work, bubble, schedule};
pub(super) use sampler::{rest, share};
pub use world::World;
