//! What a run shows to viewers while it trains, and what they can do to it.

mod protocol;

pub use protocol::*;
