//! The examples do what their first lines say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs an example, which `cargo test` has built, in `folder`; answers what it printed.
fn run(example: &str, arguments: &[&str], folder: &Path) -> String {
    // .../release/deps/examples-<hash> beside .../release/examples/<name>
    let deps = std::env::current_exe().unwrap();
    let program: PathBuf = deps.ancestors().nth(2).unwrap().join("examples").join(example);
    let output = Command::new(&program).args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert!(output.status.success(), "{example}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The folder of the run that an example says it saved.
fn saved_in(printed: &str, folder: &Path) -> PathBuf {
    folder.join(printed.lines().find_map(|line| line.strip_prefix("saved in ")).unwrap())
}

#[test]
fn a_policy_is_trained_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run("train_cartpole", &[], folder.path());
    assert!(printed.contains("\nsolved after "), "{printed}");
    let run_folder = saved_in(&printed, folder.path());
    let printed = run("load_policy", &[run_folder.to_str().unwrap()], folder.path());
    let return_ = printed.strip_prefix("CartPole-v1: return ").and_then(|rest| rest.split(' ').next()).unwrap();
    assert!(return_.parse::<f64>().unwrap() >= 400.0, "{printed}");
}

#[test]
fn an_environment_of_ones_own_is_solved() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run("custom_env", &[], folder.path());
    assert!(printed.contains("solved: true, greedy return 0.96"), "{printed}");
    assert!(saved_in(&printed, folder.path()).join("run.json").is_file());

    let printed = run("custom_env", &["env", "check", "Corridor-v0"], folder.path());
    assert!(printed.contains("Corridor-v0: keeps the contract"), "{printed}");
    let short = ["train", "Corridor-v0", "--steps", "500", "--name", "mine"];
    run("custom_env", &short, folder.path());
    assert!(folder.path().join("runs/mine/run.json").is_file());
}

#[test]
fn an_algorithm_of_ones_own_learns_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run("custom_algorithm", &[], folder.path());
    assert!(printed.contains("solved: true"), "{printed}");

    assert!(run("custom_algorithm", &["algos"], folder.path()).contains("munchausen  Munchausen DQN."));
    let begin = ["train", "CartPole-v1", "--algo", "munchausen", "--steps", "2000", "--name", "mine"];
    run("custom_algorithm", &[&begin[..], &["--set", "munchausen.alpha=0.5"]].concat(), folder.path());
    let config = std::fs::read_to_string(folder.path().join("runs/mine/config.toml")).unwrap();
    assert!(config.contains("[munchausen]") && config.contains("alpha = 0.5") && !config.contains("[dqn]"), "{config}");
    run("custom_algorithm", &["train", "--resume", "runs/mine"], folder.path());
    run("custom_algorithm", &["eval", "runs/mine", "--episodes", "2"], folder.path());
}
