//! Where settings come from, each over the one before, and `--print-config`.

use serde_json::Value;
use toml::Table;

use crate::support::Folder;

fn printed(folder: &Folder, line: &str) -> Table {
    folder.ok(&format!("train {line} --print-config")).stdout.parse().unwrap()
}

#[test]
fn what_is_printed_loads_back_to_the_same() {
    let folder = Folder::new();
    let lines = [
        "CartPole-v1",
        "Identity-v0",
        "Scripted-v0 --env-arg length=7 --env-arg ends=both --set eval.solved_at=3.5 --set train.init_from=some/run",
        "CartPole-v1 --set dqn.net_arch=[8,8,8] --set dqn.adam_eps=1e-12 --clock async --actors 3 --device cuda:1 --name x",
    ];
    for line in lines {
        let first = folder.ok(&format!("train {line} --print-config")).stdout;
        folder.write("printed.toml", &first);
        assert_eq!(folder.ok("train --config printed.toml --print-config").stdout, first, "{line}");
    }
}

#[test]
fn every_printed_key_has_a_comment() {
    let text = Folder::new().ok("train CartPole-v1 --print-config").stdout;
    let mut before = "";
    let mut keys = 0;
    for line in text.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(before.starts_with("# ") && before.len() > 10, "no comment above {line:?}");
            keys += 1;
        }
        before = line;
    }
    assert!(keys > 30, "{keys} keys");
    for section in ["[env]", "[train]", "[dqn]", "[eval]", "[run]"] {
        assert!(text.contains(section), "no {section}");
    }
}

#[test]
fn each_source_is_over_the_one_before() {
    let folder = Folder::new();
    let rate = |line: &str| printed(&folder, line)["dqn"]["learning_rate"].as_float().unwrap();
    let steps = |line: &str| printed(&folder, line)["train"]["total_timesteps"].as_integer().unwrap();
    assert_eq!(rate("Identity-v0"), 1e-4);
    assert_eq!(rate("CartPole-v1"), 0.01);
    folder
        .write("mine.toml", "[env]\nid = \"CartPole-v1\"\n[dqn]\nlearning_rate = 0.02\n[train]\ntotal_timesteps = 2\n");
    assert_eq!(rate("CartPole-v1 --config mine.toml"), 0.02);
    assert_eq!(rate("CartPole-v1 --config mine.toml --set dqn.learning_rate=0.03"), 0.03);
    assert_eq!(rate("CartPole-v1 --set dqn.learning_rate=0.03 --set dqn.learning_rate=0.04"), 0.04);
    assert_eq!(steps("CartPole-v1"), 50_000);
    assert_eq!(steps("CartPole-v1 --config mine.toml"), 2);
    assert_eq!(steps("CartPole-v1 --config mine.toml --set train.total_timesteps=3"), 3);
    assert_eq!(steps("CartPole-v1 --config mine.toml --set train.total_timesteps=3 --steps 4"), 4);
    // A file that names an environment gets what is shipped for it below itself.
    assert_eq!(printed(&folder, "--config mine.toml")["dqn"]["n_steps"].as_integer(), Some(4));
}

#[test]
fn every_flag_is_a_setting() {
    let folder = Folder::new();
    let printed = printed(
        &folder,
        "Scripted-v0 --algo dqn --seed 5 --steps 6 --n-envs 7 --actors 2 --clock async --env-arg length=3 --device cpu \
         --runs-dir d --name n --checkpoint-every 8 --init-from r",
    );
    let expected: Table = r#"
        [train]
        algo = "dqn"
        seed = 5
        total_timesteps = 6
        actors = 2
        clock = "async"
        device = "cpu"
        init_from = "r"
        [env]
        id = "Scripted-v0"
        n_envs = 7
        args = { length = 3 }
        [run]
        dir = "d"
        name = "n"
        checkpoint_every = 8
    "#
    .parse()
    .unwrap();
    for (section, keys) in &expected {
        for (key, value) in keys.as_table().unwrap() {
            assert_eq!(&printed[section][key], value, "{section}.{key}");
        }
    }
}

#[test]
fn as_json_the_file_is_a_string_in_the_document() {
    let folder = Folder::new();
    let text = folder.ok("train CartPole-v1 --print-config").stdout;
    let json = folder.ok("train CartPole-v1 --print-config --json").json;
    assert_eq!(json["config"].as_str().map(str::trim_end), Some(text.trim_end()));
}

#[test]
fn printing_makes_no_run() {
    let folder = Folder::new();
    folder.ok("train CartPole-v1 --print-config");
    assert!(!folder.path("runs").exists());
}

#[test]
fn a_run_keeps_all_of_its_settings() {
    let folder = Folder::new();
    let line = "train Identity-v0 --steps 50 --set dqn.learning_starts=20 --set eval.n_eval_episodes=2 --name a";
    folder.ok(line);
    let kept = String::from_utf8(folder.run("a").bytes("config.toml")).unwrap();
    assert_eq!(folder.ok(&format!("{line} --print-config")).stdout.trim_end(), kept.trim_end());
    let manifest: Value = serde_json::from_slice(&folder.run("a").bytes("run.json")).unwrap();
    assert_eq!(manifest["env"], "Identity-v0");
    assert_eq!(manifest["outcome"]["status"], "finished");
    let command: Vec<_> = manifest["command"].as_array().unwrap()[1..].iter().filter_map(Value::as_str).collect();
    assert_eq!(command.join(" "), line);
}
