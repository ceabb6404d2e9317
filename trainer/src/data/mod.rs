//! Where samples of supervised training come from, and the way they take to a batch.
//!
//! | module | holds |
//! |---|---|
//! | [`image`] | one image: decoded, resized, augmented, turned into numbers |
//! | [`image_folder`] | folders of images, one for each class |
//! | [`loader`] | threads that make batches ahead of who needs them |
//! | [`survey`] | what is in a folder: classes, sizes, mean and deviation, broken files |
//! | [`sheet`] | a picture of what augmentation does |

pub mod image;
pub mod image_folder;
pub mod loader;
pub mod sheet;
pub mod survey;
