//! What can go wrong with a run's folder, each message saying which file and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of reading or writing a run on disk.
///
/// The message of each variant is one whole sentence for the person at the terminal; it contains its cause, so printing
/// the error is enough and [`source`](std::error::Error::source) adds nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The name of a new run is taken.
    #[error("a run already exists at {}: choose another name, or resume that run", path.display())]
    Exists {
        /// The folder that is there.
        path: PathBuf,
    },
    /// A run's name that is not a plain folder name.
    #[error("{name:?} cannot name a run: use letters, digits, '-', '_' and '.', not starting with '.'")]
    BadName {
        /// The name as given.
        name: String,
    },
    /// A folder that is not a run's.
    #[error("{} is not a run, it has no {}: give the folder of a run (one that holds config.toml and run.json)",
        path.display(), missing.join(" and no "))]
    NotARun {
        /// The folder as given.
        path: PathBuf,
        /// The files that a run has and this folder has not.
        missing: Vec<&'static str>,
    },
    /// Another process is using the run.
    #[error("the run at {} is in use by {}: wait for it to end, or stop it", path.display(), holder(*pid))]
    Locked {
        /// The run's folder.
        path: PathBuf,
        /// The process that holds it, where it has written its number already.
        pid: Option<u32>,
    },
    /// The operating system refused.
    #[error("could not {action} {}: {cause}; {}", path.display(), advice(cause))]
    Io {
        /// What was tried, as a verb: "read", "create the folder".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        cause: io::Error,
    },
    /// A file that should be there is not.
    #[error("there is no {}: check the path, or start the run again without resuming", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// A file that ends too early.
    #[error("{} is cut off, expected {expected} bytes and found {found}: use an older checkpoint of the run",
        file.display())]
    CutOff {
        /// The file.
        file: PathBuf,
        /// The bytes that it says it has.
        expected: u64,
        /// The bytes that it has.
        found: u64,
    },
    /// A file whose contents are not what was written.
    #[error("{} is damaged, {reason}: {}", file.display(), way_out(last_good.as_deref()))]
    Damaged {
        /// The file.
        file: PathBuf,
        /// How that shows.
        reason: String,
        /// For a checkpoint, the newest older one that is sound.
        last_good: Option<PathBuf>,
    },
    /// A file of a format that this version does not read.
    #[error("{} has format version {found} and this Cartwheel reads version {supported}: {}", file.display(),
        other_version(*found, *supported))]
    OtherVersion {
        /// The file.
        file: PathBuf,
        /// The version in the file.
        found: u32,
        /// The version that is read.
        supported: u32,
    },
    /// A sound file whose contents are of another shape than asked for.
    #[error("{} is sound but does not hold what was expected, {problem}: resume with the configuration and the \
        Cartwheel version that wrote it (config.toml and run.json of the run name them)", file.display())]
    Mismatch {
        /// The file.
        file: PathBuf,
        /// What did not fit.
        problem: String,
    },
    /// A text file that does not parse.
    #[error("{} does not parse, {problem}: correct it, or restore it from a copy", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The parser's complaint.
        problem: String,
    },
    /// An episode that is not in a run's log.
    #[error("{} has no episode {number}: give one below {count}", file.display())]
    NoEpisode {
        /// The log.
        file: PathBuf,
        /// The number as given.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// The thread that writes the logs is gone.
    #[error("the thread that writes the logs in {} ended early, their last rows are lost: please report this as a bug",
        path.display())]
    WriterGone {
        /// The run's folder.
        path: PathBuf,
    },
}

impl RunError {
    /// For `map_err`: an [`RunError::Io`] naming what was done to which file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { action, path: path.to_owned(), cause }
    }

    /// As [`RunError::io`] for reading, where an absent file is [`RunError::Missing`].
    pub(crate) fn reading(file: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| match cause.kind() {
            io::ErrorKind::NotFound => Self::Missing { file: file.to_owned() },
            _ => Self::io("read", file)(cause),
        }
    }

    /// A damaged file of which no better copy is known.
    pub(crate) fn damaged(file: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), reason: reason.into(), last_good: None }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn way_out(last_good: Option<&Path>) -> String {
    match last_good {
        Some(file) => format!("delete it to resume from {}, the newest sound one", file.display()),
        None => "restore it from a copy, or start the run again".to_owned(),
    }
}

fn other_version(found: u32, supported: u32) -> &'static str {
    if found > supported {
        "use a newer Cartwheel"
    } else {
        "use the Cartwheel version that wrote it (run.json names it)"
    }
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that you may write to, or change its permissions"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on that disk",
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::InvalidData => "please report this as a bug",
        _ => "check the path and the disk",
    }
}
