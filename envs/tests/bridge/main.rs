//! Environments of Python, with real ones: `tests/python/setup.sh` installs them.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests fail by panicking, and nobody imports them")]

mod episodes;
mod faults;
mod workers;
mod wrappers;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cartwheel_envs::{BridgeOptions, EnvBuilder, Kwargs, Rows, VectorEnv, VectorStep};

/// Where `bad_envs.py` is.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python")
}

/// The Python with the packages of `tests/python/requirements.txt`.
fn python() -> PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/python-venv/bin/python");
    let python = std::env::var_os("CARTWHEEL_TEST_PYTHON").map_or(venv, PathBuf::from);
    assert!(python.exists(), "there is no {}: run tests/python/setup.sh", python.display());
    python
}

/// A command that runs [`python`] with `arguments`, and `bad_envs` to be imported.
fn python_with(name: &str, arguments: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let text =
        format!("#!/bin/sh\nPYTHONPATH='{}' exec '{}' {arguments} \"$@\"\n", folder().display(), python().display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// [`python`] with `bad_envs`. Written once: a script that is being written cannot be run.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| python_with("python", ""));

fn options() -> BridgeOptions {
    BridgeOptions { python: PYTHON.clone(), workers: Some(1), ..BridgeOptions::default() }
}

fn builder(id: &str) -> EnvBuilder {
    EnvBuilder::new(id).bridge(options())
}

/// `Bad-v0` with these arguments.
fn bad(kwargs: serde_json::Value) -> EnvBuilder {
    let kwargs: Kwargs = serde_json::from_value(kwargs).unwrap();
    builder("py:bad_envs:Bad-v0").kwargs(kwargs)
}

fn room(env: &dyn VectorEnv) -> VectorStep {
    VectorStep::new(env.single_observation_space(), env.num_envs())
}

/// Row `i` as numbers.
fn numbers(rows: &Rows, i: usize) -> Vec<f64> {
    let row = rows.row(i);
    (0..row.len()).map(|at| row.number(at)).collect()
}
