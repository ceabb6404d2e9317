//! What is wrong with a dataset.

use std::path::PathBuf;

use crate::memory::in_mib;

/// What is wrong with a dataset of recorded episodes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MinariError {
    /// No such folder.
    #[error("there is no folder {}: record a dataset with `cartwheel record RUN --transitions DIR`, or give Minari's folder of one", folder.display())]
    Nothing {
        /// What was given.
        folder: PathBuf,
    },
    /// A folder of something else.
    #[error("{} is not a dataset: neither it nor its folder data holds metadata.json; give a folder that `cartwheel record RUN --transitions DIR` or Minari wrote", folder.display())]
    NotADataset {
        /// The folder.
        folder: PathBuf,
    },
    /// A dataset without its episodes.
    #[error("there is no {}, which holds a dataset's episodes beside its metadata.json: download or record it again", file.display())]
    NoEpisodes {
        /// main_data.hdf5.
        file: PathBuf,
    },
    /// There is one already.
    #[error("{} holds a dataset already: give another folder, or remove it", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// A file that cannot be read or written.
    #[error("cannot {doing} {}: {source}", file.display())]
    Io {
        /// What was tried: `read` or `write`.
        doing: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Metadata that say something else than they should.
    #[error("{}: {problem}", file.display())]
    Metadata {
        /// metadata.json.
        file: PathBuf,
        /// The key, what was found, and what to do.
        problem: String,
    },
    /// A file of episodes that is cut off, or not one.
    #[error("{} cannot be read ({problem}): it is cut off or damaged; record or download the dataset again", file.display())]
    Broken {
        /// main_data.hdf5.
        file: PathBuf,
        /// Why.
        problem: String,
    },
    /// An episode with something in it that cannot be.
    #[error("{}, episode_{episode}: {problem}", file.display())]
    Episode {
        /// main_data.hdf5.
        file: PathBuf,
        /// Its number.
        episode: usize,
        /// Which part and row, what was found, and what should stand there.
        problem: String,
    },
    /// Not a step.
    #[error("{} holds no steps: record more episodes", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// Of another environment.
    #[error("{} {problem}", folder.display())]
    Spaces {
        /// The folder.
        folder: PathBuf,
        /// Its space and the environment's, and what to do.
        problem: String,
    },
    /// More episodes than fit into memory, where a dataset's file is made.
    #[error("{episodes} episodes like the first {recorded} would take about {} to write, and this machine has {}: record {fits} or fewer to a folder, with another --seed for each (training takes several --dataset)", in_mib(*needed), in_mib(*memory))]
    NoRoom {
        /// How many were asked for.
        episodes: u64,
        /// How many there are.
        recorded: usize,
        /// Bytes that all would take.
        needed: u128,
        /// Bytes of memory.
        memory: u64,
        /// How many would fit.
        fits: u128,
    },
    /// Spaces that the layout has no place for.
    #[error("{space} cannot be kept in Minari's layout")]
    NoPlace {
        /// The space.
        space: String,
    },
}

impl MinariError {
    /// Whether another command line would do, and not another file.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Nothing { .. }
                | Self::NotADataset { .. }
                | Self::Exists { .. }
                | Self::Spaces { .. }
                | Self::NoRoom { .. }
                | Self::NoPlace { .. }
        )
    }
}
