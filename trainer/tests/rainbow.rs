//! The parts of Rainbow, each by itself and all together: each solves the smallest task, is repeatable, and goes on
//! from a checkpoint as if it had not stopped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;
use std::path::Path;

use cartwheel_trainer::{ActorCount, Algo, Event, Experiment, Settings, Summary};
use tempfile::TempDir;

/// A name for each composition and what it sets.
const COMPOSITIONS: [(&str, &[&str]); 8] = [
    ("plain", &[]),
    ("double", &["dqn.double_q=true"]),
    ("n-step", &["dqn.n_steps=3"]),
    ("dueling", &["dqn.dueling=true"]),
    ("prioritized", &["dqn.prioritized_replay=true"]),
    ("distributional", DISTRIBUTIONAL),
    ("noisy", &["dqn.noisy=true"]),
    ("all", ALL),
];
/// The task's returns are at most 2.
const DISTRIBUTIONAL: &[&str] = &["dqn.distributional=true", "dqn.n_atoms=11", "dqn.v_min=0", "dqn.v_max=2.5"];
const ALL: &[&str] = &[
    "dqn.double_q=true",
    "dqn.n_steps=3",
    "dqn.dueling=true",
    "dqn.prioritized_replay=true",
    "dqn.distributional=true",
    "dqn.n_atoms=11",
    "dqn.v_min=0",
    "dqn.v_max=2.5",
    "dqn.noisy=true",
];

/// Identity-v0 with a discount, so that bootstrapping counts, and settings that solve it within 3000 steps.
fn settings(folder: &TempDir, name: &str, composition: &[&str]) -> Settings {
    let mut settings = Settings::shipped(Algo::Dqn, "Identity-v0").unwrap();
    let common = [
        "env.n_envs=4",
        "train.total_timesteps=4000",
        "dqn.double_q=false",
        "dqn.gamma=0.5",
        "dqn.learning_rate=0.01",
        "dqn.learning_starts=200",
        "dqn.target_update_interval=100",
        "dqn.buffer_size=5000",
        "eval.eval_freq=500",
        "eval.n_eval_episodes=10",
        "eval.solved_at=9.9",
    ];
    common.iter().chain(composition).for_each(|assignment| settings.set(assignment).unwrap());
    settings.run.dir = folder.path().display().to_string();
    settings.run.name = Some(name.into());
    settings
}

fn weights(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("checkpoints/latest.safetensors")).unwrap()
}

fn train(settings: Settings) -> Summary {
    Experiment::new(settings).run().unwrap()
}

#[test]
fn each_composition_solves_the_smallest_task() {
    let folder = tempfile::tempdir().unwrap();
    for (name, composition) in COMPOSITIONS {
        let summary = train(settings(&folder, name, composition));
        assert!(summary.solved, "{name}: {:?} after {} steps", summary.greedy_return, summary.steps);
    }
}

/// Each switch makes another network, and the same seed the same one, whoever steps the environments.
#[test]
fn the_same_seed_gives_the_same_bits_whatever_the_number_of_actors() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for (name, composition) in COMPOSITIONS {
        let run = |actors: usize| {
            let mut settings = settings(&folder, &format!("{name}-{actors}"), composition);
            settings.train.actors = ActorCount::Exactly(actors);
            settings.train.stop_when_solved = false;
            settings.train.total_timesteps = 1500;
            weights(&train(settings).run)
        };
        let [one, two, four] = [1, 2, 4].map(run);
        assert!(one == two && one == four, "{name}");
        assert!(!seen.contains(&one), "{name} changes nothing");
        seen.push(one);
    }
}

/// Stopped in the middle and resumed, with priorities of all kinds in its replay.
#[test]
fn a_prioritized_run_goes_on_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |name: &str| {
        let mut settings = settings(&folder, name, ALL);
        settings.train.stop_when_solved = false;
        // Smaller than the run, so that rows have been overwritten too.
        settings.dqn.buffer_size = 700;
        settings
    };
    let whole = train(settings("whole"));
    let stop_at_1800 = |event: &Event<'_>| match event {
        Event::Progress(progress) if progress.steps >= 1800 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let interrupted = Experiment::new(settings("interrupted")).callback(stop_at_1800).run().unwrap();
    assert!(interrupted.interrupted && interrupted.steps < 2500, "{}", interrupted.steps);
    let resumed = Experiment::resume(&interrupted.run).unwrap().run().unwrap();
    assert_eq!((resumed.steps, resumed.updates), (whole.steps, whole.updates));
    assert!(weights(&resumed.run) == weights(&whole.run));
}
