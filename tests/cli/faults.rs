//! What breaks on the way: the message says where, a checkpoint is left, and the run can be gone on with.

use std::fs;

use crate::support::{CART_POLE, Folder, SCRIPTED};

#[test]
fn a_panicking_environment_is_named_and_the_run_goes_on() {
    for (name, flags) in [("one", "--actors 1"), ("two", "--actors 2"), ("free", "--actors 2 --clock async")] {
        let folder = Folder::new();
        let line = format!("{SCRIPTED} --seed 9 --n-envs 2 {flags} --env-arg panic_at=300 --steps 800 --name {name}");
        let words = ["Scripted-v0", "environment", "seed 9", "step", "panicked", "scripted to panic at step 300"];
        folder.refused(&format!("{line} --json"), 1, &words);
        let run = folder.run(name);
        assert_eq!(run.states().len(), 1, "no checkpoint");
        assert!(!run.latest().is_empty());
        // Environments begin anew, and each has less than 300 steps to go.
        let summary = folder.ok(&format!("train --resume runs/{name} --json")).json;
        assert!(summary["steps"].as_u64().unwrap() >= 800, "{summary}");
    }
}

#[test]
fn the_fault_is_placed_exactly() {
    let folder = Folder::new();
    let line = format!("{SCRIPTED} --n-envs 1 --actors 1 --env-arg panic_at=300 --steps 800 --set dqn.train_freq=10");
    folder.refused(
        &line,
        1,
        &["Scripted-v0, environment 0 (seed 1, at environment step 299", "(envs/src/debug/scripted.rs:"],
    );
}

#[test]
fn a_panic_in_the_first_step_is_an_error_like_any_other() {
    let folder = Folder::new();
    folder.refused(&format!("{SCRIPTED} --env-arg panic_at=1 --name a --json"), 1, &["Scripted-v0", "environment 0"]);
    // Nothing was learnt yet: no folder is left, and its name is free.
    assert!(!folder.path("runs/a").exists());
    folder.ok(&format!("{SCRIPTED} --steps 60 --name a"));
}

#[test]
fn a_panic_in_an_evaluation_is_an_error_like_any_other() {
    let folder = Folder::new();
    // Training ends before that step, the greedy episodes do not.
    let line = format!("{SCRIPTED} --env-arg length=400 --env-arg panic_at=300 --steps 250");
    folder.refused(&format!("{line} --name last --json"), 1, &["Scripted-v0", "scripted to panic"]);
    assert_eq!(folder.run("last").states().len(), 1, "training is lost");
    folder.refused("eval runs/last --episodes 2 --json", 1, &["Scripted-v0", "scripted to panic"]);
    folder.refused(
        &format!("{line} --set eval.eval_freq=100 --name a --json"),
        1,
        &["Scripted-v0", "scripted to panic"],
    );
    assert_eq!(folder.run("a").states().len(), 1, "training is lost");
}

#[test]
fn observations_that_are_no_numbers_are_named() {
    let folder = Folder::new();
    let line = format!("{SCRIPTED} --seed 4 --n-envs 2 --env-arg nan_at=203 --steps 1000 --name a --json");
    folder.refused(&line, 1, &["Scripted-v0, environment 0", "seed 4", "step 4", "observation[0] is NaN"]);
    assert_eq!(folder.run("a").states().len(), 1);
    // A final observation is one too.
    let line = format!("{SCRIPTED} --env-arg nan_at=200 --steps 1000 --name b --json");
    folder.refused(&line, 1, &["Scripted-v0, environment 0", "final observation[0] is NaN"]);
    assert_eq!(folder.ok("runs --json").json[0]["status"], "failed");
}

#[test]
fn a_loss_that_is_no_number_is_named() {
    let settings = ["dqn.learning_rate=1e30", "dqn.reward_scale=1e38 --set dqn.loss=mse"];
    for (i, setting) in settings.iter().enumerate() {
        let folder = Folder::new();
        let line = format!("{CART_POLE} --seed 6 --steps 20000 --set {setting} --name a --json");
        folder.refused(&line, 1, &["became", "at update", "environment step", "seed 6", "dqn.learning_rate"]);
        assert_eq!(folder.run("a").states().len(), 1, "{i}: no checkpoint");
    }
}

#[test]
fn the_seed_that_failed_is_told_beside_those_that_did_not() {
    let folder = Folder::new();
    let line = format!("{SCRIPTED} --env-arg panic_at=70 --steps 99 --seeds 2 --json");
    let output = folder.cartwheel(&line);
    assert_eq!(output.code, 1, "{}", output.stdout);
    assert_eq!(output.stderr.matches("seed 1").count(), 1, "{}", output.stderr);
    assert_eq!(output.stderr.matches("seed 2").count(), 1, "{}", output.stderr);
}

/// A run with two checkpoints, killed on its way.
fn killed_with_two_checkpoints(folder: &Folder) {
    let settings = "--checkpoint-every 100 --set run.keep_checkpoints=2 --env-arg step_us=500";
    let mut running = folder.spawn(&format!("{SCRIPTED} {settings} --steps 800 --name a"));
    assert!(running.until(|| folder.run("a").states().len() == 2) && running.kill());
}

#[test]
fn a_broken_newest_state_is_named_with_the_last_good_one() {
    let folder = Folder::new();
    killed_with_two_checkpoints(&folder);
    let states = folder.run("a").states();
    let [older, newest] = states.as_slice() else { panic!("{states:?}") };
    let name = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().to_string();
    let (older_name, newest_name) = (name(older), name(newest));
    let whole = fs::read(newest).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    for (damage, word) in [(&whole[..whole.len() / 3], "cut off"), (&whole[..0], "damaged"), (&flipped, "damaged")] {
        fs::write(newest, damage).unwrap();
        folder.refused("train --resume runs/a --json", 1, &[&newest_name, &older_name, word, "delete it"]);
    }
    // As the message says.
    fs::remove_file(newest).unwrap();
    let summary = folder.ok("train --resume runs/a --json").json;
    assert_eq!(summary["steps"], 800);
}

#[test]
fn a_broken_configuration_of_a_run_is_named() {
    let folder = Folder::new();
    killed_with_two_checkpoints(&folder);
    let config = folder.run("a").file("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("gamma = 0.99", "gamma = 9.9")).unwrap();
    folder.refused("train --resume runs/a --json", 2, &["config.toml", "dqn.gamma", "from 0 to 1", "9.9"]);
    fs::write(&config, text.replace("net_arch = [64, 64]", "net_arch = [8]")).unwrap();
    let output = folder.cartwheel("train --resume runs/a --json");
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert!(output.stderr.contains("net_arch") && output.stderr.contains("checkpoint"), "{}", output.stderr);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    folder.write("file", "");
    folder.refused(&format!("{SCRIPTED} --runs-dir file/runs --json"), 1, &["file/runs", "could not create"]);
    folder.refused(&format!("{SCRIPTED} --runs-dir file --json"), 1, &["file", "could not"]);
    folder.refused("runs --runs-dir file --json", 1, &["file"]);
}

/// A replay of 26 KiB after a hundred steps: states do not fit below 16 KiB, everything else does.
const LARGE: &str = "--wrapper FrameStackObservation(64) --set dqn.net_arch=[4] --set dqn.buffer_size=2000";

#[test]
fn a_full_disk_does_not_stop_training() {
    let folder = Folder::new();
    let settings = format!("{LARGE} --checkpoint-every 200 --set train.log_interval=200");
    let line = format!("{SCRIPTED} {settings} --env-arg panic_at=500 --steps 900 --name a");
    assert_eq!(folder.cartwheel(&line).code, 1);
    let run = folder.run("a");
    let good = run.states();
    assert!(!good.is_empty() && fs::metadata(&good[0]).unwrap().len() > 20_000);

    let output = folder.with_full_disk("train --resume runs/a --json", 16);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(output.json["steps"], 900);
    for word in ["warning", "could not be written", "is kept", "training goes on", ".state"] {
        assert!(output.stderr.contains(word), "{word:?} is not in:\n{}", output.stderr);
    }
    assert_eq!(run.states(), good, "the checkpoints before are not as they were");
    assert_eq!(run.rows().last().unwrap()["step"], 900);
}

#[test]
fn a_full_disk_is_told_of_several_seeds_too() {
    let folder = Folder::new();
    let output = folder.with_full_disk(&format!("{SCRIPTED} {LARGE} --steps 100 --seeds 2 --json"), 16);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stderr.contains("could not be written"), "no warning:\n{}", output.stderr);
}

/// Weights take a thousandth of a state's room: they are saved even where the state is not.
#[test]
fn a_full_disk_still_takes_the_weights() {
    let folder = Folder::new();
    let output = folder.with_full_disk(&format!("{SCRIPTED} {LARGE} --steps 300 --name a --json"), 16);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stderr.contains("there is none before it"), "{}", output.stderr);
    folder.ok("eval runs/a --episodes 1");
}
