//! Agreement of the toy-text environments with Gymnasium 1.4.0, by episodes recorded from it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_envs::{Kwargs, Row, make, make_with, spec, verify_file};
use serde_json::{Value, json};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/gymnasium");

fn kwargs(value: Value) -> Kwargs {
    serde_json::from_value(value).unwrap()
}

#[test]
fn recorded_episodes_are_reproduced() {
    let recordings = [
        ("FrozenLake-v1", 192),
        ("FrozenLake8x8-v1", 77),
        ("CliffWalking-v1", 26),
        ("CliffWalkingSlippery-v1", 14),
        ("Taxi-v4", 87),
    ];
    for (id, episodes) in recordings {
        let check = verify_file(format!("{DATA}/{id}.jsonl")).unwrap();
        assert_eq!(check.mismatches, [], "{id}");
        assert_eq!(check.episodes, episodes, "{id}: all of it is replayed");
    }
}

#[test]
fn limits_and_thresholds_are_gymnasiums() {
    let registered = [
        ("FrozenLake-v1", Some(100), Some(0.70)),
        ("FrozenLake8x8-v1", Some(200), Some(0.85)),
        ("CliffWalking-v1", None, None),
        ("CliffWalkingSlippery-v1", None, None),
    ];
    for (id, limit, threshold) in registered {
        let spec = spec(id).unwrap();
        assert_eq!((spec.max_episode_steps, spec.reward_threshold), (limit, threshold), "{id}");
    }
}

#[test]
fn the_lake_can_be_ones_own() {
    let own = json!({"desc": ["HSS", "FFG"], "is_slippery": false, "reward_schedule": [5, -5, -1]});
    let mut env = make_with("FrozenLake8x8-v1", &kwargs(own)).unwrap();
    assert_eq!(env.observation_space().to_string(), "Discrete(6)");
    let starts: Vec<_> = (0..20).map(|_| env.reset(None).unwrap() == Row::I32(&[1])).collect();
    assert!(starts.contains(&true) && starts.contains(&false), "both starts are taken");
    env.reset(Some(0)).unwrap();
    assert_eq!(env.step(0).unwrap().reward, if env.observation() == Row::I32(&[0]) { -5.0 } else { -1.0 });

    let bad = [
        json!({"desc": []}),
        json!({"desc": ["SF", "G"]}),
        json!({"desc": ["FF", "FG"]}),
        json!({"desc": ["SX"]}),
        json!({"map_name": "5x5"}),
        json!({"success_rate": 1.5}),
        json!({"reward_schedule": [1, 0]}),
    ];
    for bad in bad {
        let error = make_with("FrozenLake-v1", &kwargs(bad.clone())).err().unwrap().to_string();
        assert!(error.contains("it must be"), "{bad}: {error}");
    }
}

#[test]
fn info_is_gymnasiums() {
    let mut env = make("FrozenLake-v1").unwrap();
    env.reset(Some(0)).unwrap();
    assert_eq!(env.info()["prob"], 1.0);
    env.step(2).unwrap();
    assert!((env.info()["prob"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9);
}
