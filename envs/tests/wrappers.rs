//! Wrappers: agreement with Gymnasium 1.4.0's, by episodes recorded from it, and what all of them promise.
//!
//! The recordings lie in `tests/data/wrappers` at the workspace's root, beside the script that made them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;

use cartwheel_envs::{
    Action, Actions, Dtype, Env, EnvBuilder, Generator, IdentityConfig, IdentityEnv, NormalizeReward, OwnedAction,
    ResizeObservation, Result, Row, RowMut, Rows, ScriptedConfig, ScriptedEnd, ScriptedEnv, Space, Statistics, Step,
    StickyAction, TransformAction, TransformObservation, TransformReward, VectorStep, check_env, verify_file, wrappers,
};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/wrappers");

/// Each recorded episode: environment, arguments and wrappers.
fn recorded() -> Vec<Value> {
    let read = |name| fs::read_to_string(format!("{DATA}/{name}.jsonl")).unwrap();
    let lines = ["vectors", "images", "atari"].map(read).concat();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn builder(recording: &Value) -> EnvBuilder {
    let wrappers = serde_json::from_value(recording["wrappers"].clone()).unwrap();
    let kwargs = serde_json::from_value(recording["kwargs"].clone()).unwrap();
    EnvBuilder::new(recording["env"].as_str().unwrap()).kwargs(kwargs).wrappers(wrappers)
}

#[test]
fn recorded_episodes_are_reproduced() {
    for (name, episodes) in [("vectors", 142), ("images", 14), ("atari", 18)] {
        let check = verify_file(format!("{DATA}/{name}.jsonl")).unwrap();
        assert_eq!(check.mismatches, [], "{name}");
        assert_eq!(check.episodes, episodes, "{name}");
    }
}

#[test]
fn every_wrapper_is_recorded() {
    let texts: Vec<_> = recorded().iter().map(|recording| recording["wrappers"].to_string()).collect();
    let all = texts.concat();
    for info in wrappers() {
        // One writes files and the other is not Gymnasium's: their own tests look at them.
        let apart = ["RecordVideo", "ActionMaskObservation"].contains(&info.name);
        assert!(all.contains(info.name) || apart, "{}", info.name);
    }
}

#[test]
fn every_wrapper_is_documented() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wrappers.md")).unwrap();
    for info in wrappers() {
        assert!(page.contains(&format!("| `{}` | ", info.signature())), "{}", info.signature());
    }
}

#[test]
fn wrapped_environments_keep_the_contract() {
    let mut seen = BTreeSet::new();
    for recording in recorded() {
        if !seen.insert(format!("{} {}", recording["env"], recording["wrappers"])) {
            continue;
        }
        let violations = check_env(builder(&recording).build().unwrap().as_mut());
        assert!(violations.is_empty(), "{}: {violations:?}", recording["wrappers"]);
    }
}

/// An image resized by OpenCV.
#[derive(Deserialize)]
struct Resized {
    a: u64,
    b: u64,
    from: [usize; 3],
    to: [usize; 2],
    hex: String,
}

/// Shows one image, again and again.
struct Still(Vec<u8>, [usize; 3]);

impl Env for Still {
    fn observation_space(&self) -> Space {
        Space::image_u8(&self.1)
    }

    fn action_space(&self) -> Space {
        Space::discrete(1)
    }

    fn reset(&mut self, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        observation.write(&self.0);
        Ok(())
    }

    fn step(&mut self, _action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        self.reset(rng, observation).map(|()| Step { reward: 0.0, terminated: false, truncated: false })
    }
}

#[test]
fn images_are_resized_as_by_opencv() {
    let resized: Vec<Resized> =
        serde_json::from_str(&fs::read_to_string(format!("{DATA}/resized.json")).unwrap()).unwrap();
    assert_eq!(resized.len(), 9);
    for Resized { a, b, from, to, hex } in resized {
        let numbers = from.iter().product::<usize>() as u64;
        let image = (0..numbers).map(|i| (a + b * i + i * i / 3) as u8).collect();
        let mut env = ResizeObservation::new(Still(image, from), to).unwrap();
        let mut row = Rows::for_space(&env.observation_space(), 1);
        env.reset(&mut Generator::new(0), row.row_mut(0)).unwrap();
        let expected = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap());
        assert!(row.as_u8().unwrap().iter().copied().eq(expected), "{from:?} to {to:?}");
    }
}

/// What `env` is given by a step with `action`.
fn step(env: &mut dyn Env, rng: &mut Generator, action: Action<'_>) -> (Vec<f64>, Step) {
    let mut row = Rows::for_space(&env.observation_space(), 1);
    let step = env.step(action, rng, row.row_mut(0)).unwrap();
    (numbers(row.row(0)), step)
}

fn reset(env: &mut dyn Env, rng: &mut Generator) -> Vec<f64> {
    let mut row = Rows::for_space(&env.observation_space(), 1);
    env.reset(rng, row.row_mut(0)).unwrap();
    numbers(row.row(0))
}

fn numbers(row: Row<'_>) -> Vec<f64> {
    (0..row.len()).map(|i| row.number(i)).collect()
}

fn scripted(length: u32, ends: ScriptedEnd) -> ScriptedEnv {
    ScriptedEnv::new(ScriptedConfig { length: length.try_into().unwrap(), ends, ..ScriptedConfig::default() })
}

#[test]
fn only_a_terminated_episode_ends_the_discounted_return() {
    for (ends, carried) in [(ScriptedEnd::Terminated, 0.0), (ScriptedEnd::Truncated, 1.0), (ScriptedEnd::Both, 0.0)] {
        let mut env = NormalizeReward::new(scripted(2, ends), 0.5, 1e-8).unwrap();
        let mut rng = Generator::new(0);
        let mut discounted_return = 0.0;
        for _ in 0..3 {
            reset(&mut env, &mut rng);
            for t in 1..=2 {
                step(&mut env, &mut rng, Action::Discrete(0));
                discounted_return = discounted_return * 0.5 * if t == 2 { carried } else { 1.0 } + f64::from(t);
                env.statistics(&mut |own| assert_eq!(own.discounted_return, discounted_return, "{ends:?}"));
            }
        }
    }
}

/// All statistics, the outermost wrapper's first.
fn statistics(env: &dyn Env) -> Vec<Statistics> {
    let mut all = Vec::new();
    env.statistics(&mut |own| all.push(own.clone()));
    all
}

#[test]
fn statistics_are_shown_from_the_outside_and_freeze() {
    let builder = EnvBuilder::new("CartPole-v1").wrapper("NormalizeObservation").unwrap();
    let builder = builder.wrapper("FrameStackObservation(2)").unwrap().wrapper("NormalizeReward").unwrap();
    let (mut env, mut other) = (builder.build().unwrap(), builder.build().unwrap());
    let mut rng = Generator::new(3);
    reset(&mut env, &mut rng);
    (0..5).for_each(|_| drop(step(&mut env, &mut rng, Action::Discrete(1))));
    let learnt = statistics(&env);
    assert_eq!(learnt.iter().map(|own| own.moments.mean.len()).collect::<Vec<_>>(), [1, 4]);
    assert!(learnt[1].moments.count > 6.0 && learnt[0].moments.count < 6.0, "an observation more than rewards");

    let frozen = Statistics::merged(&[learnt]);
    other.statistics_mut(&mut Statistics::put(&frozen));
    let (mut rng, mut rng_bare) = (Generator::new(4), Generator::new(4));
    let mut bare = EnvBuilder::new("CartPole-v1").build().unwrap();
    let (seen, raw) = (reset(&mut other, &mut rng), reset(&mut bare, &mut rng_bare));
    for i in 0..4 {
        let expected = (raw[i] - frozen[1].moments.mean[i]) / (frozen[1].moments.var[i] + 1e-8).sqrt();
        assert!((seen[i] - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{} {expected}", seen[i]);
    }
    let (_, stepped) = step(&mut other, &mut rng, Action::Discrete(0));
    assert_eq!(stepped.reward, 1.0 / (frozen[0].moments.var[0] + 1e-8).sqrt());
    let after = statistics(&other);
    assert!(after.iter().zip(&frozen).all(|(after, frozen)| after.moments == frozen.moments), "they are frozen");
}

#[test]
fn a_batch_is_wrapped_environments() {
    let wrappers = ["NormalizeObservation", "FrameStackObservation(3)", "StickyAction(0.3)", "TransformReward(2 * r)"];
    let builder = wrappers.iter().try_fold(EnvBuilder::new("CartPole-v1"), |builder, wrapper| builder.wrapper(wrapper));
    let builder = builder.unwrap();
    let mut batch = builder.make_vec(3).unwrap();
    let mut singles: Vec<_> = (0..3).map(|_| builder.make().unwrap()).collect();
    let mut out = VectorStep::new(batch.single_observation_space(), 3);
    batch.reset(Some(7), &mut out.observations).unwrap();
    for (i, single) in singles.iter_mut().enumerate() {
        assert_eq!(single.reset(Some(7 + i as u64)).unwrap(), out.observations.row(i));
    }
    let mut choices = Generator::new(1);
    let mut ends = 0;
    for t in 0..200 {
        let actions: Vec<_> = (0..3).map(|_| choices.below(2) as i32).collect();
        if t == 100 {
            // Halfway another batch takes over.
            let saved: Vec<_> = (0..3).map(|i| batch.save(i).unwrap()).collect();
            batch = builder.make_vec(3).unwrap();
            batch.reset(Some(99), &mut out.observations).unwrap();
            (0..3).for_each(|i| batch.restore(i, &saved[i], out.observations.row_mut(i)).unwrap());
        }
        batch.step(Actions::Discrete(&actions), &mut out).unwrap();
        for (i, single) in singles.iter_mut().enumerate() {
            let step = single.step(actions[i]).unwrap();
            assert_eq!(step.reward as f32, out.rewards[i]);
            assert_eq!(out.raw_rewards()[i], 1.0, "the environment's own");
            assert_eq!(step.terminated, out.terminated[i]);
            if step.terminated {
                ends += 1;
                assert_eq!(single.observation(), out.final_observations.row(i));
                single.reset(None).unwrap();
            }
            assert_eq!(single.observation(), out.observations.row(i), "environment {i}, step {t}");
        }
    }
    assert!(ends > 10, "{ends}");
}

#[test]
fn functions_are_closures() {
    let identity = IdentityEnv::new(IdentityConfig::default());
    let double = |inner: Row<'_>, mut observation: RowMut<'_>| observation.write(&[2.0 * inner.number(0) as f32]);
    let space = Space::box_f32(vec![0.0], vec![6.0]);
    let env = TransformObservation::new(identity, double, Some(space.clone()));
    let answer = |action: Action<'_>, made: &mut OwnedAction| {
        let Action::Continuous(&[x]) = action else { panic!("{action:?}") };
        *made = OwnedAction::Discrete((x / 2.0) as i32);
    };
    let env = TransformAction::new(env, answer, Some(space.clone()));
    let mut env = TransformReward::new(env, |reward| 10.0 * reward);
    assert_eq!((env.observation_space(), env.action_space()), (space.clone(), space));
    let mut rng = Generator::new(0);
    let mut seen = reset(&mut env, &mut rng);
    for _ in 0..10 {
        let (next, stepped) = step(&mut env, &mut rng, Action::Continuous(&[seen[0] as f32]));
        assert_eq!(stepped.reward, 10.0);
        seen = next;
    }
}

/// Shows the action that it was given.
struct Echo;

impl Env for Echo {
    fn observation_space(&self) -> Space {
        Space::discrete(1000)
    }

    fn action_space(&self) -> Space {
        Space::discrete(1000)
    }

    fn reset(&mut self, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        observation.write(&[0_i32]);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let Action::Discrete(action) = action else { panic!("{action:?}") };
        observation.write(&[action]);
        Ok(Step { reward: 0.0, terminated: false, truncated: false })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn actions_stick_for_as_long_as_they_may(seed: u64, shortest in 1_u32..4, more in 0_u32..4, probability in 0.0..0.9) {
        let duration = [shortest, shortest + more];
        let mut env = StickyAction::new(Echo, probability, duration).unwrap();
        let mut rng = Generator::new(seed);
        reset(&mut env, &mut rng);
        // Each action is a new number, so what is not the newest stuck; a series may follow a series.
        let taken: Vec<_> = (0..300).map(|t| step(&mut env, &mut rng, Action::Discrete(t)).0[0] as i32).collect();
        prop_assert_eq!(taken[0], 0, "there is nothing before the first");
        let mut stuck = 0;
        for (t, action) in taken.iter().enumerate().skip(1) {
            if *action == t as i32 {
                prop_assert!(stuck == 0 || stuck >= shortest, "{} of {:?}", stuck, duration);
                stuck = 0;
            } else {
                prop_assert_eq!(*action, taken[t - 1]);
                stuck += 1;
            }
        }
    }

    #[test]
    fn whatever_is_written_is_read_or_refused(text in "(ClipReward|FrameStackObservation|TransformReward|Box)?[-(\\[),'=. 0-9a-z]{0,20}") {
        if let Ok(spec) = text.parse::<cartwheel_envs::WrapperSpec>() {
            prop_assert_eq!(&spec.to_string().parse::<cartwheel_envs::WrapperSpec>().unwrap(), &spec);
        }
    }
}

#[test]
fn integers_are_a_box_too() {
    // A stack of a stack: Discrete, MultiDiscrete, Box of int32.
    let builder = EnvBuilder::new("FrozenLake-v1").wrapper("FrameStackObservation(2)").unwrap();
    let env = builder.wrapper("FrameStackObservation(3)").unwrap().make().unwrap();
    let space = env.observation_space();
    assert_eq!((space.to_string().as_str(), space.dtype()), ("Box(0, 15, (3, 2), int32)", Dtype::I32));
}
