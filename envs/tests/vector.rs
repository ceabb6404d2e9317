//! What every batch of environments promises, for random sizes, seeds and actions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_envs::{
    Actions, EnvError, Generator, Kwargs, Row, RowMut, Rows, Scene, Space, SyncVectorEnv, VectorEnv, VectorStep,
    make_vec, make_with, spec,
};
use proptest::prelude::*;
use serde_json::json;

fn kwargs(value: serde_json::Value) -> Kwargs {
    serde_json::from_value(value).unwrap()
}

fn scripted(n: usize, value: serde_json::Value) -> Box<dyn VectorEnv> {
    make_vec("Scripted-v0", n, &kwargs(value)).unwrap()
}

fn sync(id: &str, n: usize, kwargs: &Kwargs) -> SyncVectorEnv {
    let spec = spec(id).unwrap();
    SyncVectorEnv::new((0..n).map(|_| spec.build(kwargs).unwrap()).collect()).unwrap()
}

fn started(env: &mut dyn VectorEnv, seed: u64) -> VectorStep {
    let mut out = VectorStep::new(env.single_observation_space(), env.num_envs());
    env.reset(Some(seed), &mut out.observations).unwrap();
    out
}

fn random_actions(rng: &mut Generator, n: usize) -> Vec<i32> {
    (0..n).map(|_| rng.below(2) as i32).collect()
}

/// What a step led to, with nothing in the rows of `final_observations` that mean nothing. Compared as text,
/// in which every bit of a float shows and NaN is NaN.
fn seen(out: &VectorStep) -> String {
    let mut out = out.clone();
    for i in 0..out.rewards.len() {
        if !(out.terminated[i] || out.truncated[i]) {
            match out.final_observations.row_mut(i) {
                RowMut::F32(row) => row.fill(f32::NAN),
                RowMut::I32(row) => row.fill(i32::MIN),
                RowMut::U8(row) => row.fill(0),
            }
        }
    }
    format!("{out:?}")
}

/// Numbers of a batch, one for each environment, in the kind of its action space.
fn as_actions(rows: &Rows) -> Actions<'_> {
    match (rows.as_i32(), rows.as_f32()) {
        (Some(integers), _) => Actions::Discrete(integers),
        (_, Some(floats)) => Actions::Continuous(floats),
        _ => unreachable!("actions are no bytes"),
    }
}

fn sample_actions(space: &Space, rng: &mut Generator, n: usize) -> Rows {
    let mut rows = Rows::for_space(space, n);
    (0..n).for_each(|i| space.sample(rng, rows.row_mut(i)));
    rows
}

/// An action that leads on where random ones do not: it lets poles stand, cars climb and links swing.
fn skilled(id: &str, observation: Row<'_>) -> Option<f32> {
    let Row::F32(row) = observation else { return None };
    match id {
        "CartPole-v0" => Some(f32::from(u8::from(row[2] + 0.3 * row[3] + 0.03 * row[0] + 0.1 * row[1] > 0.0))),
        "MountainCar-v0" => Some(if row[1] < 0.0 { 0.0 } else { 2.0 }),
        // Beyond the bounds, to which it is clipped.
        "MountainCarContinuous-v0" => Some(if row[1] < 0.0 { -1.5 } else { 1.0 }),
        "Acrobot-v1" => Some(if row[5] < 0.0 { 0.0 } else { 2.0 }),
        "Pendulum-v1" => Some(if row[2] < 0.0 { -3.0 } else { 3.0 }),
        _ => None,
    }
}

/// The native batches, by id and arguments; and how many episodes terminate and are truncated at least, of 64
/// environments in 1000 steps.
fn native() -> Vec<(&'static str, serde_json::Value, [usize; 2])> {
    vec![
        ("CartPole-v0", json!({}), [100, 10]),
        ("CartPole-v0", json!({"sutton_barto_reward": true}), [100, 10]),
        ("Acrobot-v1", json!({}), [100, 10]),
        ("MountainCar-v0", json!({}), [100, 10]),
        ("MountainCar-v0", json!({"goal_velocity": 0.03}), [10, 10]),
        ("MountainCarContinuous-v0", json!({}), [100, 10]),
        ("MountainCarContinuous-v0", json!({"goal_velocity": 0.04}), [10, 10]),
        ("Pendulum-v1", json!({}), [0, 320]),
        ("Pendulum-v1", json!({"g": 9.81}), [0, 320]),
        ("FrozenLake-v1", json!({}), [100, 0]),
        ("FrozenLake8x8-v1", json!({"success_rate": 0.7, "reward_schedule": [2, -1, -0.1]}), [100, 0]),
        ("FrozenLake-v1", json!({"is_slippery": false, "desc": ["SFS", "FHF", "SFG"]}), [100, 0]),
        ("CliffWalking-v1", json!({}), [1, 0]),
        ("CliffWalkingSlippery-v1", json!({}), [1, 0]),
        ("Taxi-v4", json!({}), [1, 100]),
        ("Taxi-v4", json!({"is_rainy": true, "fickle_passenger": true, "fickle_probability": 1.0}), [1, 100]),
        ("Blackjack-v1", json!({}), [1000, 0]),
        ("Blackjack-v1", json!({"natural": true, "sab": false}), [1000, 0]),
    ]
}

#[test]
fn native_batches_equal_single_environments_bit_for_bit() {
    for (id, arguments, least) in native() {
        let kwargs = kwargs(arguments.clone());
        // Sizes around the eight lanes of a chunk.
        for n in [1, 7, 8, 9, 31, 64] {
            let mut native = make_vec(id, n, &kwargs).unwrap();
            let mut single = sync(id, n, &kwargs);
            let (mut a, mut b) = (started(native.as_mut(), 5), started(&mut single, 5));
            assert_eq!(a.observations, b.observations, "{id} {arguments}: {n} after the reset");
            let space = native.single_action_space().clone();
            let mut rng = Generator::new(n as u64);
            let mut ends = [0; 2];
            for t in 0..1000 {
                let mut actions = sample_actions(&space, &mut rng, n);
                for i in (0..n).step_by(2) {
                    match (skilled(id, a.observations.row(i)), actions.row_mut(i)) {
                        (Some(action), RowMut::I32(row)) => row[0] = action as i32,
                        (Some(action), RowMut::F32(row)) => row[0] = action,
                        _ => (),
                    }
                }
                native.step(as_actions(&actions), &mut a).unwrap();
                single.step(as_actions(&actions), &mut b).unwrap();
                assert_eq!(seen(&a), seen(&b), "{id} {arguments}: {n} environments, step {t}");
                ends[0] += a.terminated.iter().filter(|x| **x).count();
                ends[1] += a.truncated.iter().filter(|x| **x).count();
                if t % 100 == 0 {
                    for i in 0..n {
                        assert_eq!(native.episode_generator(i), single.episode_generator(i), "{id}");
                        assert_eq!(native.info(i), single.info(i), "{id}");
                        let (mut one, mut other) = (Scene::default(), Scene::default());
                        native.draw(i, &mut one);
                        single.draw(i, &mut other);
                        assert_eq!(format!("{one:?}"), format!("{other:?}"), "{id}");
                    }
                }
            }
            assert!(n < 64 || (ends[0] >= least[0] && ends[1] >= least[1]), "{id} {arguments}: {ends:?}");
        }
    }
}

#[test]
fn an_episode_is_shown_again_from_its_generator() {
    let mut env = make_vec("CartPole-v1", 3, &Kwargs::new()).unwrap();
    let mut out = started(env.as_mut(), 11);
    let mut rng = Generator::new(0);
    let mut taken = Vec::new();
    // Into the middle of some episode of environment 1 that is not its first.
    let mut episodes = 0;
    while episodes < 3 || taken.len() < 5 {
        let actions = random_actions(&mut rng, 3);
        env.step(Actions::Discrete(&actions), &mut out).unwrap();
        taken.push(actions[1]);
        if out.terminated[1] || out.truncated[1] {
            episodes += 1;
            taken.clear();
        }
    }
    let mut again = make_with("CartPole-v1", &Kwargs::new()).unwrap();
    again.set_generator(env.episode_generator(1));
    again.reset(None).unwrap();
    for action in taken {
        again.step(action).unwrap();
    }
    assert_eq!(again.observation(), out.observations.row(1));
}

proptest! {
    #[test]
    fn a_reset_observation_is_never_a_final_one(
        n in 1_usize..6, length in 1_u32..7, ends in prop::sample::select(vec!["terminated", "truncated", "both"]),
        seed: u64,
    ) {
        let mut env = scripted(n, json!({"length": length, "ends": ends}));
        let mut out = started(env.as_mut(), seed);
        let parity = |rows: &Rows, i: usize| rows.as_f32().unwrap()[2 * i + 1];
        let mut current: Vec<_> = (0..n).map(|i| parity(&out.observations, i)).collect();
        for t in 0..4 * length {
            env.step(Actions::Discrete(&vec![0; n]), &mut out).unwrap();
            let step = t % length + 1;
            let ended = step == length;
            for (i, current) in current.iter_mut().enumerate() {
                prop_assert_eq!(out.rewards[i], step as f32);
                prop_assert_eq!(out.terminated[i], ended && ends != "truncated");
                prop_assert_eq!(out.truncated[i], ended && ends != "terminated");
                if ended {
                    prop_assert_eq!(out.final_observations.row(i), Row::F32(&[1.0, *current]));
                    *current = 1.0 - *current;
                }
                let progress = if ended { 0.0 } else { step as f32 / length as f32 };
                prop_assert_eq!(out.observations.row(i), Row::F32(&[progress, *current]));
            }
        }
    }

    #[test]
    fn a_saved_batch_goes_on_bit_for_bit(
        id in prop::sample::select(vec![
            "Scripted-v0", "Identity-v0", "Bandit-v0", "CartPole-v1", "Acrobot-v1", "MountainCar-v0",
            "MountainCarContinuous-v0", "Pendulum-v1", "FrozenLake-v1", "CliffWalkingSlippery-v1", "Taxi-v4",
            "Blackjack-v1",
        ]),
        native: bool, n in 1_usize..20, before in 0_usize..60, seed: u64,
    ) {
        let make = || match native {
            true => make_vec(id, n, &Kwargs::new()).unwrap(),
            false => Box::new(sync(id, n, &Kwargs::new())),
        };
        let mut env = make();
        let mut out = started(env.as_mut(), seed);
        let mut rng = Generator::new(seed);
        let space = env.single_action_space().clone();
        for _ in 0..before {
            env.step(as_actions(&sample_actions(&space, &mut rng, n)), &mut out).unwrap();
        }
        let mut other = make();
        let mut again = started(other.as_mut(), seed + 1);
        for i in 0..n {
            other.restore(i, &env.save(i).unwrap(), again.observations.row_mut(i)).unwrap();
        }
        prop_assert_eq!(&again.observations, &out.observations);
        for i in 0..n {
            prop_assert_eq!(env.episode_generator(i), other.episode_generator(i));
        }
        for _ in 0..80 {
            let actions = sample_actions(&space, &mut rng, n);
            env.step(as_actions(&actions), &mut out).unwrap();
            other.step(as_actions(&actions), &mut again).unwrap();
            prop_assert_eq!(&out.rewards, &again.rewards);
            prop_assert_eq!(&out.observations, &again.observations);
            prop_assert_eq!((&out.terminated, &out.truncated), (&again.terminated, &again.truncated));
        }
        for i in 0..n {
            prop_assert_eq!(env.save(i), other.save(i));
        }
    }
}

#[test]
fn environment_i_is_seeded_seed_plus_i() {
    for id in ["CartPole-v1", "Identity-v0"] {
        let mut env = make_vec(id, 3, &Kwargs::new()).unwrap();
        let out = started(env.as_mut(), 40);
        let mut alone = make_with(id, &Kwargs::new()).unwrap();
        assert_eq!(alone.reset(Some(42)).unwrap(), out.observations.row(2), "{id}");
        let mut next = out.clone();
        env.reset(None, &mut next.observations).unwrap();
        assert_eq!(alone.reset(None).unwrap(), next.observations.row(2), "{id}: the generators run on");
    }
}

#[test]
fn a_panic_is_caught_and_named() {
    let spec = spec("Scripted-v0").unwrap();
    let mut envs: Vec<_> = (0..3).map(|_| spec.build(&Kwargs::new()).unwrap()).collect();
    envs[1] = spec.build(&kwargs(json!({"panic_at": 2}))).unwrap();
    let mut env = SyncVectorEnv::new(envs).unwrap();
    let mut out = started(&mut env, 0);
    env.step(Actions::Discrete(&[0; 3]), &mut out).unwrap();
    let error = env.step(Actions::Discrete(&[0; 3]), &mut out).unwrap_err();
    assert_eq!(error, EnvError::Panicked { index: 1, message: "scripted to panic at step 2".to_owned() });
    assert_eq!(env.step(Actions::Discrete(&[0; 3]), &mut out), Err(EnvError::ResetNeeded));
    assert_eq!(env.save(0), None);
    env.reset(None, &mut out.observations).unwrap();
    assert!(env.step(Actions::Discrete(&[0; 3]), &mut out).is_ok());
}

#[test]
fn bad_actions_change_nothing() {
    for id in ["CartPole-v1", "Scripted-v0"] {
        let mut env = make_vec(id, 9, &Kwargs::new()).unwrap();
        let mut out = VectorStep::new(env.single_observation_space(), 9);
        assert_eq!(env.step(Actions::Discrete(&[0; 9]), &mut out), Err(EnvError::ResetNeeded), "{id}");
        env.reset(Some(0), &mut out.observations).unwrap();
        let before = env.save(8);
        for wrong in [-1, 2, i32::MAX, i32::MIN] {
            let mut actions = [1; 9];
            actions[8] = wrong;
            let error = env.step(Actions::Discrete(&actions), &mut out).unwrap_err();
            assert!(error.to_string().starts_with(&format!("environment 8: the action is {wrong};")), "{id}: {error}");
        }
        for wrong in [Actions::Discrete(&[0; 8]), Actions::Discrete(&[0; 10]), Actions::Continuous(&[0.0; 9])] {
            assert!(matches!(env.step(wrong, &mut out), Err(EnvError::InvalidAction { .. })), "{id}");
        }
        assert_eq!(env.save(8), before, "{id}");
        assert!(env.step(Actions::Discrete(&[1; 9]), &mut out).is_ok());
    }
}

#[test]
fn continuous_actions_reach_their_environments() {
    let mut env = make_vec("Pendulum-v1", 3, &Kwargs::new()).unwrap();
    let mut out = started(env.as_mut(), 5);
    let mut alone: Vec<_> = (0..3).map(|_| make_with("Pendulum-v1", &Kwargs::new()).unwrap()).collect();
    for (env, seed) in alone.iter_mut().zip(5..) {
        env.reset(Some(seed)).unwrap();
    }
    let mut rng = Generator::new(0);
    // Past the time limit, so that autoreset is seen too.
    for t in 1..=250 {
        let torques: Vec<_> = (0..3).map(|_| rng.uniform(-3.0, 3.0) as f32).collect();
        env.step(Actions::Continuous(&torques), &mut out).unwrap();
        for (i, alone) in alone.iter_mut().enumerate() {
            let step = alone.step(&torques[i..=i]).unwrap();
            assert_eq!((step.reward as f32, step.truncated), (out.rewards[i], out.truncated[i]), "step {t}");
            if step.truncated {
                assert_eq!((alone.observation(), t), (out.final_observations.row(i), 200));
                alone.reset(None).unwrap();
            }
            assert_eq!(alone.observation(), out.observations.row(i), "step {t}");
        }
    }
    for wrong in [Actions::Continuous(&[0.0; 2]), Actions::Continuous(&[0.0; 4]), Actions::Discrete(&[0; 3])] {
        assert!(matches!(env.step(wrong, &mut out), Err(EnvError::InvalidAction { .. })));
    }
    let error = env.step(Actions::Continuous(&[0.0, f32::NAN, 0.0]), &mut out).unwrap_err();
    assert!(error.to_string().starts_with("environment 1: the action is"), "{error}");
}

#[test]
fn what_is_no_state_is_refused() {
    for id in ["CartPole-v1", "Taxi-v4", "Scripted-v0"] {
        let mut env = make_vec(id, 2, &Kwargs::new()).unwrap();
        let mut observations = started(env.as_mut(), 0).observations;
        let saved = env.save(0).unwrap();
        for state in [&saved[..9], &[]] {
            env.reset(None, &mut observations).unwrap();
            let error = env.restore(1, state, observations.row_mut(1)).unwrap_err();
            assert!(
                error.to_string().starts_with("environment 1: this is no state of the environment"),
                "{id}: {error}"
            );
            assert_eq!(env.restore(1, &saved, observations.row_mut(1)), Err(EnvError::ResetNeeded), "{id}");
        }
    }
}

#[test]
fn a_scripted_nan_is_seen_once() {
    let mut env = scripted(1, json!({"nan_at": 3}));
    let mut out = started(env.as_mut(), 0);
    let nan: Vec<_> = (1..=30)
        .filter(|_| {
            env.step(Actions::Discrete(&[0]), &mut out).unwrap();
            out.observations.as_f32().unwrap()[0].is_nan()
        })
        .collect();
    assert_eq!(nan, [3]);
}

#[test]
fn slowed_steps_take_their_time() {
    let mut env = scripted(2, json!({"step_us": 500}));
    let mut out = started(env.as_mut(), 0);
    let start = std::time::Instant::now();
    env.step(Actions::Discrete(&[0; 2]), &mut out).unwrap();
    assert!(start.elapsed().as_micros() >= 1000);
}
