//! Agreement with Gymnasium 1.4.0, by episodes and exact states recorded from it.
//!
//! The recordings lie in `tests/data/gymnasium` at the workspace's root, beside the scripts that made them;
//! `golden_states.json` is the part of `generate_states.py`'s output that is of environments here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use cartwheel_envs::{Action, CartPole, CartPoleConfig, Env as _, Generator, Rows, TimeLimit, spec, verify_file};
use serde_json::Value;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/gymnasium");

#[test]
fn recorded_episodes_are_reproduced() {
    for (id, episodes, steps) in [("CartPole-v0", 58, 2654), ("CartPole-v1", 52, 2663)] {
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
        let limit = spec(id).unwrap().max_episode_steps.unwrap();
        assert_eq!(golden["time_limit"], limit, "{id}");
        assert_eq!(golden["reward_threshold"].as_f64(), spec(id).unwrap().reward_threshold, "{id}");
        for run in golden["runs"].as_array().unwrap() {
            let mut env = CartPole::new(CartPoleConfig::default());
            let mut rng = Generator::new(run["seed"].as_u64().unwrap());
            let mut row = Rows::for_space(&env.observation_space(), 1);
            env.reset(&mut rng, row.row_mut(0)).unwrap();
            assert_close(&env, &run["reset_state"]);
            for expected in run["steps"].as_array().unwrap() {
                let action = expected["a"].as_i64().unwrap() as i32;
                let step = env.step(Action::Discrete(action), &mut rng, row.row_mut(0)).unwrap();
                assert_close(&env, &expected["state"]);
                assert_eq!(expected["r"], step.reward);
                assert_eq!(expected["te"], step.terminated);
            }
        }
    }
}

fn assert_close(env: &CartPole, expected: &Value) {
    let state = env.state();
    let found = [state.x, state.x_dot, state.theta, state.theta_dot];
    let expected: Vec<f64> = expected.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
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
