//! What environments tell of episodes beside returns: success rates, and numbers that are asked for.

use cartwheel::trainer::run::Episodes;
use serde_json::Value;

use crate::support::{Folder, Run, python};

/// BitFlip-v0 with two bits: now and then solved by whoever flips any.
const FLIP: &str = "train BitFlip-v0 --env-arg n_bits=2 --set dqn.learning_starts=50 --set dqn.net_arch=[16] \
    --set train.log_interval=100 --set eval.eval_freq=500 --set eval.n_eval_episodes=20 --set train.stop_when_solved=false";

/// The same in Python, in the folder's own module.
const FLIP_OF_PYTHON: &str = "train py:goal_envs:FlipBits-v0 --env-arg n_bits=2 --set dqn.learning_starts=50 \
    --set dqn.net_arch=[16] --set train.log_interval=100 --set eval.n_eval_episodes=6 --n-envs 3 --actors 1";

fn with_goal_envs() -> Folder {
    let folder = Folder::new();
    folder.write("goal_envs.py", include_str!("../python/goal_envs.py"));
    folder
}

/// What rows say of a metric, where they say anything.
fn told(run: &Run, metric: &str) -> Vec<f64> {
    run.rows().iter().filter_map(|row| row["metrics"][metric].as_f64()).collect()
}

/// The info of each recorded episode, with its length and whether it was terminated.
fn episodes(run: &Run) -> Vec<(std::collections::BTreeMap<String, f64>, usize, bool)> {
    let episodes = Episodes::open(&run.path).unwrap();
    let records = (0..episodes.index().len()).map(|i| episodes.read(i).unwrap());
    records.map(|record| (record.info, record.actions.len(), record.terminated)).collect()
}

#[test]
fn success_rates_are_those_of_the_last_episodes() {
    let folder = Folder::new();
    for (name, clock) in [("a", ""), ("b", "--set train.clock=async")] {
        let line = format!("{FLIP} --n-envs 2 --actors 2 --steps 1000 --set run.csv=true --name {name} --json {clock}");
        let summary = folder.ok(&line).json;
        let run = folder.run(name);
        let ended = episodes(&run);
        assert!(ended.iter().all(|(info, _, terminated)| info["is_success"] == f64::from(u8::from(*terminated))));
        // Of the last hundred, as of returns.
        let last = &ended[ended.len().saturating_sub(100)..];
        let share = last.iter().filter(|(_, _, terminated)| *terminated).count() as f64 / last.len() as f64;
        let rates = told(&run, "rollout/success_rate");
        assert!((rates.last().unwrap() - share).abs() < 1e-12 && rates[0] < 1.0, "{rates:?} {share}");
        let evaluations = told(&run, "eval/success_rate");
        assert_eq!(evaluations.len(), told(&run, "eval/mean_reward").len());
        assert_eq!(summary["greedy_return"]["success_rate"].as_f64(), evaluations.last().copied());
        let csv = String::from_utf8(run.bytes("progress.csv")).unwrap();
        assert!(csv.lines().next().unwrap().contains("rollout/success_rate"));
    }
    let json = folder.ok("eval runs/a --episodes 30 --json").json;
    // An episode of n steps pays 1 - n if it reaches its goal, and else -n.
    let pairs = json["returns"].as_array().unwrap().iter().zip(json["lengths"].as_array().unwrap());
    let reached = pairs.filter(|(return_, length)| return_.as_f64().unwrap() > -length.as_f64().unwrap()).count();
    assert_eq!(json["success_rate"].as_f64(), Some(reached as f64 / 30.0));
    assert_eq!(json["infos"].as_array().unwrap().len(), 30);
    let text = folder.ok("eval runs/a --episodes 30").stdout;
    assert!(text.contains(&format!(", {:.0} % of them successful", reached as f64 / 0.3)), "{text}");
}

#[test]
fn where_nothing_is_told_there_are_no_rates() {
    let folder = Folder::new();
    let summary = folder.ok("train CartPole-v1 --steps 600 --set eval.n_eval_episodes=2 --name a --json").json;
    assert!(summary["greedy_return"].get("success_rate").is_none());
    let named = |row: &Value| row["metrics"].as_object().unwrap().keys().any(|name| name.contains("success"));
    assert!(!folder.run("a").rows().iter().any(named));
    assert_eq!(folder.ok("eval runs/a --episodes 2 --json").json["success_rate"], Value::Null);
}

#[test]
fn numbers_of_infos_are_kept_and_averaged() {
    let folder = with_goal_envs();
    let line = format!("{FLIP_OF_PYTHON} --steps 600 --name a --set env.info_keywords=[\"flips\"]");
    let trained = folder.with_python(&line).wait();
    assert_eq!(trained.code, 0, "{}", trained.stderr);
    assert!(trained.stdout.contains("of them successful"), "{}", trained.stdout);
    let run = folder.run("a");
    let ended = episodes(&run);
    assert!(ended.len() > 50);
    // Reset infos have none of it: they are those of the steps that ended the episodes.
    assert!(ended.iter().all(|(info, length, terminated)| {
        info.len() == 2 && info["flips"] == *length as f64 && info["is_success"] == f64::from(u8::from(*terminated))
    }));
    assert_eq!(told(&run, "rollout/info/flips"), told(&run, "rollout/ep_len_mean"));
    assert_eq!(told(&run, "eval/info/flips"), told(&run, "eval/mean_ep_length"));
    assert_eq!(told(&run, "rollout/success_rate").len(), told(&run, "rollout/ep_rew_mean").len());
    let evaluated = folder.with_python("eval runs/a --episodes 5").wait();
    assert!(evaluated.stdout.contains("% of them successful\n  mean flips  "), "{}", evaluated.stdout);
    let evaluated = folder.with_python("eval runs/a --episodes 5 --json").wait();
    for (info, length) in
        evaluated.json["infos"].as_array().unwrap().iter().zip(evaluated.json["lengths"].as_array().unwrap())
    {
        assert_eq!(info["flips"].as_f64(), length.as_f64());
    }
}

#[test]
fn a_killed_run_tells_the_same() {
    let folder = with_goal_envs();
    let line = format!("{FLIP_OF_PYTHON} --steps 6000 --set eval.eval_freq=2000 --set env.info_keywords=[\"flips\"]");
    let whole = folder.with_python(&format!("{line} --name whole")).wait();
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    let run = folder.run("a");
    let mut running = folder.with_python(&format!("{line} --checkpoint-every 500 --name a"));
    assert!(running.until(|| run.states().len() > 1));
    assert!(running.kill(), "it was too quick to be killed");
    let resumed = folder.with_python("train --resume runs/a").wait();
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    run.is_as(&folder.run("whole"));
}

#[test]
fn keys_that_are_not_there_are_named() {
    let folder = with_goal_envs();
    let line = format!("{FLIP_OF_PYTHON} --steps 600 --python {}", python());
    for (key, found) in [("flip", "there are is_success, flips"), ("note", "what is there is \"flipped\"")] {
        let words = [format!("no finite number \"{key}\" (env.info_keywords)"), found.to_owned()];
        let words = [words[0].as_str(), &words[1], "FlipBits-v0, environment"];
        folder.refused(&format!("{line} --set env.info_keywords=[\"{key}\"]"), 1, &words);
    }
    folder.refused("train CartPole-v1 --steps 600 --set env.info_keywords=[\"a\"]", 1, &["\"a\"", "there is none"]);
    folder.refused("train CartPole-v1 --set env.info_keywords=[\"a,b\"]", 2, &["env.info_keywords", "without commas"]);
}
