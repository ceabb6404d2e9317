//! Folders of part files, as Spark and Dask write tables.

use std::path::{Path, PathBuf};

use super::RatingsError;

/// The folder of part files that `path` is or holds, if there is one.
pub(super) fn folder(path: &Path) -> Option<PathBuf> {
    let is_table = |path: &Path| path.is_dir() && is_parquet(path);
    let inside = path.join("ratings.parquet");
    if is_table(&inside) {
        return Some(inside);
    }
    // Spark leaves it to people what the folder is called.
    let holds_parts = || {
        let entries = std::fs::read_dir(path).ok()?;
        let mut names = entries.flatten().map(|entry| entry.file_name());
        let is_part = |name: &str| name.starts_with("part") && is_parquet(Path::new(name));
        // Folders of values are told of by `list`. Other tables beside each other need not be parts of one.
        Some(names.any(|name| is_part(&name.to_string_lossy()) || name.to_string_lossy().contains('=')))
    };
    (is_table(path) || holds_parts() == Some(true)).then(|| path.to_owned())
}

/// The part files in `folder`, in the order of their names: all files but those whose names begin with a dot or an underline.
///
/// # Errors
/// If it cannot be read, holds none, or has folders that stand for values of a column.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, RatingsError> {
    let unread = |source| RatingsError::Read { file: folder.into(), source };
    let told = |problem: String| RatingsError::Parquet { file: folder.into(), problem };
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            return Err(told(format!(
                "it has a folder {name}, and values that stand in names of folders are not read: write it without \
                partitionBy"
            )));
        }
        if is_parquet(&path) {
            parts.push(path);
        }
    }
    if parts.is_empty() {
        return Err(told(
            "it is a folder, and holds no part files (part-*.parquet): give the file, or write it anew".into(),
        ));
    }
    parts.sort_by_cached_key(|path| natural(&path.to_string_lossy()));
    Ok(parts)
}

/// A name in pieces, of which numbers compare as such: Dask's `part.10` comes after `part.2`.
fn natural(name: &str) -> Vec<(u128, String)> {
    let pieces = name.split_inclusive(|c: char| !c.is_ascii_digit());
    let halves = pieces.map(|piece| piece.split_at(piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len())));
    halves.map(|(number, rest)| (number.parse().unwrap_or(0), rest.to_owned())).collect()
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet"))
}
