//! What tests of the window share.

pub(crate) mod fixture;
mod painter;
mod window;

pub(crate) use painter::Painter;
pub(crate) use window::Window;
