//! An environment written against gymnasium-rs is learnt: the example does what its first line says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

#[test]
fn dqn_solves_an_environment_of_gymnasium_rs() {
    // .../release/deps/training-<hash> beside .../release/examples/corridor
    let deps = std::env::current_exe().unwrap();
    let program = deps.ancestors().nth(2).unwrap().join("examples/corridor");
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program).current_dir(folder.path()).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("solved: true"), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let run = printed.lines().find_map(|line| line.strip_prefix("saved in ")).unwrap();
    assert!(folder.path().join(Path::new(run)).join("run.json").is_file());
}
