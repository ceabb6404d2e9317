//! What folders and files are called by what the samples in them are for.

use std::path::PathBuf;

/// The names to learn from, to validate and to test.
const NAMES: [&[&str]; 3] = [&["train"], &["val", "valid", "validation", "dev"], &["test"]];

/// Whether something of this name is to learn from.
pub(super) fn is_train(name: &str) -> bool {
    NAMES[0].contains(&name.to_lowercase().as_str())
}

/// Those of `named` to learn from, to validate and to test, by their names, in capitals or not; the others are left out.
///
/// # Errors
/// The first two that are of the same part.
pub(super) fn by_part(
    named: impl IntoIterator<Item = (String, PathBuf)>,
) -> Result<[Option<PathBuf>; 3], [PathBuf; 2]> {
    let mut parts = [const { None }; 3];
    for (name, path) in named {
        let name = name.to_lowercase();
        let Some(part) = NAMES.iter().position(|names| names.contains(&name.as_str())) else { continue };
        if let Some(other) = parts[part].replace(path.clone()) {
            return Err([other, path]);
        }
    }
    Ok(parts)
}
