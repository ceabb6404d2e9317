//! State-dependent exploration (gSDE), in every algorithm that has it: the same bytes for any number of actors and after an
//! interruption, and what it does not go with.

use std::fs;

use crate::algorithms::small;
use crate::support::Folder;

/// The algorithms that explore so.
const ALGORITHMS: [&str; 5] = ["ppo", "a2c", "recurrent-ppo", "sac", "tqc"];

/// A short run of each, in which matrices are drawn in the midst of rollouts.
fn line(algo: &str) -> String {
    let rest = "--n-envs 4 --seed 5 --steps 3000 --set train.stop_when_solved=false --set eval.n_eval_episodes=2";
    let keys = format!("--set {algo}.use_sde=true --set {algo}.sde_sample_freq=3");
    let freq = if ["sac", "tqc"].contains(&algo) { format!("--set {algo}.train_freq=32") } else { String::new() };
    format!("train Pendulum-v1 --algo {algo} {} {keys} {freq} {rest}", small(algo))
}

#[test]
fn actors_share_the_work_and_change_nothing() {
    let folder = Folder::new();
    for algo in ALGORITHMS {
        folder.ok(&format!("{} --actors 1 --name {algo}1", line(algo)));
        folder.ok(&format!("{} --actors 3 --name {algo}3", line(algo)));
        folder.run(&format!("{algo}3")).is_as(&folder.run(&format!("{algo}1")));
        let rows = folder.run(&format!("{algo}1")).rows();
        assert!(rows.last().unwrap()["updates"].as_u64().unwrap() > 40, "{algo} has learnt nothing");
        let told = |row: &serde_json::Value| row["metrics"]["train/std"].as_f64().is_some_and(|std| std > 0.0);
        assert!(rows.iter().any(told), "{algo}: {rows:?}");
    }
}

#[test]
fn it_goes_on_from_a_checkpoint_as_if_nothing_had_happened() {
    let folder = Folder::new();
    for algo in ALGORITHMS {
        let line = format!("{} --checkpoint-every 1000 --set run.keep_checkpoints=9", line(algo));
        folder.ok(&format!("{line} --name {algo}"));
        folder.ok(&format!("{line} --name {algo}-again"));
        // As if it had been killed after its first checkpoint.
        let run = folder.run(&format!("{algo}-again"));
        let states = run.states();
        assert!(states.len() > 2, "{algo}: {states:?}");
        states[1..].iter().for_each(|state| fs::remove_file(state).unwrap());
        let manifest = run.file("run.json");
        let text = fs::read_to_string(&manifest).unwrap().replace("\"finished\"", "\"interrupted\"");
        fs::write(&manifest, text).unwrap();
        folder.ok(&format!("train --resume runs/{algo}-again --actors 2"));
        run.is_as(&folder.run(algo));
    }
}

#[test]
fn what_it_does_not_go_with_is_said() {
    let folder = Folder::new();
    let refused = |line: &str, words: &[&str]| drop(folder.refused(&format!("train {line} --json"), 2, words));
    refused(
        "CartPole-v1 --algo ppo --set ppo.use_sde=true",
        &["ppo.use_sde = true", "actions that are numbers", "Discrete(2)", "set it to false"],
    );
    refused("CartPole-v1 --algo sac --set sac.use_sde=true", &["sac cannot learn CartPole-v1", "these take it"]);
    for wrong in ["-2", "0"] {
        refused(
            &format!("Pendulum-v1 --algo a2c --set a2c.use_sde=true --set a2c.sde_sample_freq={wrong}"),
            &["a2c.sde_sample_freq", wrong, "-1 for once a rollout, or a number of 1 or more"],
        );
    }
    assert!(!folder.path("runs").exists());
}
