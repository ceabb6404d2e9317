//! Where samples of supervised training and recorded episodes come from, and the way they take to a batch.
//!
//! | module | holds |
//! |---|---|
//! | [`idx`] | MNIST's IDX files, plain and gzipped |
//! | [`image`] | one image: decoded, resized, augmented, turned into numbers |
//! | [`image_folder`] | folders of images, one for each class |
//! | [`image_parts`] | such folders to train, validate and test, beside each other |
//! | [`loader`] | threads that make batches ahead of who needs them |
//! | [`minari`] | recorded episodes, in Minari's layout |
//! | [`mnist`] | a folder of four IDX files: images and labels, to train and to test |
//! | [`ratings`] | who chose or rated what: MovieLens' files and CSV |
//! | [`survey`] | what is in a folder: classes, sizes, mean and deviation, broken files |
//! | [`parallel_text`] | pairs of texts: TSV and JSONL |
//! | [`sheet`] | an image of what augmentation does |

pub mod idx;
pub mod image;
pub mod image_folder;
pub mod image_parts;
pub mod loader;
pub mod minari;
pub mod mnist;
pub mod parallel_text;
mod part_names;
pub mod ratings;
pub mod sheet;
pub mod survey;
