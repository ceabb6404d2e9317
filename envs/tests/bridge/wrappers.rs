//! Wrappers named for an environment of Python are Gymnasium's own, and agree with the native ones.

use cartwheel_envs::{Actions, EnvBuilder, Statistics, VectorEnv, VectorStep};

use super::{builder, numbers, room};

fn wrapped(builder: EnvBuilder, wrappers: &[&str]) -> EnvBuilder {
    wrappers.iter().fold(builder, |builder, wrapper| builder.wrapper(wrapper).unwrap())
}

fn statistics(env: &dyn VectorEnv, i: usize) -> Vec<Statistics> {
    let mut all = Vec::new();
    env.statistics(i, &mut |one| all.push(one.clone()));
    all
}

fn close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * (1.0 + a.abs()))
}

#[test]
fn wrappers_agree_with_native_ones() {
    let lists: &[&[&str]] = &[
        &["FrameStackObservation(3)"],
        &["FrameStackObservation(stack_size=2, padding_type='zero')", "FlattenObservation()"],
        &["TransformReward(0.5 * r + 2^(r + 1))"],
        &["TransformReward('ln(r + 1)')", "ClipReward(max_reward=0.5)"],
        &["NormalizeObservation", "NormalizeReward(gamma=0.9)"],
        &["TimeLimit(4)"],
    ];
    for wrappers in lists {
        let mut python = wrapped(builder("py:CartPole-v1"), wrappers).make_vec(2).unwrap();
        let mut native = wrapped(EnvBuilder::new("CartPole-v1"), wrappers).make_vec(2).unwrap();
        assert_eq!(python.single_observation_space(), native.single_observation_space(), "{wrappers:?}");
        let (mut one, mut other) = (room(python.as_ref()), room(native.as_ref()));
        python.reset(Some(4), &mut one.observations).unwrap();
        native.reset(Some(4), &mut other.observations).unwrap();
        // Within the first episode: later ones begin elsewhere.
        for t in 0..8 {
            python.step(Actions::Discrete(&[t % 2, 0]), &mut one).unwrap();
            native.step(Actions::Discrete(&[t % 2, 0]), &mut other).unwrap();
            assert_eq!((&one.terminated, &one.truncated), (&other.terminated, &other.truncated), "{wrappers:?} {t}");
            assert_eq!(one.raw_rewards(), other.raw_rewards(), "{wrappers:?} {t}");
            let ended = one.terminated[0] || one.truncated[0];
            let rows =
                |step: &VectorStep| if ended { step.final_observations.clone() } else { step.observations.clone() };
            for i in 0..2 {
                assert!(close(&numbers(&rows(&one), i), &numbers(&rows(&other), i)), "{wrappers:?} {t}");
                assert!(close(&[one.rewards[i].into()], &[other.rewards[i].into()]), "{wrappers:?} {t}");
            }
            if ended {
                break;
            }
        }
        let (ours, theirs) = (statistics(python.as_ref(), 0), statistics(native.as_ref(), 0));
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!(close(&ours.moments.mean, &theirs.moments.mean) && close(&ours.moments.var, &theirs.moments.var));
            assert!(close(
                &[ours.moments.count, ours.discounted_return],
                &[theirs.moments.count, theirs.discounted_return]
            ));
        }
    }
}

#[test]
fn statistics_are_replaced_and_frozen() {
    let batch =
        || wrapped(builder("py:CartPole-v1"), &["NormalizeObservation()", "NormalizeReward()"]).make_vec(1).unwrap();
    let (mut env, mut other) = (batch(), batch());
    let (mut out, mut again) = (room(env.as_ref()), room(env.as_ref()));
    env.reset(Some(0), &mut out.observations).unwrap();
    for t in 0..30 {
        env.step(Actions::Discrete(&[t % 2]), &mut out).unwrap();
    }
    let learnt = statistics(env.as_ref(), 0);
    assert!(learnt.len() == 2 && learnt[0].moments.mean.len() == 1 && learnt[1].moments.mean.len() == 4, "{learnt:?}");
    other.reset(Some(0), &mut again.observations).unwrap();
    let mut source = learnt.iter();
    other.statistics_mut(0, &mut |own| {
        own.clone_from(source.next().unwrap());
        own.update_running_mean = false;
    });
    other.step(Actions::Discrete(&[0]), &mut again).unwrap();
    let frozen = statistics(other.as_ref(), 0);
    assert_eq!(
        frozen.iter().map(|one| &one.moments).collect::<Vec<_>>(),
        learnt.iter().map(|one| &one.moments).collect::<Vec<_>>()
    );
    assert!(!frozen[0].update_running_mean);
}

#[test]
fn a_saved_environment_takes_its_wrappers_along() {
    let batch = || {
        let wrappers = ["NormalizeObservation()", "NormalizeReward()", "FrameStackObservation(2)"];
        wrapped(builder("py:CartPole-v1"), &wrappers).make_vec(1).unwrap()
    };
    let (mut env, mut other) = (batch(), batch());
    let (mut out, mut again) = (room(env.as_ref()), room(env.as_ref()));
    env.reset(Some(1), &mut out.observations).unwrap();
    other.reset(Some(2), &mut again.observations).unwrap();
    // Into the third episode or so.
    for t in 0..60 {
        env.step(Actions::Discrete(&[i32::from(t % 3 > 0)]), &mut out).unwrap();
    }
    let saved = env.save(0).unwrap();
    other.restore(0, &saved, again.observations.row_mut(0)).unwrap();
    assert_eq!(again.observations, out.observations);
    for t in 0..60 {
        env.step(Actions::Discrete(&[t % 2]), &mut out).unwrap();
        other.step(Actions::Discrete(&[t % 2]), &mut again).unwrap();
        assert_eq!((&again.observations, &again.rewards), (&out.observations, &out.rewards), "{t}");
    }
    assert_eq!(statistics(other.as_ref(), 0), statistics(env.as_ref(), 0));
}

#[test]
fn a_wrapper_that_does_not_fit_is_named() {
    let message = wrapped(builder("py:CartPole-v1"), &["ClipAction"]).make_vec(1).err().unwrap().to_string();
    assert!(message.starts_with("py:CartPole-v1: the wrapper ClipAction cannot be put around "), "{message}");
}
