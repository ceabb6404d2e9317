//! Where samples of supervised training come from, and the way they take to a batch.
//!
//! | module | holds |
//! |---|---|
//! | [`image`] | one image: decoded, resized, augmented, turned into numbers |
//! | [`image_folder`] | folders of images, one for each class |
//! | [`loader`] | threads that make batches ahead of who needs them |

pub mod image;
pub mod image_folder;
pub mod loader;
