//! A folder that other programs load a model from.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::task::ExtraFile;
use crate::run::{RunDir, RunError, write_atomic};

/// The folder of a run that holds its best weights with all that belongs to them, as Hugging Face's `save_pretrained` has it.
pub fn model_folder(run: &Path) -> PathBuf {
    run.join("model")
}

/// The folder of a T5 that `path` stands for: its own, where it is a run, or itself.
pub fn t5_folder(path: &Path) -> PathBuf {
    let own = model_folder(path);
    if own.is_dir() { own } else { path.to_owned() }
}

/// Writes `extra_files` and the best weights to the run's model folder; nothing if a model has no extra_files.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn export(run: &RunDir, extra_files: &[ExtraFile]) -> Result<(), RunError> {
    if extra_files.is_empty() {
        return Ok(());
    }
    let folder = model_folder(run.path());
    std::fs::create_dir_all(&folder).map_err(RunError::io("make", &folder))?;
    for ExtraFile { name, bytes } in extra_files {
        let file = folder.join(name);
        write_atomic(&file, |out| out.write_all(bytes)).map(drop).map_err(RunError::io("write", &file))?;
    }
    // Another name of the same file takes no room; where there can be none, it is copied.
    let (weights, new) = (folder.join("model.safetensors"), folder.join(".model.safetensors.new"));
    let _ = std::fs::remove_file(&new);
    let best = run.best_weights();
    std::fs::hard_link(&best, &new)
        .or_else(|_| std::fs::copy(&best, &new).map(drop))
        .and_then(|()| std::fs::rename(&new, &weights))
        .map_err(RunError::io("write", &weights))
}
