//! Environments of Python, behind `py:`. `tests/python/setup.sh` installs what they need.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Folder, python};

/// CartPole of Python, in two environments.
const CART_POLE: &str = "train py:CartPole-v1 --n-envs 2 --actors 1 --seed 5 --set train.stop_when_solved=false \
    --set dqn.learning_starts=200 --set eval.eval_freq=3000 --set eval.n_eval_episodes=4";

#[test]
fn what_gymnasium_says_of_them_is_shown() {
    let folder = Folder::new();
    let json = folder.ok(&format!("env info py:CartPole-v1 --python {} --json", python())).json;
    assert_eq!((&json["name"], &json["max_episode_steps"]), (&json!("py:CartPole-v1"), &json!(500)));
    assert_eq!(json["observation_space"], folder.ok("env info CartPole-v1 --json").json["observation_space"]);
    let line = format!("env info py:ale_py:ALE/Pong-v5 --env-arg obs_type=ram --python {} --json", python());
    assert_eq!(folder.ok(&line).json["observation_space"], "Box(0, 255, (128,), uint8)");
    let json = folder.ok(&format!("env check py:MountainCar-v0 --python {} --json", python())).json;
    assert_eq!(json, json!([{"name": "py:MountainCar-v0", "violations": []}]));
}

#[test]
fn they_are_recorded() {
    let folder = Folder::new();
    let line =
        format!("record py:ale_py:ALE/Pong-v5 --python {} --out a.gif --width 60 --max-steps 20 --json", python());
    folder.ok(&line);
    let gif = fs::read(folder.path("a.gif")).unwrap();
    let frames = gif.windows(4).filter(|bytes| *bytes == [0x21, 0xf9, 4, 4]).count();
    assert_eq!(frames, 21);
}

#[test]
fn mistakes_are_named() {
    let folder = Folder::new();
    let line = |id: &str| format!("env info {id} --python {} --json", python());
    folder.refused(&line("py:CartPol-v1"), 2, &["`CartPol-v1`", "did you mean CartPole-v1"]);
    folder.refused(&line("py:ALE/Pong-v5"), 2, &["write py:ale_py:ALE/Pong-v5", "pip install ale-py"]);
    folder.refused(&line("py:CartPole-v1 --env-arg gravity=1"), 2, &["py:CartPole-v1", "gravity"]);
    folder.refused("env info py:CartPole-v1 --python /no/python --json", 2, &["`/no/python`", "--python"]);
}

/// In a module of one's own, in the current folder.
#[test]
fn mistakes_in_ones_own_module_are_named() {
    let folder = Folder::new();
    folder.write("half.py", "def step(self:\n");
    folder.refused(
        &format!("env info py:half:Blind-v0 --python {} --json", python()),
        2,
        &["make raised SyntaxError: '(' was never closed (half.py, line 1)"],
    );
    let blind = "import gymnasium\n\nclass Blind(gymnasium.Env):\n    \
        observation_space = action_space = gymnasium.spaces.Discrete(2)\n\n    \
        def reset(self, seed=None, options=None):\n        return 0, {}\n\ngymnasium.register(\"Blind-v0\", Blind)\n";
    folder.write("blind.py", blind);
    folder.refused(
        &format!("record py:blind:Blind-v0 --python {} --out a.gif --json", python()),
        2,
        &["shows no picture", "metadata[\"render_modes\"]", "rgb_array"],
    );
    folder.refused(
        &format!("play py:blind:Blind-v0 --python {} --json", python()),
        2,
        &["no keys", "those of Python have none"],
    );
}

/// NumPy's `RandomState` takes seeds of 32 bits.
#[test]
fn evaluations_and_runs_that_go_on_have_seeds_that_every_generator_takes() {
    let folder = Folder::new();
    let old = "import gymnasium, numpy\n\nclass Old(gymnasium.Env):\n    \
        observation_space = gymnasium.spaces.Box(0, 1, (1,))\n    action_space = gymnasium.spaces.Discrete(2)\n\n    \
        def reset(self, seed=None, options=None):\n        \
            self.rng = numpy.random.RandomState(seed)\n        return self.observe(), {}\n\n    \
        def observe(self):\n        return self.rng.rand(1).astype(numpy.float32)\n\n    \
        def step(self, action):\n        return self.observe(), 1.0, self.rng.rand() < 0.1, False, {}\n\n\
        gymnasium.register(\"Old-v0\", Old, max_episode_steps=50)\n";
    folder.write("old.py", old);
    let run = folder.run("a");
    let eval = "--set eval.eval_freq=500 --set eval.n_eval_episodes=2 --checkpoint-every 300";
    let line = format!("train py:old:Old-v0 --python {} --n-envs 2 --clock async {eval} --name a", python());
    let mut running = folder.with_python(&format!("{line} --steps 20000"));
    assert!(running.until(|| run.states().len() > 1 && !run.evaluations().is_empty()));
    assert!(running.kill(), "it was too quick to be killed");
    let resumed = folder.with_python("train --resume runs/a").wait();
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
}

#[test]
fn a_killed_run_comes_to_the_same() {
    let folder = Folder::new();
    let whole = folder.with_python(&format!("{CART_POLE} --steps 6000 --name whole")).wait();
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    let run = folder.run("a");
    let mut running = folder.with_python(&format!("{CART_POLE} --steps 6000 --checkpoint-every 700 --name a"));
    assert!(running.until(|| run.states().len() > 1));
    assert!(running.kill(), "it was too quick to be killed");
    let resumed = folder.with_python("train --resume runs/a").wait();
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    run.is_as(&folder.run("whole"));
    // And its policy plays there.
    let evaluated = folder.with_python("eval runs/a --episodes 2 --json").wait();
    assert_eq!(evaluated.json["returns"].as_array().unwrap().len(), 2, "{}", evaluated.stderr);
}

/// The processes whose parent is `pid`.
fn children(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    entries
        .filter(|child: &u32| {
            let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            // After the name in brackets: state, parent.
            let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
            parent == Some(pid)
        })
        .collect()
}

#[test]
fn an_interrupted_run_leaves_no_worker_behind() {
    let folder = Folder::new();
    let mut running = folder.with_python(&format!("{CART_POLE} --steps 1000000 --name a"));
    let run = folder.run("a");
    assert!(running.until(|| run.file("metrics.jsonl").metadata().is_ok_and(|file| file.len() > 0)));
    let workers = children(running.pid());
    assert!(!workers.is_empty());
    running.signal("INT");
    assert_eq!(running.wait().code, 130);
    let start = Instant::now();
    while workers.iter().any(|pid| Path::new(&format!("/proc/{pid}")).exists()) {
        assert!(start.elapsed() < Duration::from_secs(20), "{workers:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Without hindsight, ten bits are not found in as many steps: native or not (docs/algorithms/her.md).
#[test]
fn goals_are_learnt_by_hindsight() {
    let folder = Folder::new();
    folder.write("goal_envs.py", include_str!("../python/goal_envs.py"));
    let settings = "--algo her --set her.model_class=dqn --set dqn.learning_rate=1e-3 --set dqn.learning_starts=500 \
        --set dqn.batch_size=64 --set dqn.gamma=0.95 --set dqn.target_update_interval=200 --set dqn.net_arch=[64] \
        --set dqn.exploration_fraction=0.3 --set eval.n_eval_episodes=30 --n-envs 4 --actors 1 --seed 1 --json";
    let line = |bits: u32, steps: u32, more: &str| {
        format!("train py:goal_envs:FlipBits-v0 --env-arg n_bits={bits} {settings} --steps {steps} {more}")
    };
    let trained = folder.with_python(&line(6, 6000, "--name a")).wait();
    assert_eq!(trained.code, 0, "{}", trained.stderr);
    assert!(trained.json["greedy_return"]["success_rate"].as_f64().unwrap() > 0.9, "{}", trained.json);
    for (fault, words) in [
        ("other", ["compute_reward says -2", "take away the wrappers"]),
        ("scalar", ["compute_reward returned", "a finite reward for each row"]),
        ("raises", ["compute_reward raised ValueError: no such goal", "goal_envs.py"]),
        ("dies", ["its worker process has died", "see above"]),
    ] {
        let refused = folder.with_python(&line(3, 600, &format!("--env-arg fault={fault}"))).wait();
        assert!(refused.code != 0 && words.iter().all(|word| refused.stderr.contains(word)), "{}", refused.stderr);
    }
    let refused = folder.with_python("train py:CartPole-v1 --algo her --set her.model_class=dqn --steps 600").wait();
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("achieved_goal and desired_goal"), "{}", refused.stderr);
}

/// Python's Taxi tells in `info` which actions are valid, CartPole does not.
#[test]
fn masks_of_info_keep_actions_valid() {
    let folder = Folder::new();
    let keys =
        "--set dqn.net_arch=[16] --set dqn.learning_starts=100 --set eval.n_eval_episodes=2 --n-envs 2 --actors 1";
    let line = |id: &str, more: &str| {
        format!("train {id} --wrapper ActionMaskObservation {keys} --steps 600 --set train.log_interval=100 {more}")
    };
    let run = folder.with_python(&line("py:Taxi-v4", "--name taxi")).wait();
    assert_eq!(run.code, 0, "{}", run.stderr);
    let rows = folder.run("taxi").rows();
    let lowest = rows.iter().filter_map(|row| row["metrics"]["rollout/reward_min"].as_f64()).fold(0.0, f64::min);
    assert_eq!(lowest.to_bits(), (-1.0_f64).to_bits(), "an illegal action costs 10");
    let refused = folder.with_python(&line("py:CartPole-v1", "")).wait();
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("finds no action mask"), "{}", refused.stderr);
    let refused =
        folder.with_python("train py:Pendulum-v1 --wrapper ActionMaskObservation --algo sac --steps 200").wait();
    assert!(refused.code != 0 && refused.stderr.contains("not Discrete"), "{}", refused.stderr);
}
