//! Agreement with Gymnasium 1.4.0, by episodes and exact states recorded from it.
//!
//! The recordings lie in `tests/data/gymnasium` at the workspace's root, beside the scripts that made them;
//! `golden_states.json` is the part of `generate_states.py`'s output that is of environments here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use cartwheel_envs::{
    Acrobot, Action, CartPole, CartPoleConfig, Env, Generator, MountainCar, MountainCarContinuous, Pendulum, Rows,
    TimeLimit, spec, verify_file,
};
use serde_json::Value;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/gymnasium");

#[test]
fn recorded_episodes_are_reproduced() {
    let recordings = [
        ("Acrobot-v1", 15, 2368),
        ("CartPole-v0", 58, 2654),
        ("CartPole-v1", 52, 2663),
        ("MountainCar-v0", 25, 4002),
        ("MountainCarContinuous-v0", 29, 3797),
        ("Pendulum-v1", 20, 4000),
        // See generate_unstable.py.
        ("unstable-Acrobot-v1", 2, 1000),
        ("unstable-Pendulum-v1", 3, 600),
    ];
    for (id, episodes, steps) in recordings {
        let check = verify_file(format!("{DATA}/{id}.jsonl")).unwrap();
        assert_eq!(check.mismatches, [], "{id}");
        assert_eq!((check.episodes, check.steps), (episodes, steps), "{id}: all of it is replayed");
    }
}

#[test]
fn exact_states_are_reproduced() {
    let golden: Value =
        serde_json::from_str(&fs::read_to_string(format!("{DATA}/golden_states.json")).unwrap()).unwrap();
    for (id, golden) in golden.as_object().unwrap() {
        let spec = spec(id).unwrap();
        assert_eq!(golden["time_limit"].as_u64(), spec.max_episode_steps.map(u64::from), "{id}");
        assert_eq!(golden["reward_threshold"].as_f64(), spec.reward_threshold, "{id}");
        for run in golden["runs"].as_array().unwrap() {
            match id.as_str() {
                "Acrobot-v1" => replay(run, Acrobot::new(), |env| {
                    let state = env.state();
                    vec![state.theta1, state.theta2, state.theta1_dot, state.theta2_dot]
                }),
                "CartPole-v0" | "CartPole-v1" => replay(run, CartPole::new(Default::default()), |env| {
                    let state = env.state();
                    vec![state.x, state.x_dot, state.theta, state.theta_dot]
                }),
                "MountainCar-v0" => replay(run, MountainCar::new(Default::default()), |env| {
                    vec![env.state().position, env.state().velocity]
                }),
                "MountainCarContinuous-v0" => replay(run, MountainCarContinuous::new(Default::default()), |env| {
                    vec![env.state().position(), env.state().velocity()]
                }),
                "Pendulum-v1" => {
                    replay(run, Pendulum::new(Default::default()), |env| vec![env.state().theta, env.state().theta_dot])
                }
                _ => panic!("{id} has recorded states that are not looked at"),
            }
        }
    }
}

/// Repeats a recorded run, comparing what `exact` tells of the environment's state.
fn replay<E: Env>(run: &Value, mut env: E, exact: impl Fn(&E) -> Vec<f64>) {
    let mut rng = Generator::new(run["seed"].as_u64().unwrap());
    let mut row = Rows::for_space(&env.observation_space(), 1);
    env.reset(&mut rng, row.row_mut(0)).unwrap();
    assert_close(&exact(&env), &run["reset_state"]);
    for expected in run["steps"].as_array().unwrap() {
        let floats = expected["a"].as_array().map(|_| floats(&expected["a"])).unwrap_or_default();
        let floats: Vec<_> = floats.into_iter().map(|x| x as f32).collect();
        let action = match expected["a"].as_i64() {
            Some(action) => Action::Discrete(action as i32),
            None => Action::Continuous(&floats),
        };
        let step = env.step(action, &mut rng, row.row_mut(0)).unwrap();
        assert_close(&exact(&env), &expected["state"]);
        assert_eq!(expected["r"].as_f64(), Some(step.reward));
        assert_eq!(expected["te"], step.terminated);
    }
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn assert_close(found: &[f64], expected: &Value) {
    let expected = floats(expected);
    assert_eq!(expected.len(), found.len());
    for (expected, found) in expected.iter().zip(found) {
        assert!((expected - found).abs() <= 1e-9 * expected.abs(), "expected {expected}, found {found}");
    }
}

#[test]
fn both_flags_can_be_true() {
    // gym.make("CartPole-v1", max_episode_steps=10), seed 2, pushed right: falls just at the limit.
    let mut env = TimeLimit::new(CartPole::new(CartPoleConfig::default()), 10);
    let mut rng = Generator::new(2);
    let mut row = Rows::for_space(&env.observation_space(), 1);
    env.reset(&mut rng, row.row_mut(0)).unwrap();
    for i in 1..=10 {
        let step = env.step(Action::Discrete(1), &mut rng, row.row_mut(0)).unwrap();
        assert_eq!([step.terminated, step.truncated], [i == 10; 2], "step {i}");
    }
}
