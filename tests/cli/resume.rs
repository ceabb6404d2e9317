//! Runs that did not end by themselves, and gone on with: to the same bytes as if nothing had happened.

use std::fs;
use std::time::Duration;

use cartwheel::agents::Policy;
use cartwheel::envs::Row;
use cartwheel::trainer::policy_at;
use cartwheel::trainer::run::{Checkpoints, RunDir};

use crate::support::{CART_POLE, Folder, Run, SCRIPTED};

/// Lasts a second or so, with a checkpoint every few milliseconds of it.
const LONG: &str = "--n-envs 4 --actors 1 --steps 48000 --set eval.eval_freq=2048 --seed 5";

/// The run that the others must come to, and how long it is.
fn uninterrupted(folder: &Folder) -> Run {
    folder.ok(&format!("{CART_POLE} {LONG} --name whole"));
    folder.run("whole")
}

/// Moments to kill at that look random and are the same each time.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: Duration) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        below.mul_f64((self.0 >> 40) as f64 / f64::from(1 << 24))
    }
}

#[test]
fn killed_again_and_again_it_comes_to_the_same() {
    let folder = Folder::new();
    let whole = uninterrupted(&folder);
    for (name, seed, actors) in [("a", 1, [1, 1]), ("b", 2, [2, 4]), ("c", 3, [3, 1])] {
        let run = folder.run(name);
        let mut moments = Moments(seed);
        let mut running = folder.spawn(&format!("{CART_POLE} {LONG} --checkpoint-every 700 --name {name}"));
        let mut kills = 0;
        for attempt in 0..8 {
            // Past the next checkpoint, so that the run gets somewhere.
            let before = run.states().pop();
            let alive = running.until(|| run.states().pop() > before);
            std::thread::sleep(moments.next(Duration::from_millis(60)));
            kills += usize::from(running.kill() && alive);
            running = folder.spawn(&format!("train --resume runs/{name} --actors {}", actors[attempt % 2]));
        }
        assert_eq!(running.wait().code, 0);
        assert!(kills >= 3, "it was too quick to be killed: {kills} times only");
        run.is_as(&whole);
    }
}

#[test]
fn killed_before_its_first_checkpoint_it_begins_again() {
    let folder = Folder::new();
    let whole = uninterrupted(&folder);
    let mut running = folder.spawn(&format!("{CART_POLE} {LONG} --checkpoint-every 0 --name a"));
    let run = folder.run("a");
    assert!(running.until(|| run.file("metrics.jsonl").exists()));
    assert!(running.kill());
    assert!(run.states().is_empty(), "it was killed too late");
    folder.ok("train --resume runs/a");
    run.is_as(&whole);
}

#[test]
fn interrupted_it_leaves_a_checkpoint_and_goes_on() {
    let folder = Folder::new();
    let whole = uninterrupted(&folder);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = folder.run(signal);
        let mut running = folder.spawn(&format!("{CART_POLE} {LONG} --checkpoint-every 3000 --name {signal} --json"));
        assert!(running.until(|| !run.states().is_empty()));
        running.signal(signal);
        let output = running.wait();
        assert_eq!(output.code, code, "{}", output.stderr);
        assert_eq!((&output.json["interrupted"], &output.json["solved"]), (&true.into(), &false.into()));
        let steps = output.json["steps"].as_u64().unwrap();
        assert!(steps < 48_000, "it was too late to be interrupted");
        assert!(run.file(&format!("checkpoints/step-{steps:012}.state")).is_file());
        let runs = folder.ok("runs --json").json;
        let listed = runs.as_array().unwrap().iter().find(|run| run["name"] == signal).unwrap();
        assert_eq!(listed["status"], "interrupted");

        let summary = folder.ok(&format!("train --resume runs/{signal} --actors 2 --json")).json;
        assert_eq!((&summary["interrupted"], &summary["steps"]), (&false.into(), &48_000.into()));
        assert!(run.latest() == whole.latest(), "{signal}: latest weights differ");
        assert!(run.best() == whole.best(), "{signal}: best weights differ");
        assert!(run.bytes("episodes.bin") == whole.bytes("episodes.bin"), "{signal}: episodes differ");
        assert_eq!(run.evaluations(), whole.evaluations(), "{signal}: evaluations differ");
    }
}

/// A rollout takes a second here, and its first half is not learnt from twice.
#[test]
fn interrupted_within_a_rollout_it_goes_on_as_if_that_had_not_begun() {
    let folder = Folder::new();
    let line = "train Scripted-v0 --algo ppo --env-arg step_us=1000 --n-envs 4 --actors 2 --set ppo.n_steps=512 --set eval.eval_freq=0 \
        --set eval.n_eval_episodes=2 --steps 8192 --checkpoint-every 2048";
    let whole = folder.spawn(&format!("{line} --name whole"));
    let run = folder.run("a");
    let mut running = folder.spawn(&format!("{line} --name a"));
    assert!(running.until(|| run.file("metrics.jsonl").exists()));
    // Within the first rollout, and once more within a later one.
    std::thread::sleep(Duration::from_millis(200));
    for _ in 0..2 {
        running.signal("INT");
        let output = running.wait();
        assert_eq!(output.code, 130, "{}", output.stderr);
        assert!(output.stderr.contains("stopped within a rollout"), "{}", output.stderr);
        let done = run.states().pop();
        running = folder.spawn("train --resume runs/a");
        assert!(running.until(|| run.states().pop() > done));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(running.wait().code, 0);
    assert_eq!(whole.wait().code, 0);
    run.is_as(&folder.run("whole"));
}

#[test]
fn interrupted_it_tells_people_how_to_go_on() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{SCRIPTED} --env-arg step_us=1000 --steps 100000 --name a"));
    let run = folder.run("a");
    assert!(running.until(|| run.file("metrics.jsonl").exists()));
    std::thread::sleep(Duration::from_millis(300));
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, 130, "{}", output.stderr);
    assert!(output.stdout.contains("cartwheel train --resume runs/a"), "{}", output.stdout);
}

/// An evaluation of a second and a half, at these steps.
const SLOW_EVALUATION: &str = "--env-arg step_us=1000 --set eval.n_eval_episodes=150 --set eval.max_episode_steps=10";

#[test]
fn an_interrupted_evaluation_is_made_up_for() {
    let folder = Folder::new();
    let line = format!("{SCRIPTED} {SLOW_EVALUATION} --steps 300 --set eval.eval_freq=200 --checkpoint-every 100");
    let mut running = folder.spawn(&format!("{line} --name a"));
    let run = folder.run("a");
    // Collecting 200 steps takes 0.2 s, the evaluation begins then.
    assert!(running.until(|| !run.states().is_empty()));
    std::thread::sleep(Duration::from_millis(700));
    running.signal("INT");
    assert_eq!(running.wait().code, 130);
    assert!(run.evaluations().is_empty(), "it was too late to be interrupted");
    folder.ok("train --resume runs/a");
    folder.ok(&format!("{line} --name whole"));
    let steps = |run: &Run| run.evaluations().iter().map(|row| row["step"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(steps(&run), steps(&folder.run("whole")));
}

#[test]
fn interrupted_in_its_last_evaluation_it_is_not_finished() {
    let folder = Folder::new();
    let mut running =
        folder.spawn(&format!("{SCRIPTED} {SLOW_EVALUATION} --steps 100 --set eval.eval_freq=0 --name a --json"));
    let run = folder.run("a");
    assert!(running.until(|| run.file("metrics.jsonl").exists()));
    std::thread::sleep(Duration::from_millis(600));
    running.signal("INT");
    let output = running.wait();
    assert_eq!((output.code, &output.json["interrupted"]), (130, &true.into()), "{}", output.stdout);
    let summary = folder.ok("train --resume runs/a --json").json;
    assert_eq!(summary["greedy_return"]["mean"], 55.0);
}

#[test]
fn several_seeds_are_interrupted_together() {
    let folder = Folder::new();
    let line = format!("{SCRIPTED} --env-arg step_us=1000 --steps 100000 --actors 1 --seeds 3 --name s --json");
    let mut running = folder.spawn(&line);
    assert!(running.until(|| folder.run("s-s1").file("metrics.jsonl").exists()));
    std::thread::sleep(Duration::from_millis(200));
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, 130, "{}", output.stderr);
    let seeds = output.json["seeds"].as_array().unwrap();
    assert!(!seeds.is_empty() && seeds.iter().all(|summary| summary["interrupted"] == true), "{}", output.stdout);
}

/// Those that are named go on with the same command, the others one by one.
#[test]
fn seeds_that_were_stopped_say_how_to_go_on() {
    let folder = Folder::new();
    let line = format!("{SCRIPTED} --env-arg step_us=1000 --steps 100000 --actors 1 --seeds 2");
    for (name, words) in [(" --name s", "start the same command again"), ("", "train --resume runs/Scripted-v0-dqn-s")]
    {
        let mut running = folder.spawn(&format!("{line}{name}"));
        let begun = |folder: &Folder| {
            let runs = std::fs::read_dir(folder.path("runs")).into_iter().flatten().flatten();
            runs.filter(|run| run.file_name().to_string_lossy().starts_with('s') != name.is_empty())
                .any(|run| run.path().join("metrics.jsonl").exists())
        };
        assert!(running.until(|| begun(&folder)));
        running.signal("INT");
        let output = running.wait();
        assert_eq!(output.code, 130, "{}", output.stderr);
        assert!(output.stdout.contains("stopped before any final evaluation"), "{}", output.stdout);
        assert!(output.stdout.contains(words), "{}", output.stdout);
    }
}

#[test]
fn an_evaluation_by_itself_can_be_interrupted() {
    let folder = Folder::new();
    folder.ok(&format!("{SCRIPTED} --steps 60 --env-arg step_us=100 --name a"));
    let running = folder.spawn("eval runs/a --episodes 100000 --json");
    std::thread::sleep(Duration::from_millis(500));
    running.signal("TERM");
    let output = running.wait();
    assert_eq!((output.code, &output.json["exit_code"]), (143, &143.into()), "{}", output.stderr);
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let folder = Folder::new();
    // A step of two minutes: the first signal is heard after it.
    let mut running = folder.spawn(&format!("{SCRIPTED} --env-arg step_us=120000000 --steps 100000 --name a"));
    assert!(running.until(|| folder.run("a").file("metrics.jsonl").exists()));
    running.signal("INT");
    std::thread::sleep(Duration::from_millis(200));
    assert!(running.until(|| true), "the first signal ended it within a step");
    // What follows within a second is the same request, and what comes later is not.
    running.signal("INT");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(running.until(|| true), "the same request ended it");
    running.signal("INT");
    let output = running.wait();
    assert_eq!(output.code, 130);
    assert!(output.stderr.contains("another Ctrl-C ends it at once"), "{}", output.stderr);
    assert_eq!(folder.ok("runs --json").json[0]["status"], "killed", "it ended in order, after its step");
}

#[test]
fn a_run_with_a_free_clock_goes_on_too() {
    let folder = Folder::new();
    let run = folder.run("a");
    let line = format!("{CART_POLE} {LONG} --actors 2 --clock async --checkpoint-every 3000 --name a");
    let mut running = folder.spawn(&line.replacen("--actors 1", "", 1));
    assert!(running.until(|| !run.states().is_empty()));
    running.kill();
    let summary = folder.ok("train --resume runs/a --json").json;
    assert!(summary["steps"].as_u64().unwrap() >= 48_000);
    let steps: Vec<_> = run.rows().iter().map(|row| row["step"].as_u64().unwrap()).collect();
    assert!(steps.is_sorted(), "{steps:?}");
}

#[test]
fn a_finished_run_is_left_as_it_is() {
    let folder = Folder::new();
    let first = folder.ok(&format!("{CART_POLE} --steps 1500 --name a --json")).json;
    let before = folder.run("a").snapshot();
    let again = folder.ok("train --resume runs/a --json").json;
    assert_eq!(again, first);
    folder.run("a").is_untouched_since(&before);
}

/// What a run says of itself.
fn as_it_is(run: &Run) -> [Vec<u8>; 3] {
    ["run.json", "config.toml", "metrics.jsonl"].map(|file| run.bytes(file))
}

/// Where nothing follows from how long the run was to be.
#[test]
fn a_run_that_is_extended_comes_to_what_a_longer_one_does() {
    let folder = Folder::new();
    let line = format!(
        "{CART_POLE} --n-envs 4 --actors 1 --seed 5 --set dqn.exploration_initial_eps=0.05 --set dqn.exploration_final_eps=0.05"
    );
    folder.ok(&format!("{line} --steps 6144 --name whole"));
    folder.ok(&format!("{line} --steps 2560 --name a"));
    let run = folder.run("a");
    let finished = as_it_is(&run);
    for (steps, words) in [("2560", "has done 2560 steps"), ("2000", "--steps 2000"), ("0", "total_timesteps")] {
        folder.refused(&format!("train --resume runs/a --steps {steps}"), 2, &[words]);
    }
    assert!(as_it_is(&run) == finished, "it was changed");
    let summary = folder.ok("train --resume runs/a --no-watch --steps 6144 --json").json;
    assert_eq!(summary["steps"], 6144);
    assert!(run.bytes("checkpoints/latest.safetensors") == folder.run("whole").bytes("checkpoints/latest.safetensors"));
    let steps: Vec<_> = run.rows().iter().map(|row| row["step"].as_u64().unwrap()).collect();
    assert!(steps.is_sorted() && steps.first() < Some(&2560) && steps.last() == Some(&6144), "{steps:?}");
    // It is a run of that length now, and of nothing else that was only said for this time.
    let config = String::from_utf8(run.bytes("config.toml")).unwrap();
    assert!(config.contains("total_timesteps = 6144") && config.contains("\nwatch = true"), "{config}");
}

/// Exploration falls more slowly in a longer run, so that one of the same settings came to something else.
#[test]
fn a_run_that_was_extended_is_not_taken_for_another() {
    let folder = Folder::new();
    let line = format!("{CART_POLE} --n-envs 4 --actors 1 --seed 5 --set dqn.exploration_fraction=0.9");
    folder.ok(&format!("{line} --steps 6144 --name whole"));
    folder.ok(&format!("{line} --steps 2560 --name a-s5"));
    folder.ok("train --resume runs/a-s5 --steps 6144");
    assert!(folder.run("a-s5").latest() != folder.run("whole").latest());
    let json = folder.ok("compare runs/whole runs/a-s5 --json").json;
    let mut names: Vec<_> =
        json["groups"].as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["dqn extended=at 2560", "dqn extended=never"]);
    folder.refused(&format!("{line} --steps 6144 --seeds 1 --name a"), 2, &["runs/a-s5", "trained further"]);
}

#[test]
fn a_run_that_solved_its_task_goes_on_past_that() {
    let folder = Folder::new();
    let first = folder.ok("train CartPole-v1 --seed 1 --name a --json").json;
    assert_eq!(first["solved"], true);
    let more = first["steps"].as_u64().unwrap() + 3000;
    let summary = folder.ok(&format!("train --resume runs/a --steps {more} --json")).json;
    assert!(summary["steps"].as_u64().unwrap() >= more && summary["solved"] == true, "{summary}");
}

#[test]
fn without_a_checkpoint_there_is_nothing_to_extend() {
    let folder = Folder::new();
    folder.ok(&format!("{SCRIPTED} --steps 100 --name a"));
    folder.run("a").states().iter().for_each(|state| fs::remove_file(state).unwrap());
    let before = as_it_is(&folder.run("a"));
    folder.refused("train --resume runs/a --steps 200", 2, &["runs/a has no checkpoint"]);
    assert!(as_it_is(&folder.run("a")) == before, "it was changed");
}

#[test]
fn the_second_process_is_refused_and_told_of_the_first() {
    let folder = Folder::new();
    let mut first = folder.spawn(&format!("{SCRIPTED} --env-arg step_us=1000 --steps 100000 --name a"));
    let run = folder.run("a");
    assert!(first.until(|| run.file("metrics.jsonl").exists()));
    folder.refused("train --resume runs/a --json", 1, &["runs/a", "in use", &first.pid().to_string()]);
    assert_eq!(folder.ok("runs --json").json[0]["status"], "running");
    assert!(first.kill());
    assert_eq!(folder.ok("runs --json").json[0]["status"], "killed");
}

#[test]
fn another_run_that_it_started_from_is_not_needed_again() {
    let folder = Folder::new();
    folder.ok(&format!("{SCRIPTED} --steps 100 --name source"));
    let failing = "--env-arg panic_at=150 --set eval.eval_freq=0";
    let line = format!("{SCRIPTED} {failing} --init-from runs/source --steps 200 --name a");
    assert_eq!(folder.cartwheel(&line).code, 1);
    fs::remove_dir_all(folder.path("runs/source")).unwrap();
    let summary = folder.ok("train --resume runs/a --json").json;
    assert_eq!(summary["steps"], 200);
}

#[test]
fn a_run_may_be_moved() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --steps 1500 --name a"));
    fs::rename(folder.path("runs/a"), folder.path("moved")).unwrap();
    assert_eq!(folder.ok("train --resume moved --json").json["run"], "moved");
    assert_eq!(folder.ok("eval moved --episodes 2 --json").json["returns"].as_array().unwrap().len(), 2);
}

#[test]
fn without_replay_in_the_checkpoint_it_fills_a_new_one() {
    let folder = Folder::new();
    let line = format!("{SCRIPTED} --set run.checkpoint_replay=false --env-arg panic_at=300 --steps 500 --name a");
    assert_eq!(folder.cartwheel(&line).code, 1);
    let summary = folder.ok("train --resume runs/a --json").json;
    assert_eq!(summary["steps"], 500);
}

/// The target network moves when an interval of steps has passed since the last update: a checkpoint from before the
/// first update must not count as one.
#[test]
fn stopped_before_learning_starts_it_comes_to_the_same() {
    let folder = Folder::new();
    let line = format!("{CART_POLE} --steps 2048 --seed 3 --checkpoint-every 960");
    folder.ok(&format!("{line} --name whole"));
    let whole = folder.run("whole");
    let run = folder.run("a");
    // As if it had been killed between step 960 and the next checkpoint.
    folder.ok(&format!("{line} --set run.keep_checkpoints=9 --name a"));
    for state in run.states() {
        if !state.ends_with("step-000000000960.state") {
            std::fs::remove_file(folder.path("runs/a/checkpoints").join(state.file_name().unwrap())).unwrap();
        }
    }
    let manifest = run.file("run.json");
    let text = std::fs::read_to_string(&manifest).unwrap().replace("\"finished\"", "\"interrupted\"");
    std::fs::write(&manifest, text).unwrap();
    folder.ok("train --resume runs/a");
    run.is_as(&whole);
}

/// What a viewer judges by when a checkpoint is chosen.
#[test]
fn the_policy_of_a_checkpoint_is_that_of_its_weights() {
    let folder = Folder::new();
    for (name, line) in [
        ("dqn", "CartPole-v1 --steps 3000 --checkpoint-every 1000"),
        ("rainbow", "CartPole-v1 --algo rainbow --steps 1200 --set rainbow.learning_starts=600"),
        // Its own learning rate is 0 in the last update.
        (
            "ppo",
            "CartPole-v1 --algo ppo --steps 4096 --checkpoint-every 1024 --set ppo.n_steps=128 --set ppo.learning_rate=0.001",
        ),
        ("sac", "Pendulum-v1 --algo sac --steps 1200 --set sac.learning_starts=600"),
    ] {
        folder.ok(&format!("train {line} --name {name} --set eval.n_eval_episodes=1"));
        let run = RunDir::open(folder.run(name).path).unwrap();
        let states = Checkpoints::new(run.checkpoints(), 2).list().unwrap();
        let policies: Vec<_> = states.iter().map(|(_, state)| policy_at(&run, state).unwrap()).collect();
        let mut latest = Policy::load(&run.latest_weights()).unwrap();
        let seen = Row::F32(&[0.1, 0.2, -0.1, 0.3][..latest.observation_space().width()]);
        let values: Vec<_> = policies.iter().map(|policy| policy.clone().appraise(seen).value).collect();
        assert!(values.last() == Some(&latest.appraise(seen).value) && values[0].is_some(), "{name}: {values:?}");
        assert!(name != "ppo" || values[0] != values[1], "an older one has another critic: {values:?}");
        assert_eq!(policies.last().unwrap().parameters(), latest.parameters(), "{name}");
        assert!(name != "dqn" || policies[0].parameters() != latest.parameters(), "an older one has other weights");
    }
    let run = RunDir::open(folder.run("sac").path).unwrap();
    let foreign = folder.run("dqn").states().pop().unwrap();
    let refused = policy_at(&run, &foreign).unwrap_err().to_string();
    assert!(refused.contains("another than that of the run's weights"), "{refused}");
}
