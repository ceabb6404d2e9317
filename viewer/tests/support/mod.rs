//! What tests of the window share.

pub(crate) mod fixture;
mod painter;

pub(crate) use painter::Painter;
