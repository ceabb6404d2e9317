//! What tests of the window share.

pub mod fixture;
mod painter;

pub use painter::Painter;
