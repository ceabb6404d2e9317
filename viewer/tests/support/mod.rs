//! What tests of the window share.

mod painter;

pub use painter::Painter;
