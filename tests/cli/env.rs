//! `cartwheel env` and `cartwheel algos`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::Folder;

/// Recordings from Gymnasium, of environments alone and in wrappers, and from MinAtar, in one command line.
fn recordings() -> String {
    let folders = ["gymnasium", "wrappers", "minatar"]
        .map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name));
    let paths = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    files.sort();
    assert!(!files.is_empty());
    files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
}

/// The first recorded episode of CartPole-v1.
fn episode() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gymnasium/CartPole-v1.jsonl");
    serde_json::from_str(fs::read_to_string(path).unwrap().lines().next().unwrap()).unwrap()
}

#[test]
fn the_lists_are_arrays_with_names() {
    let folder = Folder::new();
    let names = |line: &str| -> Vec<String> {
        let json = folder.ok(line).json;
        json.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_string()).collect()
    };
    let envs = names("env list --json");
    assert!(envs.is_sorted());
    for env in ["CartPole-v1", "Identity-v0", "Bandit-v0", "Scripted-v0"] {
        assert!(envs.contains(&env.to_string()), "{env}");
    }
    let algos = names("algos --json");
    for algo in ["dqn", "rainbow", "qrdqn", "ppo", "sac", "td3", "ddpg"] {
        assert!(algos.contains(&algo.to_string()), "{algo}");
    }
    let wrappers = names("env wrappers --json");
    assert!(wrappers.is_sorted() && wrappers.contains(&"FrameStackObservation".to_string()), "{wrappers:?}");
}

#[test]
fn people_read_the_same_lists() {
    let folder = Folder::new();
    assert!(folder.ok("env list").stdout.contains("CartPole-v1  "));
    assert!(folder.ok("algos").stdout.starts_with("dqn  "));
    let wrappers = folder.ok("env wrappers").stdout;
    let entry = "ClipReward(min_reward=None, max_reward=None): clip rewards to bounds\n    min_reward: the least reward (a number or None)";
    assert!(wrappers.contains(entry), "{wrappers}");
    let info = folder.ok("env info CartPole-v1").stdout;
    assert!(info.contains("Discrete(2)") && info.contains("500") && info.contains("475"), "{info}");
}

#[test]
fn info_shows_spaces_and_arguments() {
    let json = Folder::new().ok("env info Scripted-v0 --json").json;
    assert_eq!(json["name"], "Scripted-v0");
    assert_eq!(json["action_space"], "Discrete(2)");
    assert!(json["kwargs"].as_array().unwrap().iter().any(|kwarg| kwarg["name"] == "length" && kwarg["default"] == 10));
}

#[test]
fn info_names_the_numbers_and_the_actions() {
    let folder = Folder::new();
    let info = folder.ok("env info CartPole-v1").stdout;
    assert!(info.contains("position, velocity, angle, angular velocity"), "{info}");
    let json = folder.ok("env info MinAtar/Breakout-v1 --json").json;
    assert_eq!(json["action_names"], serde_json::json!(["no-op", "left", "right"]));
}

#[test]
fn info_names_the_parts_of_an_observation_and_the_keys() {
    let folder = Folder::new();
    let json = folder.ok("env info BitFlip-v0 --env-arg n_bits=3 --json").json;
    let goal = serde_json::json!({"name": "desired_goal", "space": "MultiBinary(3)", "start": 3, "end": 6});
    assert_eq!(json["observation_parts"][1], goal);
    assert_eq!(json["keys"][2], serde_json::json!({"key": "2", "action": 2, "meaning": "bit 2"}));
    let text = folder.ok("env info Reacher2D-v0").stdout;
    for told in
        ["desired_goal    Box(-1.0, 1.0, (2,), float32), numbers 2 to 3", "← shoulder left", "10 steps a second"]
    {
        assert!(text.contains(told), "{told} is not in:\n{text}");
    }
    assert!(folder.ok("env info Identity-v0 --env-arg n=50").stdout.contains("keys              none"));
}

#[test]
fn arguments_reach_the_environment_that_is_checked() {
    let folder = Folder::new();
    let output = folder.cartwheel("env check Scripted-v0 --env-arg panic_at=5 --json");
    assert_eq!(output.code, 1, "{}", output.stdout);
    assert!(output.json[0]["violations"][0].as_str().unwrap().starts_with("panic"), "{}", output.stdout);
    for line in ["env info CartPole-v1", "env check CartPole-v1", "record CartPole-v1 --out a.gif", "play CartPole-v1"]
    {
        folder.refused(&format!("{line} --env-arg speed --json"), 2, &["--env-arg speed", "KEY=VALUE"]);
        folder.refused(&format!("{line} --env-arg speed=3 --json"), 2, &["CartPole-v1", "no argument `speed`"]);
    }
}

#[test]
fn every_environment_keeps_the_contract() {
    let json = Folder::new().ok("env check --json").json;
    let reports = json.as_array().unwrap();
    assert!(reports.len() >= 5);
    assert!(reports.iter().all(|report| report["violations"] == Value::Array(Vec::new())), "{json}");
    assert!(Folder::new().ok("env check CartPole-v1").stdout.contains("keeps the contract"));
}

#[test]
fn recorded_episodes_are_repeated_to_the_last_digit() {
    let json = Folder::new().ok(&format!("env verify {} --json", recordings())).json;
    let number = |key: &str| json[key].as_u64().unwrap_or_else(|| panic!("{key} is no whole number: {json}"));
    assert_eq!(number("mismatches"), 0);
    assert!(number("episodes") >= 20 && number("steps") >= 1000, "{json}");
}

#[test]
fn a_difference_is_named() {
    let folder = Folder::new();
    let whole = episode();
    let mut tampered = whole.clone();
    tampered["rewards"][3] = 2.0.into();
    tampered["obs"][5][1] = 0.5.into();
    folder.write("bad.jsonl", &format!("{whole}\n{tampered}\n"));
    let output = folder.cartwheel("env verify bad.jsonl --json");
    assert_eq!((output.code, &output.json["mismatches"]), (1, &2.into()), "{}", output.stdout);
    assert_eq!(output.json["episodes"], 2);
    let text = folder.cartwheel("env verify bad.jsonl").stdout;
    for named in ["bad.jsonl", "line 2, step 3, rewards", "line 2, step 5, obs", "expected 2", "2 mismatches"] {
        assert!(text.contains(named), "{named} is not in:\n{text}");
    }
}

#[test]
fn a_malformed_line_is_named() {
    let folder = Folder::new();
    let whole = episode();
    folder.write("torn.jsonl", &format!("{whole}\n{}\n", &whole.to_string()[..100]));
    folder.refused("env verify torn.jsonl --json", 1, &["torn.jsonl:2", "generate.py"]);
    let mut short = whole.clone();
    short["rewards"] = Value::Array(Vec::new());
    folder.write("short.jsonl", &short.to_string());
    folder.refused("env verify short.jsonl --json", 1, &["short.jsonl:1", "rewards", "0 elements"]);
    folder.write("empty.jsonl", "");
    folder.refused("env verify empty.jsonl --json", 1, &["empty.jsonl", "empty"]);
    folder.refused("env verify none.jsonl --json", 1, &["none.jsonl"]);
}

#[test]
fn an_unknown_environment_gets_the_nearest() {
    let folder = Folder::new();
    for line in ["env info CartPol-v1", "env check CartPol-v1"] {
        folder.refused(&format!("{line} --json"), 2, &["CartPol-v1", "CartPole-v1", "env list"]);
    }
}
