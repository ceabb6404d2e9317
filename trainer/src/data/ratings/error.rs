//! What is wrong with ratings.

use std::path::PathBuf;

/// What is wrong with a file of ratings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RatingsError {
    /// Neither a file nor a folder.
    #[error("there is no {}: give a file of ratings, or the folder of a MovieLens data set", path.display())]
    Nothing {
        /// What was given.
        path: PathBuf,
    },
    /// A folder without such a file.
    #[error("{} holds none of ratings.csv, ratings.dat, u.data and ratings.parquet, and no part-*.parquet: give the file itself", folder.display())]
    NoFile {
        /// The folder.
        folder: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A column that was asked for is not there.
    #[error("{} {problem}", file.display())]
    Column {
        /// The file.
        file: PathBuf,
        /// Which column, what is there instead, and how to name another.
        problem: String,
    },
    /// A file of Parquet that cannot be read.
    #[error("{}: {problem}", file.display())]
    Parquet {
        /// The file.
        file: PathBuf,
        /// What is wrong and how to write it.
        problem: String,
    },
    /// A row that cannot be.
    #[error("{}, {unit} {number}: {problem}", file.display())]
    Row {
        /// The file.
        file: PathBuf,
        /// What is counted: lines of a text, rows of a table.
        unit: &'static str,
        /// Which of them, from 1.
        number: u64,
        /// What is wrong and what should stand there.
        problem: String,
    },
    /// Not a row.
    #[error("{} holds no ratings", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
}

impl RatingsError {
    /// Whether another command line would do, and not another file.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Nothing { .. } | Self::NoFile { .. } | Self::Column { .. })
    }
}
