//! `cartwheel record --transitions`, and what learns from it.

use std::fs;

use cartwheel::envs::make;
use cartwheel::trainer::data::minari::Dataset;
use serde_json::Value;

use crate::support::{CART_POLE, Folder};

/// What metadata.json of a dataset says.
fn metadata(folder: &Folder, dataset: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.path(&format!("{dataset}/data/metadata.json"))).unwrap()).unwrap()
}

#[test]
fn episodes_are_recorded_as_minari_has_them() {
    let folder = Folder::new();
    let json = folder.ok("record CartPole-v1 --transitions a --episodes 5 --seed 3 --json").json;
    let returns: Vec<f64> = json["returns"].as_array().unwrap().iter().map(|r| r.as_f64().unwrap()).collect();
    assert_eq!((&json["transitions"], returns.len()), (&"a".into(), 5));
    let metadata = metadata(&folder, "a");
    assert_eq!(metadata["total_steps"].as_f64().unwrap(), returns.iter().sum::<f64>(), "a step of it earns 1");
    let of = ["total_episodes", "data_format", "dataset_id"].map(|key| metadata[key].to_string());
    assert_eq!(of, ["5", "\"hdf5\"", "\"a-v0\""]);
    assert!(metadata["env_spec"].as_str().unwrap().contains("CartPole-v1"), "{metadata}");
    // The same seed, the same bytes; a film of it has the same episodes.
    folder.ok("record CartPole-v1 --transitions b --episodes 5 --seed 3");
    let data = |dataset: &str| fs::read(folder.path(&format!("{dataset}/data/main_data.hdf5"))).unwrap();
    assert_eq!(data("a"), data("b"));
    let film = folder.ok("record CartPole-v1 --out a.gif --width 60 --episodes 5 --seed 3 --json").json;
    assert_eq!(film["returns"], json["returns"]);
}

/// It says so at once, and not when the memory is full.
#[test]
fn more_episodes_than_fit_into_memory_are_refused() {
    let folder = Folder::new();
    let line = "record CartPole-v1 --transitions a --episodes 99999999999999 --json";
    folder.refused(line, 2, &["99999999999999 episodes", "this machine has", "or fewer to a folder"]);
    assert!(!folder.path("a").exists());
}

/// Wrappers that normalize change what is seen and paid: returns are the environment's own, and there is no dataset of it.
#[test]
fn what_normalizes_is_filmed_and_not_recorded() {
    let folder = Folder::new();
    let wrapped = "record Pendulum-v1 --wrapper NormalizeReward";
    let film =
        |line: &str| folder.ok(&format!("{line} --out a.gif --width 30 --max-steps 20 --json")).json["returns"].clone();
    assert_eq!(film(wrapped), film("record Pendulum-v1"));
    folder.refused(
        &format!("{wrapped} --transitions a"),
        2,
        &["normalize", "without NormalizeObservation and NormalizeReward"],
    );
    assert!(!folder.path("a").exists());
}

#[test]
fn an_episode_that_is_given_up_is_truncated() {
    let folder = Folder::new();
    let json = folder.ok("record Pendulum-v1 --transitions a --max-steps 7 --json").json;
    assert_eq!(json["returns"].as_array().unwrap().len(), 1);
    assert_eq!(metadata(&folder, "a")["total_steps"], 7);
    let pendulum = make("Pendulum-v1").unwrap();
    let dataset = Dataset::open(&folder.path("a")).unwrap();
    let episode = dataset.episode(0, pendulum.observation_space(), pendulum.action_space()).unwrap();
    assert_eq!((episode.len(), episode.observations.len()), (7, 8));
    assert!(episode.terminations.iter().all(|terminated| !terminated));
    assert_eq!(episode.truncations.iter().position(|truncated| *truncated), Some(6));
    // And is learnt from, by actions that are numbers.
    let line =
        "train Pendulum-v1 --algo cql --dataset a --set cql.net_arch=[16] --set cql.n_action_samples=2 --steps 2000";
    folder.ok(&format!("{line} --set eval.n_eval_episodes=1 --set train.stop_when_solved=false --name a"));
    let told = folder.run("a").rows();
    assert!(told.iter().any(|row| row["metrics"]["train/conservative_loss"].is_f64()), "{told:?}");
}

#[test]
fn a_policy_is_cloned_from_its_episodes() {
    let folder = Folder::new();
    folder.ok("train CartPole-v1 --seed 3 --name expert --no-watch");
    folder.ok("record runs/expert --transitions shown --episodes 50");
    let output = folder.ok("train CartPole-v1 --algo bc --dataset shown --seed 2 --name cloned --json");
    let found = output.json["greedy_return"]["mean"].as_f64().unwrap();
    assert!(found >= 475.0, "{found}");
    assert_eq!(output.json["episodes"], 0, "nothing is stepped but in evaluations");
    assert!(output.stderr.contains("dataset: 50 episodes"), "{}", output.stderr);
    // It is a run as any other.
    folder.ok("eval runs/cloned --episodes 2");
    folder.ok("record runs/cloned --out a.gif --width 60");
    let config = fs::read_to_string(folder.path("runs/cloned/config.toml")).unwrap();
    // Wherever it is resumed from, the dataset is found.
    let shown = std::path::absolute(folder.path("shown")).unwrap();
    assert!(config.contains(&format!("datasets = [{:?}]", shown.display().to_string())), "{config}");
}

#[test]
fn a_dataset_is_passed_over_as_often_as_is_asked() {
    let folder = Folder::new();
    folder.ok("record CartPole-v1 --transitions a --episodes 5 --seed 3");
    let transitions = metadata(&folder, "a")["total_steps"].as_u64().unwrap();
    let line = "train CartPole-v1 --algo bc --dataset a --set bc.batch_size=8 --set bc.l2_weight=0.01 --set offline.n_epochs=3";
    let rest = "--set train.stop_when_solved=false --set eval.n_eval_episodes=1 --name a --json";
    let output = folder.ok(&format!("{line} {rest}"));
    let steps = 3 * (transitions / 8);
    assert_eq!(output.json["steps"], steps, "{transitions} transitions");
    let config = fs::read_to_string(folder.path("runs/a/config.toml")).unwrap();
    assert!(config.contains(&format!("total_timesteps = {steps}")), "{config}");
    folder.refused(&line.replace("=3", "=0"), 2, &["offline.n_epochs", "1 or more"]);
    folder.refused("train CartPole-v1 --set offline.n_epochs=3", 2, &["[offline]", "--algo bc and cql"]);
}

#[test]
fn a_run_does_not_go_on_with_another_dataset() {
    let folder = Folder::new();
    let record = |seed: u64| folder.ok(&format!("record CartPole-v1 --transitions shown --episodes 3 --seed {seed}"));
    record(1);
    let line = "train CartPole-v1 --algo bc --dataset shown --steps 20000 --checkpoint-every 500 --name a --no-watch";
    let mut running = folder.spawn(&format!("{line} --set train.stop_when_solved=false --set eval.eval_freq=0"));
    let run = folder.run("a");
    assert!(running.until(|| !run.states().is_empty()) && running.kill(), "it is done too soon");
    fs::remove_dir_all(folder.path("shown")).unwrap();
    record(2);
    folder.refused("train --resume runs/a", 2, &["offline.datasets", "other episodes"]);
    fs::remove_dir_all(folder.path("shown")).unwrap();
    record(1);
    folder.ok("train --resume runs/a");
}

#[test]
fn what_is_no_dataset_of_the_environment_is_told() {
    let folder = Folder::new();
    folder.ok("record CartPole-v1 --transitions good --episodes 3");
    folder.refused("record CartPole-v1 --transitions good", 2, &["good", "holds a dataset already"]);
    folder.refused("record CartPole-v1", 2, &["--out", "--transitions"]);
    folder.refused("record CartPole-v1 --out a.gif --transitions more", 2, &["--out", "--transitions"]);
    let train =
        |env: &str, dataset: &str| format!("train {env} --algo bc --steps 100 --dataset {dataset} --name never");
    folder.refused("train CartPole-v1 --algo bc --steps 100", 2, &["--algo bc", "--dataset DIR", "record RUN"]);
    folder.refused(&train("CartPole-v1", "none"), 2, &["none", "no folder"]);
    fs::create_dir(folder.path("empty")).unwrap();
    folder.refused(&train("CartPole-v1", "empty"), 2, &["empty", "is not a dataset", "metadata.json"]);
    folder.refused(
        &train("Acrobot-v1", "good"),
        2,
        &["good", "observations of Box([-4.8", "Acrobot-v1 has Box([-1.0", "CartPole-v1"],
    );
    folder.refused("train CartPole-v1 --dataset good", 2, &["--dataset", "bc and cql", "train.algo = \"dqn\""]);
    folder.refused(&format!("{} --actors 2", train("CartPole-v1", "good")), 2, &["train.actors", "--algo bc"]);
    folder.refused(&format!("{} --n-envs 4", train("CartPole-v1", "good")), 2, &["env.n_envs", "--algo bc"]);
    folder.refused(&format!("{} --clock async", train("CartPole-v1", "good")), 2, &["train.clock", "--algo bc"]);
    folder.refused(
        &format!("{} --wrapper NormalizeObservation", train("CartPole-v1", "good")),
        2,
        &["env.wrappers", "normalizes"],
    );
    let again = |name: &str, change: &dyn Fn(&Folder)| {
        folder.ok(&format!("record CartPole-v1 --transitions {name} --episodes 3"));
        change(&folder);
    };
    let file = |name: &str, file: &str| folder.path(&format!("{name}/data/{file}"));
    // Cut off anywhere.
    for (i, share) in [0.0, 0.02, 0.5, 0.9, 0.999].into_iter().enumerate() {
        let name = format!("cut{i}");
        again(&name, &|_| {
            let bytes = fs::read(file(&name, "main_data.hdf5")).unwrap();
            let kept = (bytes.len() as f64 * share) as usize;
            fs::write(file(&name, "main_data.hdf5"), &bytes[..kept]).unwrap();
        });
        folder.refused(&train("CartPole-v1", &name), 1, &["main_data.hdf5", "cut off or damaged"]);
    }
    again("gone", &|_| fs::remove_file(file("gone", "main_data.hdf5")).unwrap());
    folder.refused(&train("CartPole-v1", "gone"), 1, &["gone/data/main_data.hdf5, which holds", "download or record"]);
    for (name, from, to, words) in [
        ("text", "{", "", &["text/data/metadata.json", "not JSON"][..]),
        ("arrow", "hdf5", "arrow", &["arrow/data/metadata.json", "data_format is \"arrow\"", "hdf5"]),
        ("more", "\"total_episodes\":3", "\"total_episodes\":9", &["main_data.hdf5", "episode_3"]),
        ("some", "\"total_episodes\":3", "\"total_episodes\":\"3\"", &["total_episodes is \"3\"", "whole number"]),
        ("other", "Discrete", "Discrate", &["action_space", "Discrate"]),
        ("none-left", "\"total_episodes\":3", "\"total_episodes\":0", &["none-left", "holds no steps"]),
    ] {
        again(name, &|_| {
            let text = fs::read_to_string(file(name, "metadata.json")).unwrap();
            assert!(text.contains(from), "{text}");
            fs::write(file(name, "metadata.json"), text.replacen(from, to, 1)).unwrap();
        });
        folder.refused(&train("CartPole-v1", name), 1, words);
    }
    assert!(!folder.path("runs/never").exists(), "refused before anything is written");
}

/// Episodes of chance and of a policy that is half trained: what was done is not what should be, what it earned tells.
#[test]
fn conservative_q_learning_is_better_than_what_it_learnt_from() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --steps 3000 --seed 1 --name medium"));
    folder.ok("record runs/medium --transitions medium --episodes 30");
    folder.ok("record CartPole-v1 --transitions random --episodes 200");
    let train = |algo: &str| {
        let line = format!("train CartPole-v1 --algo {algo} --dataset medium --dataset random --seed 1");
        // The last weights, not the best by evaluation: nothing but the datasets chooses.
        let output = folder.ok(&format!("{line} --set eval.eval_freq=0 --json"));
        output.json["greedy_return"]["mean"].as_f64().unwrap()
    };
    let (bc, cql) = (train("bc"), train("cql"));
    assert!(cql > 400.0 && bc < 300.0, "CQL {cql}, behaviour cloning {bc}");
}

#[test]
fn conservative_q_learning_swings_a_pendulum_up_by_what_chance_has_shown() {
    let folder = Folder::new();
    folder.ok("record Pendulum-v1 --transitions random --episodes 100");
    let json = folder.ok("train Pendulum-v1 --algo cql --dataset random --json").json;
    let found = json["greedy_return"]["mean"].as_f64().unwrap();
    assert!(found > -200.0, "{found}, where chance earns about -1200");
}
