//! What `train` promises when all goes well.

use std::fs;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::support::{CART_POLE, Folder, IDENTITY, SCRIPTED};

#[test]
fn identity_is_solved_in_seconds() {
    let folder = Folder::new();
    let summary = folder.ok(&format!("{IDENTITY} --steps 20000 --seed 3 --name a --json")).json;
    assert_eq!(summary["solved"], true);
    assert_eq!(summary["greedy_return"]["mean"], 10.0);
    assert_eq!(summary["greedy_return"]["std"], 0.0);
    assert_eq!(summary["greedy_return"]["episodes"], 10);
    assert_eq!(summary["seed"], 3);
    assert_eq!(summary["run"], "runs/a");
    let number = |key: &str| summary[key].as_f64().unwrap();
    assert!(number("steps") < 20_000.0, "it did not stop when solved: {summary}");
    assert!(number("updates") > 0.0 && number("updates") <= number("steps"));
    assert!(number("wall_s") > 0.0 && number("wall_s") < 60.0 && number("cpu_s") > 0.0);
}

#[test]
fn the_bandit_is_solved_in_seconds() {
    let settings = "--set dqn.gamma=0 --set dqn.learning_rate=0.01 --set dqn.learning_starts=200 \
        --set dqn.target_update_interval=100 --set eval.eval_freq=500 --set eval.solved_at=0.7";
    let summary = Folder::new().ok(&format!("train Bandit-v0 {settings} --steps 20000 --json")).json;
    assert_eq!(summary["solved"], true, "{summary}");
    assert!(summary["greedy_return"]["mean"].as_f64().unwrap() >= 0.7);
}

#[test]
fn cart_pole_is_solved_as_shipped() {
    let folder = Folder::new();
    let json = folder.ok("train CartPole-v1 --seed 11 --seeds 3 --name c --json").json;
    let seeds = json["seeds"].as_array().unwrap();
    let numbers: Vec<_> = seeds.iter().map(|summary| summary["seed"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [11, 12, 13]);
    let mut means = Vec::new();
    for summary in seeds {
        assert_eq!(summary["solved"], true, "{summary}");
        assert!(summary["greedy_return"]["episodes"].as_u64().unwrap() >= 100);
        means.push(summary["greedy_return"]["mean"].as_f64().unwrap());
        assert!(folder.path(summary["run"].as_str().unwrap()).join("checkpoints/best.safetensors").is_file());
    }
    assert!(means.iter().all(|mean| *mean >= 475.0), "{means:?}");
    assert_eq!(json["aggregate"]["solved"], 1.0);
}

#[test]
fn seeds_are_aggregated() {
    let folder = Folder::new();
    let json = folder.ok(&format!("{IDENTITY} --steps 280 --seed 5 --seeds 3 --name s --json")).json;
    let mut means: Vec<_> =
        json["seeds"].as_array().unwrap().iter().map(|s| s["greedy_return"]["mean"].as_f64().unwrap()).collect();
    assert_eq!(means.len(), 3);
    for seed in 5..8 {
        assert!(folder.run(&format!("s-s{seed}")).file("run.json").is_file());
    }
    means.sort_by(f64::total_cmp);
    let aggregate = &json["aggregate"];
    let close = |key: &str, expected: f64| {
        let found = aggregate[key].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-9, "{key} is {found}, not {expected}");
    };
    close("mean", means.iter().sum::<f64>() / 3.0);
    close("median", means[1]);
    // Of three values a quarter is none: nothing is cut.
    close("iqm", means.iter().sum::<f64>() / 3.0);
    let solved = json["seeds"].as_array().unwrap().iter().filter(|s| s["solved"] == true).count();
    close("solved", solved as f64 / 3.0);
    let interval: Vec<_> = aggregate["ci95"].as_array().unwrap().iter().map(|end| end.as_f64().unwrap()).collect();
    assert_eq!(interval.len(), 2);
    assert!(means[0] <= interval[0] && interval[0] <= interval[1] && interval[1] <= means[2], "{interval:?}");
}

#[test]
fn people_are_told_where_seeds_are_and_how_to_compare_them() {
    let output = Folder::new().ok(&format!("{IDENTITY} --steps 100 --seeds 2 --name a"));
    for next in ["cartwheel compare runs/a-s1 runs/a-s2\n", "cartwheel runs\n"] {
        assert!(output.stdout.contains(next), "{}", output.stdout);
    }
}

#[test]
fn steps_are_written_as_in_a_configuration() {
    let folder = Folder::new();
    for (steps, expected) in [("3e2", 300), ("1_000", 1000)] {
        let config =
            folder.ok(&format!("train CartPole-v1 --steps {steps} --checkpoint-every 1e3 --print-config")).stdout;
        assert!(config.contains(&format!("\ntotal_timesteps = {expected}\n")), "{config}");
        assert!(config.contains("\ncheckpoint_every = 1000\n"), "{config}");
    }
    for steps in ["10k", "1.5", "-1", "''"] {
        folder.refused(&format!("train CartPole-v1 --steps={steps} --json"), 2, &["--steps", "whole number", "1e5"]);
    }
}

#[test]
fn not_solved_is_no_failure() {
    let folder = Folder::new();
    let summary = folder.ok(&format!("{IDENTITY} --steps 100 --name a --json")).json;
    assert_eq!((&summary["solved"], &summary["steps"]), (&Value::from(false), &Value::from(100)));
    let run = folder.run("a");
    assert!(!run.latest().is_empty() && !run.best().is_empty());
}

#[test]
fn training_goes_on_past_solved_if_told_so() {
    let line = format!("{IDENTITY} --set train.stop_when_solved=false --steps 4000 --json");
    let summary = Folder::new().ok(&line).json;
    assert_eq!((&summary["solved"], &summary["steps"]), (&Value::from(true), &Value::from(4000)));
}

/// The best of many noisy looks flatters: what a run comes to is told of episodes that chose nothing.
#[test]
fn a_run_that_goes_on_past_solved_is_judged_on_fresh_episodes() {
    let folder = Folder::new();
    let noisy = "train Blackjack-v1 --algo dqn --steps 4000 --set dqn.learning_starts=100 --set eval.eval_freq=250 \
                 --set eval.n_eval_episodes=20 --set eval.solved_at=-2 --set train.stop_when_solved=false --name a --json";
    let summary = folder.ok(noisy).json;
    assert_eq!(summary["solved"], true);
    let looks: Vec<_> =
        folder.run("a").evaluations().iter().map(|row| row["metrics"]["eval/mean_reward"].clone()).collect();
    let (last, before) = looks.split_last().unwrap();
    assert_eq!(*last, summary["greedy_return"]["mean"], "the curve ends with what the run came to");
    let best = before.iter().filter_map(Value::as_f64).fold(f64::MIN, f64::max);
    assert!(last.as_f64().unwrap() < best, "{last} is the best of {looks:?}");
}

#[test]
fn people_are_told_the_result_and_what_to_do_next() {
    let output = Folder::new().ok(&format!("{IDENTITY} --steps 100 --name a"));
    assert!(output.stdout.starts_with("not solved, greedy return"), "{}", output.stdout);
    for next in ["saved in runs/a", "cartwheel eval runs/a", "learning_curve.svg", "cartwheel runs"] {
        assert!(output.stdout.contains(next), "{}", output.stdout);
    }
    assert!(output.stderr.contains("run: runs/a") && output.stderr.contains("device: cpu"), "{}", output.stderr);
}

#[test]
fn where_nothing_says_when_a_task_is_solved_neither_does_the_result() {
    let (folder, goalless) = (Folder::new(), format!("{IDENTITY} --set eval.solved_at=none --steps 100"));
    let output = folder.ok(&goalless);
    assert!(output.stdout.starts_with("finished, greedy return"), "{}", output.stdout);
    let output = folder.ok(&format!("{goalless} --seeds 2"));
    assert!(output.stdout.contains("2 seeds: mean") && !output.stdout.contains("solved"), "{}", output.stdout);
}

#[test]
fn a_run_lives_at_exactly_its_name() {
    let folder = Folder::new();
    let line = format!("{IDENTITY} --steps 100 --runs-dir deep/er --name my-run.2 --json");
    assert_eq!(folder.ok(&line).json["run"], "deep/er/my-run.2");
    for file in [
        "config.toml",
        "run.json",
        "metrics.jsonl",
        "episodes.bin",
        "episodes.idx",
        "learning_curve.svg",
        "checkpoints/latest.safetensors",
        "checkpoints/best.safetensors",
        "checkpoints/step-000000000100.state",
    ] {
        assert!(folder.path("deep/er/my-run.2").join(file).is_file(), "no {file}");
    }
    let entries = fs::read_dir(folder.path("deep/er")).unwrap().count();
    assert_eq!(entries, 1);
}

#[test]
fn a_taken_name_is_refused_and_the_old_run_kept() {
    let folder = Folder::new();
    let line = format!("{IDENTITY} --steps 100 --name a --json");
    folder.ok(&line);
    let before = folder.run("a").snapshot();
    folder.refused(&format!("{line} --seed 9"), 2, &["runs/a", "already exists", "another name"]);
    folder.run("a").is_untouched_since(&before);
}

#[test]
fn runs_without_a_name_never_collide() {
    let folder = Folder::new();
    for _ in 0..3 {
        folder.ok(&format!("{IDENTITY} --steps 50"));
    }
    let names: Vec<_> = fs::read_dir(folder.path("runs")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|name| name.to_string_lossy().starts_with("Identity-v0-dqn-s1-")), "{names:?}");
}

#[test]
fn weights_files_hold_the_network_and_no_more() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --steps 1500 --set dqn.net_arch=[16,8] --name a"));
    for bytes in [folder.run("a").latest(), folder.run("a").best()] {
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let mut shapes = Vec::new();
        for (name, tensor) in tensors.iter() {
            assert!(name.starts_with("q_net."), "{name}");
            assert_eq!(tensor.dtype(), Dtype::F32);
            shapes.push(tensor.shape().to_vec());
        }
        shapes.sort();
        assert_eq!(shapes, [vec![2], vec![2, 8], vec![8], vec![8, 16], vec![16], vec![16, 4]]);
        // Six tensors of numbers and a header: no optimizer, no target network.
        assert!(bytes.len() < 4 * (4 * 16 + 16 + 16 * 8 + 8 + 8 * 2 + 2) + 2000, "{}", bytes.len());
    }
}

#[test]
fn metrics_have_the_familiar_names() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --steps 3072 --name a"));
    let rows = folder.run("a").rows();
    for name in ["rollout/ep_rew_mean", "train/loss", "eval/mean_reward", "time/fps"] {
        let found = rows.iter().filter_map(|row| row["metrics"].get(name)).all(Value::is_f64);
        assert!(found && rows.iter().any(|row| row["metrics"].get(name).is_some()), "{name}");
    }
    assert!(rows.is_sorted_by_key(|row| row["step"].as_u64().unwrap()));
    assert_eq!(rows.last().unwrap()["step"], 3072);
}

#[test]
fn the_clock_may_run_free() {
    let folder = Folder::new();
    let line = format!("{CART_POLE} --clock async --actors 2 --n-envs 4 --steps 3000 --name a --json");
    let summary = folder.ok(&line).json;
    assert!(summary["steps"].as_u64().unwrap() >= 3000 && summary["updates"].as_u64().unwrap() > 0);
    let late = |row: &Value| row["metrics"]["time/policy_lag"].as_f64().is_some_and(|lag| lag > 4.0);
    assert!(!folder.run("a").rows().iter().any(late), "a transition was later than train.max_policy_lag");
}

#[test]
fn actors_may_be_measured() {
    let output = Folder::new().ok(&format!("{CART_POLE} --actors auto --n-envs 4 --steps 600"));
    assert!(output.stderr.contains("actor"), "the choice is not told:\n{}", output.stderr);
}

#[test]
fn init_from_starts_from_the_best_weights_of_a_run() {
    let folder = Folder::new();
    folder.ok(&format!("{IDENTITY} --steps 20000 --name source"));
    let source = folder.run("source");
    for (name, from) in [("from-run", "runs/source"), ("from-file", "runs/source/checkpoints/best.safetensors")] {
        // It never learns, so that what it starts from is what it ends with.
        let line =
            format!("{IDENTITY} --init-from {from} --set dqn.learning_starts=5000 --steps 500 --name {name} --json");
        let summary = folder.ok(&line).json;
        assert_eq!((&summary["updates"], &summary["solved"]), (&Value::from(0), &Value::from(true)));
        assert!(folder.run(name).latest() == source.best(), "{name}: other weights");
    }
}

#[test]
fn init_from_trains_on() {
    let folder = Folder::new();
    folder.ok(&format!("{IDENTITY} --steps 20000 --name source"));
    let line = format!("{IDENTITY} --init-from runs/source --set eval.eval_freq=250 --steps 5000 --name a --json");
    let summary = folder.ok(&line).json;
    // At its first evaluation.
    assert_eq!((&summary["solved"], &summary["steps"]), (&Value::from(true), &Value::from(252)));
}

#[test]
fn environment_arguments_reach_the_environment() {
    let folder = Folder::new();
    folder.ok(&format!("{SCRIPTED} --env-arg length=7 --env-arg ends=truncated --steps 200 --name a"));
    let rows = folder.run("a").rows();
    assert_eq!(rows.last().unwrap()["metrics"]["rollout/ep_len_mean"], 7.0);
}

/// TFRecords: length, its checksum, payload, its checksum.
#[test]
fn tensorboard_files_are_whole_records() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --steps 2100 --name a"));
    let run = folder.run("a");
    let names = fs::read_dir(&run.path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<_> = names.filter(|name| name.starts_with("events.out.tfevents.")).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let bytes = run.bytes(file);
    let mut rest = bytes.as_slice();
    let mut payloads = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_at(8);
        let (checksum, after) = after.split_at(4);
        assert_eq!(checksum, masked_crc32c(length));
        let (payload, after) = after.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let (checksum, after) = after.split_at(4);
        assert_eq!(checksum, masked_crc32c(payload));
        payloads.push(payload);
        rest = after;
    }
    let holds = |payload: &[u8], text: &str| payload.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(payloads[0], "brain.Event:2"));
    let with = |text| payloads.iter().filter(|payload| holds(payload, text)).count();
    let rows = run.rows();
    for tag in ["eval/mean_reward", "rollout/ep_rew_mean", "train/loss"] {
        assert_eq!(with(tag), rows.iter().filter(|row| row["metrics"].get(tag).is_some()).count(), "{tag}");
    }
}

fn masked_crc32c(bytes: &[u8]) -> [u8; 4] {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    let crc = !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)));
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// A curve has one value a step, and ends with what the run came to: where the last step was also one to evaluate at, there were
/// three.
#[test]
fn a_step_has_one_evaluation() {
    let folder = Folder::new();
    let never = "--set eval.solved_at=1e9";
    let solved = "--set eval.solved_at=1 --set train.stop_when_solved=false";
    for (name, more) in [("unsolved", never), ("solved", solved)] {
        let line = format!("{CART_POLE} --steps 2048 {more} --set run.csv=true --name {name}");
        let summary = folder.ok(&format!("{line} --json")).json;
        let run = folder.run(name);
        let steps: Vec<_> = run.evaluations().iter().map(|row| row["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, [1024, 2048], "{name}");
        let last = &run.evaluations()[1]["metrics"]["eval/mean_reward"];
        assert_eq!(*last, summary["greedy_return"]["mean"], "{name}");
        let csv = String::from_utf8(run.bytes("progress.csv")).unwrap();
        let column = csv.lines().next().unwrap().split(',').position(|name| name == "eval/mean_reward").unwrap();
        let values =
            csv.lines().skip(1).filter(|line| line.split(',').nth(column).is_some_and(|cell| !cell.is_empty()));
        assert_eq!(values.count(), 2, "{csv}");
    }
}

/// CartPole's threshold of 475 is out of reach in 200 steps.
#[test]
fn a_time_limit_that_keeps_a_run_from_being_solved_is_told() {
    let folder = Folder::new();
    let warns =
        |line: &str| folder.ok(&format!("train CartPole-v1 --steps 64 {line}")).stderr.contains("eval.solved_at");
    assert!(warns("--env-arg max_episode_steps=200"));
    assert!(!warns("--env-arg max_episode_steps=200 --set eval.solved_at=195"));
    assert!(!warns("--env-arg max_episode_steps=1000") && !warns(""));
}
