//! `run.json`: what a run was, where it ran and how it ended.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::atomic::write_atomic;
use super::clock::rfc3339;
use super::error::RunError;

/// The version of `run.json` that is written and read here.
const FORMAT: u32 = 1;

/// The contents of `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this file's format.
    pub format: u32,
    /// The version of Cartwheel that ran.
    pub cartwheel: String,
    /// The git revision that was built, where known.
    pub git_revision: Option<String>,
    /// The start, in RFC 3339, UTC.
    pub started: String,
    /// The end, in RFC 3339, UTC; none while running, and none for a run that was killed.
    pub ended: Option<String>,
    /// The command line.
    pub command: Vec<String>,
    /// The environment's id, such as `CartPole-v1`.
    pub env: String,
    /// The algorithm, such as `dqn`.
    pub algo: String,
    /// The seed that everything random derives from.
    pub seed: u64,
    /// The SHA-256 of the shared library that the environment is in, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// The machine that the run started on.
    pub machine: Machine,
    /// What it had done (environment steps, of a fit epochs) each time that it was told to go on for longer than it was to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_at: Vec<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// What came out, in the command's own terms.
    pub result: Option<Value>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Outcome {
    /// It has not: it is running, or was killed (see [`RunDir::is_locked`](super::RunDir::is_locked)).
    Running,
    /// It did all of its steps, or reached its goal.
    Finished,
    /// It was asked to stop; it can be resumed.
    Interrupted,
    /// It ended in an error.
    Failed {
        /// The error's message.
        message: String,
    },
}

/// The machine that a run started on: speed, and the last bits of sums, depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The operating system, such as `linux`.
    pub os: String,
    /// The architecture, such as `x86_64`.
    pub arch: String,
    /// The processor's model name, where the system tells it.
    pub cpu: Option<String>,
    /// The cores that this process may use.
    pub cores: usize,
    /// The SIMD instruction set that the kernels chose.
    pub simd: String,
}

impl Manifest {
    /// The manifest of a run that starts now, from this process's command line. Other fields can be set before it is
    /// saved.
    pub fn start(env: &str, algo: &str, seed: u64, simd: &str) -> Self {
        Self {
            format: FORMAT,
            cartwheel: env!("CARGO_PKG_VERSION").to_owned(),
            git_revision: None,
            started: rfc3339(SystemTime::now()),
            ended: None,
            command: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            env: env.to_owned(),
            algo: algo.to_owned(),
            seed,
            library: None,
            machine: Machine::this(simd),
            extended_at: Vec::new(),
            outcome: Outcome::Running,
            result: None,
        }
    }

    /// Notes that the run ended now.
    pub fn end(&mut self, outcome: Outcome, result: Option<Value>) {
        self.ended = Some(rfc3339(SystemTime::now()));
        self.outcome = outcome;
        self.result = result;
    }

    /// How it is with the run, in a word for people: `running` if it is `alive`, `killed`, `interrupted`, `failed`, or of one that
    /// ended by itself whether it solved its task ([`Summary::verdict`](crate::Summary::verdict)), and `finished` of a model that
    /// was fitted to data.
    pub fn status(&self, alive: bool) -> &'static str {
        match &self.outcome {
            Outcome::Running if alive => "running",
            Outcome::Running => "killed",
            Outcome::Interrupted => "interrupted",
            Outcome::Failed { .. } => "failed",
            Outcome::Finished => {
                let result = self.result.as_ref().unwrap_or(&Value::Null);
                verdict(result["solved"] == true, result["solved_at"].is_number())
            }
        }
    }

    /// Notes that a run that had ended, or was killed, goes on.
    pub fn resume(&mut self) {
        self.ended = None;
        self.outcome = Outcome::Running;
        self.result = None;
    }

    /// Writes the file whole.
    pub fn save(&self, path: &Path) -> Result<(), RunError> {
        write_atomic(path, |file| {
            serde_json::to_writer_pretty(&mut *file, self).map_err(io::Error::from)?;
            file.write_all(b"\n")
        })
        .map_err(RunError::io("write", path))?;
        Ok(())
    }

    /// Reads a file that [`Manifest::save`] wrote.
    pub fn load(path: &Path) -> Result<Self, RunError> {
        /// Read first: a manifest of another version is told as such, not as fields that are missing.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }

        let text = fs::read(path).map_err(RunError::reading(path))?;
        let malformed = |e: serde_json::Error| {
            let problem = if e.is_eof() { format!("it is cut off in line {}", e.line()) } else { e.to_string() };
            RunError::Malformed { file: path.to_owned(), problem }
        };
        let Version { format } = serde_json::from_slice(&text).map_err(malformed)?;
        if format != FORMAT {
            return Err(RunError::OtherVersion { file: path.to_owned(), found: format, supported: FORMAT });
        }
        serde_json::from_slice(&text).map_err(malformed)
    }
}

/// Whether a run that ended solved its task, where something says when it is `solvable`.
pub(crate) fn verdict(solved: bool, solvable: bool) -> &'static str {
    match (solved, solvable) {
        (true, _) => "solved",
        (false, true) => "not solved",
        (false, false) => "finished",
    }
}

impl Machine {
    /// The machine that this process runs on.
    pub fn this(simd: &str) -> Self {
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cpu: fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model_name(&text)),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            simd: simd.to_owned(),
        }
    }
}

/// The first `model name : ...` of `/proc/cpuinfo`; Arm kernels have none.
fn model_name(cpuinfo: &str) -> Option<String> {
    cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        let mut manifest = Manifest::start("CartPole-v1", "dqn", u64::MAX, "avx2");
        for outcome in [
            Outcome::Running,
            Outcome::Finished,
            Outcome::Interrupted,
            Outcome::Failed { message: "the environment panicked".into() },
        ] {
            manifest.end(outcome, Some(serde_json::json!({"eval/mean_reward": 500.0})));
            manifest.save(&path).unwrap();
            assert_eq!(Manifest::load(&path).unwrap(), manifest);
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        assert!(matches!(Manifest::load(&path), Err(RunError::Missing { .. })));
        fs::write(&path, "{\"format\": 1, \"cartwheel\"").unwrap();
        let error = Manifest::load(&path).unwrap_err();
        assert!(matches!(error, RunError::Malformed { .. }) && error.to_string().contains("it is cut off in line 1"));
        fs::write(&path, "{\"format\": 9}").unwrap();
        let error = Manifest::load(&path).unwrap_err();
        assert!(matches!(error, RunError::OtherVersion { found: 9, supported: FORMAT, .. }));
        assert!(error.to_string().ends_with("use a newer Cartwheel"), "{error}");
    }

    #[test]
    fn how_it_is_with_a_run_is_one_word() {
        let mut manifest = Manifest::start("CartPole-v1", "dqn", 1, "avx2");
        assert_eq!([true, false].map(|alive| manifest.status(alive)), ["running", "killed"]);
        for (result, word) in [
            (serde_json::json!({"solved": true, "solved_at": 475.0}), "solved"),
            (serde_json::json!({"solved": false, "solved_at": 475.0}), "not solved"),
            (serde_json::json!({"solved": false, "solved_at": null}), "finished"),
            (serde_json::json!({"epochs": 3}), "finished"),
        ] {
            manifest.end(Outcome::Finished, Some(result));
            assert_eq!(manifest.status(false), word);
        }
        manifest.end(Outcome::Finished, None);
        assert_eq!(manifest.status(false), "finished");
        manifest.end(Outcome::Interrupted, None);
        assert_eq!(manifest.status(false), "interrupted");
        manifest.end(Outcome::Failed { message: String::new() }, None);
        assert_eq!(manifest.status(false), "failed");
    }

    #[test]
    fn the_processor_is_named() {
        let text = "processor\t: 0\nmodel name\t: Fast CPU @ 3: GHz\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(model_name(text).as_deref(), Some("Fast CPU @ 3: GHz"));
        assert_eq!(model_name("BogoMIPS : 50\n"), None);
    }
}
