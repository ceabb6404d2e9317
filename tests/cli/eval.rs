//! `cartwheel eval`: episodes of a trained run.

use std::fs;

use serde_json::Value;

use crate::support::{CART_POLE, Folder};

fn trained() -> Folder {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --steps 4000 --name a"));
    folder
}

#[test]
fn returns_mean_and_std_agree() {
    let folder = trained();
    let json = folder.ok("eval runs/a --episodes 12 --json").json;
    let returns: Vec<f64> = json["returns"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).collect();
    assert_eq!(returns.len(), 12);
    let mean = returns.iter().sum::<f64>() / 12.0;
    let std = (returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 12.0).sqrt();
    assert!((json["mean"].as_f64().unwrap() - mean).abs() < 1e-9);
    assert!((json["std"].as_f64().unwrap() - std).abs() < 1e-9);
    assert!(folder.ok("eval runs/a --episodes 12").stdout.contains("greedy return"));
}

#[test]
fn small_returns_are_told_with_more_digits() {
    let folder = Folder::new();
    let trained = folder
        .ok("train FrozenLake-v1 --algo ppo --steps 256 --set ppo.n_steps=256 --set eval.n_eval_episodes=8 --name f");
    let mean = folder.ok("runs --json").json[0]["return"].as_f64().unwrap();
    assert!(trained.stdout.contains(&format!("greedy return {mean:.3} ± ")), "{}", trained.stdout);
    let json = folder.ok("eval runs/f --episodes 8 --json").json;
    let text = folder.ok("eval runs/f --episodes 8").stdout;
    assert!(text.contains(&format!("greedy return {:.3} ± ", json["mean"].as_f64().unwrap())), "{text}");
}

#[test]
fn no_more_episodes_are_played_than_can_be_kept() {
    Folder::new().refused("eval runs/a --episodes 4000000000 --json", 2, &["4000000000", "1..=10000000"]);
}

#[test]
fn the_seed_decides_the_episodes() {
    let folder = trained();
    let returns = |line: &str| folder.ok(&format!("eval runs/a {line} --json")).json["returns"].clone();
    let first = returns("--episodes 10 --seed 5");
    assert_eq!(returns("--episodes 10 --seed 5"), first);
    assert_ne!(returns("--episodes 10 --seed 500"), first);
    // Episode i is reset with seed + i: fewer episodes are the first of them.
    assert_eq!(returns("--episodes 4 --seed 5").as_array().unwrap()[..], first.as_array().unwrap()[..4]);
    assert_eq!(returns("--episodes 4 --seed 8").as_array().unwrap()[0], first.as_array().unwrap()[3]);
}

#[test]
fn actions_are_drawn_where_that_is_asked_for() {
    let folder = Folder::new();
    folder.ok("train Identity-v0 --algo ppo --steps 64 --set ppo.n_steps=64 --set eval.n_eval_episodes=2 --name p");
    let returns = |line: &str| folder.ok(&format!("eval runs/p --seed 5 {line} --json")).json["returns"].clone();
    let drawn = returns("--episodes 9 --stochastic");
    assert_eq!(returns("--episodes 9 --stochastic"), drawn);
    assert_ne!(returns("--episodes 9"), drawn);
    // What is drawn follows from the episode's seed, whatever is played beside it.
    assert_eq!(returns("--episodes 4 --stochastic").as_array().unwrap()[..], drawn.as_array().unwrap()[..4]);
    let json = folder.ok("eval runs/p --episodes 2 --stochastic --json").json;
    assert_eq!(json["stochastic"], true);
    assert!(folder.ok("eval runs/p --episodes 2 --stochastic").stdout.contains("stochastic return"));

    let dataset = |name: &str, line: &str| {
        folder.ok(&format!("record runs/p --transitions {name} --episodes 9 --seed 5 {line} --json")).json["returns"]
            .clone()
    };
    assert_eq!(dataset("a", "--stochastic"), dataset("b", "--stochastic"));
    assert_ne!(dataset("c", ""), dataset("d", "--stochastic"));
    folder.refused("record Identity-v0 --transitions e --stochastic --json", 2, &["--stochastic", "random"]);

    folder.ok("train Identity-v0 --steps 60 --set dqn.learning_starts=50 --set dqn.buffer_size=100 --set eval.n_eval_episodes=2 --name q");
    folder.refused("eval runs/q --stochastic --json", 2, &["--stochastic", "dqn", "leave it out"]);
    folder.refused("record runs/q --out q.gif --stochastic --json", 2, &["--stochastic", "dqn"]);
}

#[test]
fn any_checkpoint_can_be_chosen() {
    let folder = trained();
    let eval = |checkpoint: &str| folder.ok(&format!("eval runs/a --episodes 5 --json {checkpoint}")).json;
    let best = eval("");
    assert_eq!(best["checkpoint"], "runs/a/checkpoints/best.safetensors");
    fs::copy(folder.path("runs/a/checkpoints/best.safetensors"), folder.path("mine.safetensors")).unwrap();
    assert_eq!(eval("--checkpoint best")["returns"], best["returns"]);
    assert_eq!(eval("--checkpoint mine.safetensors")["returns"], best["returns"]);
    assert_eq!(eval("--checkpoint latest")["checkpoint"], "runs/a/checkpoints/latest.safetensors");
}

#[test]
fn a_missing_or_cut_off_file_is_named_with_the_good_one() {
    let folder = trained();
    let file = folder.run("a").file("checkpoints/best.safetensors");
    let bytes = fs::read(&file).unwrap();
    for length in [0, 5, 100, bytes.len() - 1] {
        fs::write(&file, &bytes[..length]).unwrap();
        folder.refused("eval runs/a --json", 1, &["best.safetensors", "latest.safetensors", "--checkpoint latest"]);
    }
    fs::remove_file(&file).unwrap();
    folder.refused("eval runs/a --json", 1, &["best.safetensors", "--checkpoint latest"]);
    folder.refused("eval runs/a --checkpoint nothing.here --json", 2, &["nothing.here", "--checkpoint latest"]);
    folder.ok("eval runs/a --checkpoint latest --episodes 1");
    fs::remove_file(folder.run("a").file("checkpoints/latest.safetensors")).unwrap();
    folder.refused("eval runs/a --json", 1, &["best.safetensors", "no other weights", "--resume"]);
}

/// Files are for fitted models: these were once told to be one, and to want data.
#[test]
fn a_policy_without_its_run_is_told_as_such() {
    let file = "runs/a/checkpoints/best.safetensors";
    let line = format!("eval {file} --json");
    trained().refused(&line, 2, &["holds a policy", "its run's folder", &format!("--checkpoint {file}")]);
}

#[test]
fn weights_of_another_environment_are_refused() {
    let folder = trained();
    for env in ["Identity-v0", "Scripted-v0"] {
        folder.ok(&format!("train {env} --steps 50 --set eval.n_eval_episodes=1 --name {env}"));
        let weights = format!("runs/{env}/checkpoints/best.safetensors");
        let line = format!("eval runs/a --checkpoint {weights} --episodes 2 --json");
        folder.refused(&line, 2, &[&weights, "CartPole-v1", "Box"]);
    }
}

#[test]
fn evaluating_changes_nothing() {
    let folder = trained();
    let before = folder.run("a").snapshot();
    folder.ok("eval runs/a --episodes 2");
    folder.run("a").is_untouched_since(&before);
}

#[test]
fn no_episodes_are_refused() {
    let folder = Folder::new();
    let output = folder.refused("eval runs/a --episodes 0 --json", 2, &["--episodes", "0"]);
    assert_ne!(output.json, Value::Null);
}
