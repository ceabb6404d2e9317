//! Sweeps: a search over settings, each trial a run or several, in processes of their own.
//!
//! | module | holds |
//! |---|---|
//! | `spec` | the file that says what is searched |
//! | `space` | what a parameter may be |
//! | `search` | which point comes next: grid, random, TPE |
//! | `trials` | what was tried, kept in `sweep.json` |
//! | `jobs` | the processes that train |
//! | `picture` | how the trials went |
//!
//! A sweep's folder holds `sweep.json` and the runs `trial-0000-s1`, ... like any others: `cartwheel runs`, `compare` and
//! `watch` take it. A sweep that was killed goes on: what finished is not trained again, and what had begun goes on from its
//! last checkpoint.

mod jobs;
mod picture;
mod search;
mod space;
mod spec;
mod trials;

pub use jobs::{Jobs, Told};
pub use picture::draw;
pub use search::{Method, suggest};
pub use space::{Distribution, Parameter};
pub use spec::{Goal, Spec, SweepConfig};
pub use trials::{State, Sweep, Trial};
