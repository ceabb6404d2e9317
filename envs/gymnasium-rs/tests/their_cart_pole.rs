//! CartPole of gymnasium-rs 0.1.1 runs here like any other, and is not Gymnasium's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_envs::{
    Actions, EnvSpec, Environment, Generator, Kwargs, Row, Rows, VectorEnv, VectorStep, check_env, make_vec, register,
};
use cartwheel_gymnasium_rs::{FromGymnasiumRs, episode_seed};
use gymnasium_rs::core::Env as _;
use gymnasium_rs::envs::cartpole::CartPole as TheirCartPole;
use ndarray::Array1;
use serde_json::{Value, json};

fn their_spec(id: &str) -> EnvSpec {
    let build = |_: Kwargs| FromGymnasiumRs::new(TheirCartPole::new());
    EnvSpec::new(id, "CartPole of gymnasium-rs", build).max_episode_steps(500)
}

/// The bound of the pole's angle is that of the episode, so its last observation is outside: Gymnasium's is twice that.
#[test]
fn the_check_finds_its_last_observation_outside_of_its_space() {
    let violations = check_env(&mut FromGymnasiumRs::new(TheirCartPole::new()).unwrap());
    assert_eq!(violations.iter().map(|violation| violation.rule).collect::<Vec<_>>(), ["observation"]);
    assert!(violations[0].message.starts_with("step wrote "), "{violations:?}");
    assert!(violations[0].message.contains("0.20943952"), "{violations:?}");
}

#[test]
fn a_batch_is_as_many_single_ones() {
    const N: usize = 3;
    register(their_spec("TheirCartPole-v0")).unwrap();
    let mut batch = make_vec("TheirCartPole-v0", N, &Kwargs::new()).unwrap();
    let mut out = VectorStep::new(batch.single_observation_space(), N);
    batch.reset(Some(5), &mut out.observations).unwrap();

    let mut alone: Vec<_> = (0..N as u64).map(|i| (TheirCartPole::new(), Generator::new(5 + i))).collect();
    for (i, (env, generator)) in alone.iter_mut().enumerate() {
        let (observation, _) = env.reset_seed(episode_seed(generator));
        assert_eq!(out.observations.row(i), as_row(&observation));
    }
    let (mut choices, mut ends) = (Generator::new(6), 0);
    for _ in 0..200 {
        let actions: Vec<_> = (0..N).map(|_| choices.below(2) as i32).collect();
        batch.step(Actions::Discrete(&actions), &mut out).unwrap();
        for (i, (env, generator)) in alone.iter_mut().enumerate() {
            let (mut observation, reward, terminated, _, _) = env.step(actions[i]);
            assert_eq!((out.rewards[i], out.terminated[i]), (reward, terminated));
            if terminated {
                ends += 1;
                assert_eq!(out.final_observations.row(i), as_row(&observation));
                observation = env.reset_seed(episode_seed(generator)).0;
            }
            assert_eq!(out.observations.row(i), as_row(&observation));
        }
    }
    assert!(ends > N, "{ends} episodes ended");
    goes_on_elsewhere(&mut *batch, &mut out);
}

/// It has no state to save, so its episodes are played again: a checkpoint of training restores it.
fn goes_on_elsewhere(batch: &mut dyn VectorEnv, out: &mut VectorStep) {
    let n = batch.num_envs();
    let mut other = make_vec("TheirCartPole-v0", n, &Kwargs::new()).unwrap();
    let mut observations = Rows::for_space(batch.single_observation_space(), n);
    other.reset(Some(77), &mut observations).unwrap();
    for i in 0..n {
        other.restore(i, &batch.save(i).unwrap(), observations.row_mut(i)).unwrap();
    }
    assert_eq!(observations, out.observations);
    let mut elsewhere = out.clone();
    for action in [0, 1].into_iter().cycle().take(60) {
        batch.step(Actions::Discrete(&vec![action; n]), out).unwrap();
        other.step(Actions::Discrete(&vec![action; n]), &mut elsewhere).unwrap();
        assert_eq!((&elsewhere.observations, &elsewhere.rewards), (&out.observations, &out.rewards));
    }
}

fn as_row(observation: &Array1<f32>) -> Row<'_> {
    Row::F32(observation.as_slice().unwrap())
}

/// A push changes the cart's speed by 0.195 in Gymnasium and by 0.36 here, as the total mass lacks the pole's and the
/// pole's share in the cart's acceleration is not weighed with its mass; and the last step pays 0, not 1.
#[test]
fn its_physics_are_not_gymnasiums() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/gymnasium/CartPole-v1.jsonl");
    let recorded = std::fs::read_to_string(file).unwrap();
    let (mut pushes, mut last_rewards) = (Vec::new(), Vec::new());
    for line in recorded.lines() {
        let episode: Value = serde_json::from_str(line).unwrap();
        if episode["kwargs"] != json!({}) {
            continue;
        }
        let speed = |observation: &Value| observation[1].as_f64().unwrap();
        pushes.push((speed(&episode["obs"][0]) - speed(&episode["reset_obs"])).abs());
        let rewards = episode["rewards"].as_array().unwrap();
        last_rewards.push(rewards.last().unwrap().as_f64().unwrap());
    }
    assert!(!pushes.is_empty() && pushes.iter().all(|push| (push - 0.195).abs() < 0.005), "{pushes:?}");
    assert!(last_rewards.iter().all(|reward| *reward == 1.0), "{last_rewards:?}");

    let spec = their_spec("TheirCartPole-v1");
    let mut theirs = Environment::new(spec.clone(), spec.build(&Kwargs::new()).unwrap());
    for seed in 0..20 {
        let speed = |env: &Environment| match env.observation() {
            Row::F32(row) => row[1],
            other => panic!("{other:?}"),
        };
        theirs.reset(Some(seed)).unwrap();
        let before = speed(&theirs);
        let mut step = theirs.step(1).unwrap();
        let push = speed(&theirs) - before;
        assert!((push - 0.36).abs() < 0.01, "{push}");
        while !step.terminated {
            step = theirs.step(1).unwrap();
        }
        assert_eq!(step.reward, 0.0);
    }
}
