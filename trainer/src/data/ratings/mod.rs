//! Who chose or rated what: MovieLens' files, and CSV or Parquet with named columns.
//!
//! | module | holds |
//! |---|---|
//! | `read` | a file, or the one in a folder, of which format it is |
//! | `parquet_file` | one of Parquet's |
//! | `part_files` | folders of these |
//! | `pages` | what of Parquet is compressed by zstd or LZ4 |
//! | `columns` | which column is which |
//! | `split` | the last choice of each user held out, and what is asked about it |
//! | `titles` | what items are called, where a file beside says so |

mod columns;
mod error;
mod pages;
mod parquet_file;
mod part_files;
mod read;
mod split;
mod titles;

pub use columns::Columns;
pub use error::RatingsError;
pub use split::{LeaveOneOut, Seen};

/// A user chose an item, or rated it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interaction {
    /// The user's number.
    pub user: u32,
    /// The item's.
    pub item: u32,
    /// The rating; 1 where the file has none.
    pub rating: f32,
    /// When, in the file's unit; 0 where the file does not say.
    pub time: f64,
}

/// What is in a file of ratings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ratings {
    /// What each user is called in the file, in the order of their first rows.
    pub users: Vec<String>,
    /// What each item is called.
    pub items: Vec<String>,
    /// The title of each item; empty for one that has none.
    pub titles: Vec<String>,
    /// The rows, in their order.
    pub rows: Vec<Interaction>,
    /// Whether the file has ratings, and not only choices.
    pub rated: bool,
}
