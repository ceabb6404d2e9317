//! Worker processes: how many, how they are replaced, and that none is left behind.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cartwheel_envs::{Actions, BridgeOptions, OnWorkerDeath, VectorEnv};
use serde_json::json;

use super::{bad, numbers, options, room};

fn pids(env: &dyn VectorEnv) -> Vec<u64> {
    (0..env.num_envs()).map(|i| env.info(i)["pid"].as_u64().unwrap()).collect()
}

/// Waits until the process has ended.
fn wait_for_end(pid: u64) {
    let until = Instant::now() + Duration::from_secs(20);
    let alive = || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.contains(") Z"),
        Err(_) => false,
    };
    while alive() {
        assert!(Instant::now() < until, "{pid} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn environments_are_spread_over_workers_that_end_with_the_batch() {
    let two = BridgeOptions { workers: Some(2), ..options() };
    let mut env = bad(json!({})).bridge(two).make_vec(5).unwrap();
    let mut out = room(env.as_ref());
    env.reset(Some(3), &mut out.observations).unwrap();
    let pids = pids(env.as_ref());
    assert!(pids[0] == pids[1] && pids[2] == pids[4] && pids[1] != pids[2], "{pids:?}");
    let seeds: Vec<_> = (0..5).map(|i| env.info(i)["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds, [3, 4, 5, 6, 7]);
    drop(env);
    pids.into_iter().for_each(wait_for_end);
}

#[test]
fn a_fresh_worker_takes_the_place_of_a_dead_one() {
    let restart = BridgeOptions { workers: Some(2), on_worker_death: OnWorkerDeath::Restart, ..options() };
    let mark = tempfile::tempdir().unwrap();
    let kwargs = json!({"fault": "killed", "mark": mark.path().join("mark")});
    let mut env = bad(kwargs).bridge(restart).make_vec(4).unwrap();
    let mut out = room(env.as_ref());
    env.reset(Some(0), &mut out.observations).unwrap();
    let actions = Actions::Discrete(&[0; 4]);
    env.step(actions, &mut out).unwrap();
    env.step(actions, &mut out).unwrap();
    env.step(actions, &mut out).unwrap();
    // The mark is made by the environment that is first there: of one of the workers.
    assert_eq!(env.worker_restarts(), 1);
    let dead: Vec<_> = (0..4).filter(|i| out.truncated[*i]).collect();
    assert!(dead == [0, 1] || dead == [2, 3], "{dead:?}");
    for i in 0..4 {
        let (observation, reward) = if dead.contains(&i) { (0.0, 0.0) } else { (3.0, 1.0) };
        assert_eq!((numbers(&out.observations, i)[0], out.rewards[i]), (observation, reward), "{i}");
        assert!(!out.terminated[i]);
    }
    // The interrupted episodes end with the last observation known.
    assert!(dead.iter().all(|i| numbers(&out.final_observations, *i) == [2.0, 0.0]));
    let before = env.episode_generator(dead[0]);
    for _ in 0..10 {
        env.step(actions, &mut out).unwrap();
    }
    assert_eq!(env.worker_restarts(), 1);
    // The others, which were 3 steps ahead, have ended and begun again; those of the fresh worker just now.
    assert_ne!(env.episode_generator(dead[0]), before);
    assert!(dead.iter().all(|i| out.terminated[*i]));
}

#[test]
fn a_worker_that_dies_again_and_again_is_given_up() {
    let restart = BridgeOptions { on_worker_death: OnWorkerDeath::Restart, ..options() };
    let mut env = bad(json!({"fault": "dies"})).bridge(restart).make_vec(1).unwrap();
    let mut out = room(env.as_ref());
    env.reset(Some(0), &mut out.observations).unwrap();
    let mut steps = 0;
    let error = loop {
        match env.step(Actions::Discrete(&[0]), &mut out) {
            Ok(()) => steps += 1,
            Err(error) => break error.to_string(),
        }
        assert!(steps < 100);
    };
    assert_eq!((steps, env.worker_restarts()), (17, 5));
    assert!(error.contains("exit status: 7"), "{error}");
}

#[test]
fn a_reset_finds_the_dead_and_begins_what_was_asked_for() {
    let batch = || {
        let restart = BridgeOptions { workers: Some(2), on_worker_death: OnWorkerDeath::Restart, ..options() };
        bad(json!({})).wrapper("NormalizeObservation()").unwrap().bridge(restart).make_vec(4).unwrap()
    };
    let (mut env, mut other) = (batch(), batch());
    let (mut out, mut again) = (room(env.as_ref()), room(env.as_ref()));
    env.reset(Some(0), &mut out.observations).unwrap();
    let mut dead = pids(env.as_ref());
    dead.dedup();
    for pid in &dead {
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
        wait_for_end(*pid);
    }
    // As an evaluation does: statistics first, then the episodes of certain seeds.
    for batch in [&mut env, &mut other] {
        for i in 0..4 {
            batch.statistics_mut(i, &mut |own| {
                own.moments.mean.fill(0.5);
                own.update_running_mean = false;
            });
        }
    }
    env.reset(Some(7), &mut out.observations).unwrap();
    other.reset(Some(7), &mut again.observations).unwrap();
    assert_eq!((env.worker_restarts(), dead.len()), (2, 2));
    for _ in 0..3 {
        assert_eq!(out.observations, again.observations);
        env.step(Actions::Discrete(&[0; 4]), &mut out).unwrap();
        other.step(Actions::Discrete(&[0; 4]), &mut again).unwrap();
    }
    for i in 0..4 {
        assert_eq!(env.episode_generator(i), other.episode_generator(i));
        env.statistics(i, &mut |own| assert!(own.moments.mean[0] == 0.5 && !own.update_running_mean));
    }
}

#[test]
fn a_single_environment_goes_on_too() {
    let restart = BridgeOptions { on_worker_death: OnWorkerDeath::Restart, ..options() };
    let mut env = bad(json!({"fault": "dies"})).bridge(restart).make().unwrap();
    env.reset(Some(0)).unwrap();
    env.step(0).unwrap();
    env.step(0).unwrap();
    let step = env.step(0).unwrap();
    assert_eq!((step.reward, step.terminated, step.truncated), (0.0, false, true));
    env.reset(None).unwrap();
    assert_eq!(env.step(0).unwrap().reward, 1.0);
}

/// Not a test by itself: holds workers, one of which hangs, until it is killed.
#[test]
#[ignore = "run by workers_end_when_their_parent_is_killed"]
fn hold_workers() {
    let mut env = bad(json!({"fault": "hangs"})).make_vec(1).unwrap();
    let mut out = room(env.as_ref());
    env.reset(Some(0), &mut out.observations).unwrap();
    println!("pid {}", pids(env.as_ref())[0]);
    while env.step(Actions::Discrete(&[0]), &mut out).is_ok() {}
}

#[test]
fn workers_end_when_their_parent_is_killed() {
    let arguments = ["--exact", "workers::hold_workers", "--ignored", "--nocapture"];
    let myself = std::env::current_exe().unwrap();
    let mut child = Command::new(myself).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut pids = lines.map_while(Result::ok).filter_map(|line| line.split_once("pid ")?.1.parse().ok());
    let pid = pids.next().unwrap();
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    // SIGKILL: it has no chance to tidy up, and the worker hangs in user code.
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for_end(pid);
}
