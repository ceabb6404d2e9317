//! What a file was made from: each that `cartwheel compress` and `cartwheel export` write says so.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::TrainError;

/// The steps that led from the weights that training left to a file, the first one first; none of what training left. Files of ONNX
/// have it in their metadata, in JSON, and those of safetensors in their entry `cartwheel`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Provenance(Vec<Step>);

/// A file that was made from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What made it: `compress` or `export`.
    pub command: String,
    /// What the other was called; of a run's weights with the name of the run. No path: it would say more of a machine than of
    /// weights.
    pub source: String,
    /// The SHA-256 of the other, in hexadecimal digits.
    pub sha256: String,
    /// Cartwheel's version.
    pub cartwheel: String,
    /// What was done, such as `sparsity` or `precision`.
    pub done: Map<String, Value>,
}

impl Provenance {
    /// That of a file that `command` makes of `weights`, whose own this is, by what is `done`: an object of JSON, whose nulls are
    /// left out.
    ///
    /// # Errors
    /// If the weights cannot be read.
    pub fn then(&self, command: &str, weights: &Path, done: Value) -> Result<Self, TrainError> {
        let sha256 = sha256(weights)
            .map_err(|error| TrainError::Unfit(format!("cannot read {}: {error}", weights.display())))?;
        let done = match done {
            Value::Object(done) => done.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            _ => Map::new(),
        };
        let (command, cartwheel) = (command.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let step = Step { command, source: called(weights), sha256, cartwheel, done };
        Ok(Self(self.0.iter().cloned().chain([step]).collect()))
    }

    /// Its steps, the first one first.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entry of the metadata of a file of ONNX.
    pub(crate) fn entry(&self) -> (&'static str, String) {
        ("provenance", serde_json::to_string(self).unwrap_or_default())
    }
}

impl fmt::Display for Provenance {
    /// A line a step, for a terminal, whoever wrote the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Step { command, source, sha256, cartwheel, done }) in self.0.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            let [command, source, sha256, cartwheel] = [command, source, sha256, cartwheel].map(|text| printable(text));
            write!(f, "{end}made by `{command}` of Cartwheel {cartwheel} from {source}, sha256 {sha256}")?;
            // Objects, such as the rank of each layer, are for programs.
            for (at, (key, value)) in done.iter().filter(|(_, value)| !value.is_object()).enumerate() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                write!(f, "{} {} {}", if at == 0 { ":" } else { "," }, printable(key), printable(&text))?;
            }
        }
        Ok(())
    }
}

/// Without what would move a terminal's cursor.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// The SHA-256 of a file, in hexadecimal digits.
pub(crate) fn sha256(file: &Path) -> std::io::Result<String> {
    let (mut file, mut digest, mut bytes) = (File::open(file)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => digest.update(&bytes[..count]),
        }
    }
}

/// The name of a file; of one in a run's folder of checkpoints from the run's name on.
fn called(weights: &Path) -> String {
    let names: Vec<_> = weights.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let names: Vec<_> = names.iter().map(|part| part.as_os_str().to_string_lossy()).collect();
    let is_of_run = names.len() > 1 && names[names.len() - 2] == "checkpoints";
    names[names.len().saturating_sub(if is_of_run { 3 } else { 1 })..].join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn steps_are_added_up_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.safetensors");
        std::fs::write(&file, "abc").unwrap();
        let first = Provenance::default().then("compress", &file, json!({"sparsity": 0.5, "low_rank": null})).unwrap();
        let read: Provenance = serde_json::from_str(&first.entry().1).unwrap();
        assert_eq!(read, first);
        let both = read.then("export", &file, json!({"precision": "f16", "ranks": {"0": 3}})).unwrap();
        // FIPS 180-4's example.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let version = env!("CARGO_PKG_VERSION");
        let line = |command: &str, done: &str| {
            format!("made by `{command}` of Cartwheel {version} from a.safetensors, sha256 {sha256}: {done}")
        };
        let lines = [line("compress", "sparsity 0.5"), line("export", "precision f16")];
        assert_eq!(both.to_string(), lines.join("\n"));
        assert!(!both.entry().1.contains(&folder.path().display().to_string()));
        let sneaky = Provenance::default().then("\u{1b}[2J\n", &file, json!({"k": "\r"})).unwrap().to_string();
        assert!(!sneaky.contains(char::is_control), "{sneaky:?}");
        assert!(Provenance::default().is_empty() && Provenance::default().to_string().is_empty());
        let error = first.then("export", &folder.path().join("none"), json!({})).unwrap_err().to_string();
        assert!(error.contains("none"), "{error}");
    }

    #[test]
    fn names_say_the_run_and_nothing_of_the_machine() {
        let names = [
            ("/home/me/runs/digits/checkpoints/best.safetensors", "digits/checkpoints/best.safetensors"),
            ("./checkpoints/best.safetensors", "checkpoints/best.safetensors"),
            ("../../checkpoints/best.safetensors", "checkpoints/best.safetensors"),
            ("/home/me/resnet50.safetensors", "resnet50.safetensors"),
            ("best.safetensors", "best.safetensors"),
        ];
        for (path, name) in names {
            assert_eq!(called(Path::new(path)), name);
        }
    }
}
