//! When environments of a batch are reset, and resets of one alone.

#![allow(clippy::needless_range_loop, reason = "environments and steps are what the test is about")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_envs::{Actions, AutoresetMode, EnvBuilder, EnvError, Generator, Rows, VectorEnv, VectorStep, make};

/// An observation, the reward and the flags.
type Seen = (Rows, f32, (bool, bool));

/// The ids whose batches are tried: native ones and loops.
const IDS: [&str; 4] = ["CartPole-v1", "Scripted-v0", "FrozenLake-v1", "Blackjack-v1"];

fn started(id: &str, n: usize, mode: AutoresetMode) -> (Box<dyn VectorEnv>, VectorStep) {
    let mut env = EnvBuilder::new(id).autoreset_mode(mode).make_vec(n).unwrap();
    let mut out = VectorStep::new(env.single_observation_space(), n).with_final_infos();
    env.reset(Some(3), &mut out.observations).unwrap();
    (env, out)
}

fn flags(out: &VectorStep, i: usize) -> (bool, bool) {
    (out.terminated[i], out.truncated[i])
}

/// All modes lead through the same states; they differ in when a reset is seen.
#[test]
fn modes_differ_in_when_a_reset_is_seen() {
    for id in IDS {
        let n = 9;
        let (mut same, mut a) = started(id, n, AutoresetMode::SameStep);
        let (mut next, mut b) = started(id, n, AutoresetMode::NextStep);
        let (mut disabled, mut c) = started(id, n, AutoresetMode::Disabled);
        let mut rng = Generator::new(1);
        let mut ends = 0;
        // Environment i takes the actions i, i + 1, ... of a list of its own, so that a step spent on a reset shifts nothing.
        let actions: Vec<Vec<i32>> = (0..n).map(|_| (0..400).map(|_| rng.below(2) as i32).collect()).collect();
        let mut taken = vec![0; n];
        let mut waits = vec![false; n];
        let mut expected: Vec<Vec<Seen>> = vec![Vec::new(); n];
        for t in 0..300 {
            let row: Vec<_> = actions.iter().map(|actions| actions[t]).collect();
            same.step(Actions::Discrete(&row), &mut a).unwrap();
            disabled.step(Actions::Discrete(&row), &mut c).unwrap();
            for i in 0..n {
                let ended = flags(&a, i) != (false, false);
                let led_to = if ended { &a.final_observations } else { &a.observations };
                assert_eq!((a.rewards[i], flags(&a, i)), (c.rewards[i], flags(&c, i)), "{id}, step {t}");
                assert_eq!(led_to.row(i), c.observations.row(i), "{id}, step {t}");
                let mut seen = Rows::for_space(same.single_observation_space(), 1);
                seen.copy_row(0, led_to, i);
                expected[i].push((seen.clone(), a.rewards[i], flags(&a, i)));
                if ended {
                    ends += 1;
                    seen.copy_row(0, &a.observations, i);
                    expected[i].push((seen, 0.0, (false, false)));
                    disabled.reset_at(i, None, c.observations.row_mut(i)).unwrap();
                }
            }
            assert_eq!(a.observations, c.observations, "{id}, step {t}");
        }
        assert!(ends > 20, "{id}: {ends}");
        for t in 0..300 {
            let row: Vec<_> = (0..n).map(|i| actions[i][taken[i]]).collect();
            next.step(Actions::Discrete(&row), &mut b).unwrap();
            for i in 0..n {
                let (observation, reward, ended) = &expected[i][t];
                assert_eq!(b.observations.row(i), observation.row(0), "{id}, step {t}");
                assert_eq!((b.rewards[i], flags(&b, i)), (*reward, *ended), "{id}, step {t}");
                // The step after an end does not use its action.
                taken[i] += usize::from(!waits[i]);
                waits[i] = *ended != (false, false);
            }
        }
    }
}

#[test]
fn without_autoreset_a_batch_waits_for_everyone() {
    for id in IDS {
        let (mut env, mut out) = started(id, 3, AutoresetMode::Disabled);
        let ended = |out: &VectorStep| (0..3).find(|i| flags(out, *i) != (false, false));
        while ended(&out).is_none() {
            env.step(Actions::Discrete(&[0; 3]), &mut out).unwrap();
        }
        let first = ended(&out).unwrap();
        let before = out.clone();
        let error = env.step(Actions::Discrete(&[0; 3]), &mut out).unwrap_err();
        assert!(
            matches!(&error, EnvError::AtIndex { index, source } if *index == first && **source == EnvError::ResetNeeded)
        );
        assert_eq!(out, before, "{id}: nothing has changed");
        assert_eq!(env.save(first), None, "{id}: there is no episode to go on with");
        for i in (0..3).filter(|i| flags(&before, *i) != (false, false)) {
            env.reset_at(i, None, out.observations.row_mut(i)).unwrap();
        }
        assert!(env.step(Actions::Discrete(&[0; 3]), &mut out).is_ok(), "{id}");
    }
}

#[test]
fn one_environment_is_reset_alone() {
    for id in IDS {
        let (mut env, mut out) = started(id, 9, AutoresetMode::SameStep);
        env.step(Actions::Discrete(&[0; 9]), &mut out).unwrap();
        let before = out.observations.clone();
        env.reset_at(8, Some(77), out.observations.row_mut(8)).unwrap();
        let mut alone = make(id).unwrap();
        assert_eq!(alone.reset(Some(77)).unwrap(), out.observations.row(8), "{id}");
        assert!((0..8).all(|i| out.observations.row(i) == before.row(i)), "{id}");
        env.reset_at(8, None, out.observations.row_mut(8)).unwrap();
        assert_eq!(alone.reset(None).unwrap(), out.observations.row(8), "{id}: the generator runs on");
        for action in [1, 0, 1] {
            env.step(Actions::Discrete(&[action; 9]), &mut out).unwrap();
            let step = alone.step(action).unwrap();
            assert_eq!(step.terminated, out.terminated[8], "{id}");
            if step.terminated {
                break;
            }
            assert_eq!(alone.observation(), out.observations.row(8), "{id}: its time began anew");
        }
        let mut fresh = EnvBuilder::new(id).make_vec(9).unwrap();
        assert_eq!(fresh.reset_at(0, Some(1), out.observations.row_mut(0)), Err(EnvError::ResetNeeded), "{id}");
    }
}

#[test]
fn last_infos_are_those_of_last_states() {
    let (mut env, mut out) = started("FrozenLake-v1", 4, AutoresetMode::SameStep);
    let (mut other, mut there) = started("FrozenLake-v1", 4, AutoresetMode::NextStep);
    let mut found = 0;
    // Until the first end, after which the two are a step apart.
    while found == 0 {
        env.step(Actions::Discrete(&[1; 4]), &mut out).unwrap();
        other.step(Actions::Discrete(&[1; 4]), &mut there).unwrap();
        for i in (0..4).filter(|i| flags(&out, *i) != (false, false)) {
            found += 1;
            // A reset is certain; a step on ice is not.
            assert_eq!(out.final_infos.as_ref().unwrap()[i], other.info(i));
            assert_ne!(out.final_infos.as_ref().unwrap()[i], env.info(i));
        }
    }
}

#[test]
fn a_time_limit_of_ones_own() {
    let mut env = EnvBuilder::new("CartPole-v1").max_episode_steps(Some(2)).make_vec(2).unwrap();
    let mut out = VectorStep::new(env.single_observation_space(), 2);
    env.reset(Some(0), &mut out.observations).unwrap();
    env.step(Actions::Discrete(&[0, 1]), &mut out).unwrap();
    assert_eq!(out.truncated, [false, false]);
    env.step(Actions::Discrete(&[0, 1]), &mut out).unwrap();
    assert_eq!(out.truncated, [true, true]);
    let unlimited = EnvBuilder::new("MountainCar-v0");
    for builder in [unlimited.clone().max_episode_steps(None), unlimited.kwarg("max_episode_steps", -1)] {
        let mut env = builder.make().unwrap();
        env.reset(Some(0)).unwrap();
        assert!((0..1000).all(|_| !env.step(0).unwrap().truncated));
    }
    // As `gymnasium.make` takes it, beside the environment's own arguments, alone and in batches.
    let builder = EnvBuilder::new("CartPole-v1").kwarg("max_episode_steps", 2).kwarg("sutton_barto_reward", true);
    assert_eq!(builder.spec().unwrap().max_episode_steps, Some(2));
    let mut env = builder.make_vec(2).unwrap();
    env.reset(Some(0), &mut out.observations).unwrap();
    for truncated in [false, true] {
        env.step(Actions::Discrete(&[0, 1]), &mut out).unwrap();
        assert_eq!((&*out.truncated, &*out.rewards), (&[truncated; 2][..], &[0.0; 2][..]));
    }
    for wrong in [serde_json::json!(0), serde_json::json!("many"), serde_json::json!(1.5)] {
        let error = EnvBuilder::new("CartPole-v1").kwarg("max_episode_steps", wrong).make().map(drop).unwrap_err();
        assert!(error.to_string().contains("max_episode_steps"), "{error}");
    }
}
