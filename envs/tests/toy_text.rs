//! Agreement of the toy-text environments with Gymnasium 1.4.0, by episodes recorded from it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_envs::{Environment, Generator, Kwargs, Row, make, make_with, spec, verify_file};
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
        ("Blackjack-v1", 96),
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
        ("Taxi-v4", Some(200), Some(8.0)),
        ("Blackjack-v1", None, None),
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
    assert!(make("Taxi-v4").unwrap().info().contains_key("action_mask"));
    assert!(make("Blackjack-v1").unwrap().info().is_empty());
}

/// One number for all that was seen, as `digest = (digest * 31 + seen) % 1000003` in Python.
fn digest(seen: impl IntoIterator<Item = i32>) -> i32 {
    seen.into_iter().fold(0, |digest, seen| (digest * 31 + seen) % 1_000_003)
}

fn numbers(env: &Environment) -> Vec<i32> {
    let Row::I32(row) = env.observation() else { panic!("observations are discrete") };
    row.to_vec()
}

#[test]
fn a_long_evening_of_blackjack_is_gymnasiums() {
    // env.reset(seed=5), and 2000 episodes on end in which the player hits below 18.
    let mut env = make("Blackjack-v1").unwrap();
    env.reset(Some(5)).unwrap();
    let (mut seen, mut total) = (Vec::new(), 0.0);
    for _ in 0..2000 {
        loop {
            let now = numbers(&env);
            seen.push(now[0] * 100 + now[1] * 3 + now[2]);
            let step = env.step(i32::from(now[0] < 18)).unwrap();
            total += step.reward;
            if step.terminated {
                break;
            }
        }
        seen.push(numbers(&env)[0]);
        env.reset(None).unwrap();
    }
    assert_eq!((total, digest(seen)), (-203.0, 935050));
}

#[test]
fn taxis_in_the_rain_with_fickle_passengers_are_gymnasiums() {
    // 300 seeds, each of them one episode of picking up where it can and else moving about as allowed.
    let chances = json!({
        "is_rainy": true, "fickle_passenger": true, "rainy_probability": 0.6, "fickle_probability": 0.9,
    });
    let mut env = make_with("Taxi-v4", &kwargs(chances)).unwrap();
    let (mut seen, mut changes) = (Vec::new(), 0);
    for seed in 0..300_usize {
        env.reset(Some(seed as u64)).unwrap();
        let mut destination = numbers(&env)[0] % 4;
        for t in 0.. {
            let info = env.info();
            let mask = info["action_mask"].as_array().unwrap();
            let allowed: Vec<_> = (0..6).filter(|action| mask[*action as usize] == 1).collect();
            let action = if mask[4] == 1 { 4 } else { allowed[(t * 5 + seed) % allowed.len()] };
            let step = env.step(action).unwrap();
            let state = numbers(&env)[0];
            changes += i32::from(state % 4 != destination);
            destination = state % 4;
            seen.push(state + (env.info()["prob"].as_f64().unwrap() * 10.0 + 0.5) as i32);
            if step.terminated || step.truncated {
                break;
            }
        }
    }
    assert_eq!((changes, digest(seen)), (194, 40175));
}

#[test]
fn games_are_repeated_from_their_generators() {
    let mut env = make("Blackjack-v1").unwrap();
    let mut again = make("Blackjack-v1").unwrap();
    let mut halves = 0;
    for _ in 0..100 {
        // Through its four words, as an episode's generator is kept in a run's records.
        let words = env.generator().state();
        halves += 1 - words[3] % 2;
        again.set_generator(Generator::from_state(words));
        assert_eq!(env.reset(None).unwrap(), again.reset(None).unwrap());
        assert_eq!(env.step(0).unwrap(), again.step(0).unwrap());
        assert_eq!(env.draw(), again.draw());
    }
    assert!((20..80).contains(&halves), "{halves} of 100 episodes begin with half a word");
}
