//! Episodes are Gymnasium's own, and can be repeated and resumed.

use std::process::Command;

use cartwheel_envs::{
    Action, Actions, BridgeOptions, EnvBuilder, Environment, Generator, Row, Rows, Space, SyncVectorEnv, VectorEnv,
    VectorStep, check_env, make,
};
use serde_json::{Value, json};

use super::{bad, builder, folder, numbers, options, python, room};

/// `count` random actions.
fn actions(space: &Space, count: usize) -> Rows {
    let mut rows = Rows::for_space(space, count);
    let mut rng = Generator::new(7);
    (0..count).for_each(|t| space.sample(&mut rng, rows.row_mut(t)));
    rows
}

fn action<'a>(space: &Space, rows: &'a Rows, t: usize) -> Action<'a> {
    space.action(rows.row(t)).unwrap()
}

/// Steps both through a whole episode.
fn compare(one: &mut Environment, other: &mut Environment, actions: &Rows) -> usize {
    let space = one.action_space().clone();
    for t in 0..actions.len() {
        let steps = [&mut *one, &mut *other].map(|env| env.step(action(&space, actions, t)).unwrap());
        assert_eq!(steps[0], steps[1], "step {t}");
        assert_eq!(one.observation(), other.observation(), "step {t}");
        if steps[0].terminated || steps[0].truncated {
            return t + 1;
        }
    }
    actions.len()
}

#[test]
fn classic_control_is_the_native_one() {
    for id in ["CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1", "Pendulum-v1"] {
        let mut native = make(id).unwrap();
        let mut python = builder(&format!("py:{id}")).make().unwrap();
        assert_eq!(python.observation_space(), native.observation_space(), "{id}");
        assert_eq!(python.action_space(), native.action_space(), "{id}");
        assert_eq!(python.spec().max_episode_steps, native.spec().max_episode_steps, "{id}");
        assert_eq!(python.spec().reward_threshold, native.spec().reward_threshold, "{id}");
        let actions = actions(native.action_space(), 300);
        for seed in [0, 42] {
            assert_eq!(python.reset(Some(seed)).unwrap(), native.reset(Some(seed)).unwrap(), "{id}");
            let steps = compare(&mut python, &mut native, &actions);
            assert!(steps >= 8, "{id}: {steps}");
        }
    }
}

#[test]
fn discrete_and_tuple_observations_are_the_native_ones() {
    for id in ["FrozenLake-v1", "Blackjack-v1", "Taxi-v4"] {
        let mut native = make(id).unwrap();
        let mut python = builder(&format!("py:{id}")).make().unwrap();
        assert_eq!(python.observation_space(), native.observation_space(), "{id}");
        let actions = actions(native.action_space(), 100);
        for seed in 0..5 {
            assert_eq!(python.reset(Some(seed)).unwrap(), native.reset(Some(seed)).unwrap(), "{id}");
            compare(&mut python, &mut native, &actions);
            assert_eq!(python.info().get("action_mask"), native.info().get("action_mask"), "{id}");
        }
    }
}

/// Takes up to `count` steps of `id`, and no less than `least`, here and in a Python of its own, without the bridge.
fn compare_with_gymnasium(id: &str, count: usize, least: usize) {
    let mut env = builder(&format!("py:{id}")).make_vec(1).unwrap();
    let (space, dtype) = (env.single_action_space().clone(), env.single_observation_space().dtype());
    let actions = actions(&space, count);
    let listed: Vec<Value> = (0..count)
        .map(|t| match actions.row(t) {
            Row::F32(row) => json!(row),
            Row::I32(row) => json!(row[0]),
            Row::U8(_) => unreachable!("no actions of bytes"),
        })
        .collect();
    let folder_out = tempfile::tempdir().unwrap();
    let out = folder_out.path().join("rows");
    let mut reference = Command::new(python());
    reference.arg(folder().join("reference.py")).args([id, "5", &dtype.to_string()]).arg(&out);
    let reference = reference.arg(json!(listed).to_string()).output().unwrap();
    assert!(reference.status.success(), "{}", String::from_utf8_lossy(&reference.stderr));
    let outcomes: Vec<(f64, bool, bool)> = serde_json::from_slice(&reference.stdout).unwrap();
    let rows = std::fs::read(&out).unwrap();
    let mut rows = rows.chunks_exact(env.single_observation_space().width() * dtype.size());

    let mut step = room(env.as_ref());
    env.reset(Some(5), &mut step.observations).unwrap();
    assert_eq!(bytes(&step.observations), rows.next().unwrap(), "{id}: reset");
    for (t, (reward, terminated, truncated)) in outcomes.iter().enumerate() {
        let batch = match actions.row(t) {
            Row::F32(row) => Actions::Continuous(row),
            Row::I32(row) => Actions::Discrete(row),
            Row::U8(_) => unreachable!("no actions of bytes"),
        };
        env.step(batch, &mut step).unwrap();
        assert_eq!((step.rewards[0], step.terminated[0], step.truncated[0]), (*reward as f32, *terminated, *truncated));
        let ended = *terminated || *truncated;
        let observation = if ended { &step.final_observations } else { &step.observations };
        assert_eq!(bytes(observation), rows.next().unwrap(), "{id}: step {t}");
    }
    assert!(rows.next().is_none() && outcomes.len() >= least, "{id}: {} steps", outcomes.len());
}

fn bytes(rows: &Rows) -> Vec<u8> {
    match rows.row(0) {
        Row::F32(row) => row.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Row::I32(row) => row.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Row::U8(row) => row.to_vec(),
    }
}

#[test]
fn pong_is_gymnasiums() {
    compare_with_gymnasium("ale_py:ALE/Pong-v5", 100, 100);
}

#[test]
fn minigrid_is_gymnasiums_without_its_text() {
    compare_with_gymnasium("minigrid:MiniGrid-Empty-5x5-v0", 150, 20);
    let env = builder("py:minigrid:MiniGrid-Empty-5x5-v0").make().unwrap();
    assert_eq!(
        env.observation_space().to_string(),
        "Dict('direction': Discrete(4), 'image': Box(0, 255, (7, 7, 3), uint8))"
    );
}

#[test]
fn mujoco_is_gymnasiums() {
    compare_with_gymnasium("HalfCheetah-v5", 60, 60);
    // Ends after a few steps, so that its final observation is compared too.
    compare_with_gymnasium("InvertedPendulum-v5", 100, 2);
}

/// Steps a batch of CartPoles and answers all that came of it.
fn trace(env: &mut dyn VectorEnv, steps: usize) -> Vec<VectorStep> {
    let mut out = room(env);
    env.reset(Some(11), &mut out.observations).unwrap();
    let actions = actions(env.single_action_space(), steps * env.num_envs());
    let mut all = vec![out.clone()];
    for actions in actions.as_i32().unwrap().chunks_exact(env.num_envs()) {
        // What the rows held before does not matter.
        out = room(env);
        env.step(Actions::Discrete(actions), &mut out).unwrap();
        all.push(out.clone());
    }
    all
}

#[test]
fn how_many_workers_there_are_does_not_matter() {
    let batch = |workers| {
        let options = BridgeOptions { workers: Some(workers), ..options() };
        builder("py:CartPole-v1").bridge(options).make_vec(5).unwrap()
    };
    let expected = trace(batch(1).as_mut(), 60);
    assert!(expected.iter().any(|step| step.terminated.contains(&true)));
    assert_eq!(trace(batch(2).as_mut(), 60), expected);
    assert_eq!(trace(batch(5).as_mut(), 60), expected);
    // And so does a loop over single ones.
    let singles = (0..5).map(|_| builder("py:CartPole-v1").build().unwrap()).collect();
    assert_eq!(trace(&mut SyncVectorEnv::new(singles).unwrap(), 60), expected);
}

#[test]
fn any_episode_is_repeated_by_its_generator_and_actions() {
    let mut env = builder("py:CartPole-v1").make_vec(1).unwrap();
    let mut out = room(env.as_ref());
    env.reset(Some(3), &mut out.observations).unwrap();
    let (mut python, mut native) = (builder("py:CartPole-v1").make().unwrap(), make("CartPole-v1").unwrap());
    assert_eq!(native.reset(Some(3)).unwrap(), out.observations.row(0));
    for episode in 0..4 {
        python.set_generator(env.episode_generator(0));
        assert_eq!(python.reset(None).unwrap(), out.observations.row(0), "episode {episode}");
        loop {
            let step = python.step(1).unwrap();
            env.step(Actions::Discrete(&[1]), &mut out).unwrap();
            let ended = step.terminated || step.truncated;
            let rows = if ended { &out.final_observations } else { &out.observations };
            assert_eq!(python.observation(), rows.row(0), "episode {episode}");
            if ended {
                break;
            }
        }
    }
}

#[test]
fn a_saved_environment_goes_on_as_if_nothing_had_happened() {
    let batch = || builder("py:CartPole-v1").make_vec(2).unwrap();
    let (mut env, mut other) = (batch(), batch());
    let (mut out, mut again) = (room(env.as_ref()), room(env.as_ref()));
    env.reset(Some(1), &mut out.observations).unwrap();
    other.reset(Some(2), &mut again.observations).unwrap();
    for t in 0..50 {
        env.step(Actions::Discrete(&[t % 2, (t / 2) % 2]), &mut out).unwrap();
    }
    let saved: Vec<_> = (0..2).map(|i| env.save(i).unwrap()).collect();
    for (i, saved) in saved.iter().enumerate() {
        other.restore(i, saved, again.observations.row_mut(i)).unwrap();
    }
    assert_eq!(again.observations, out.observations);
    for t in 0..100 {
        let actions = [(t / 3) % 2, t % 2];
        env.step(Actions::Discrete(&actions), &mut out).unwrap();
        other.step(Actions::Discrete(&actions), &mut again).unwrap();
        assert_eq!(
            (&again.observations, &again.truncated, &again.terminated),
            (&out.observations, &out.truncated, &out.terminated)
        );
        assert_eq!(other.episode_generator(0), env.episode_generator(0), "{t}");
    }
    assert!(other.restore(0, &saved[0][..20], again.observations.row_mut(0)).is_err());
}

#[test]
fn arguments_info_and_pictures_come_through() {
    let builder = builder("py:CartPole-v1").kwarg("sutton_barto_reward", true);
    let mut env = builder.make().unwrap();
    env.reset(Some(0)).unwrap();
    assert_eq!(env.step(0).unwrap().reward, 0.0);
    assert!(env.draw().shapes.is_empty(), "not asked for");

    let mut env = bad(json!({"length": 4})).drawable().make_vec(2).unwrap();
    let mut out = room(env.as_ref());
    env.reset(Some(8), &mut out.observations).unwrap();
    let info = env.info(1);
    assert_eq!((&info["seed"], &info["mask"]), (&json!(9), &json!([1, 0])));
    // What is no JSON is left out.
    assert!(!info.contains_key("handle"));
    env.step(Actions::Discrete(&[0, 0]), &mut out).unwrap();
    assert_eq!(env.info(0)["steps"], json!(1));
    let mut scene = cartwheel_envs::Scene::default();
    env.draw(1, &mut scene);
    let [cartwheel_envs::Shape::Image { width: 3, rgb, max: [3.0, 2.0], .. }] = &scene.shapes[..] else {
        panic!("{scene:?}")
    };
    assert_eq!(rgb[..6], [1, 0, 0, 1, 0, 0]);
    assert_eq!(rgb.len(), 18);
    assert_eq!(numbers(&out.observations, 1), [1.0, 0.0]);
}

#[test]
fn infos_with_which_episodes_end_come_through() {
    let workers = cartwheel_envs::BridgeOptions { workers: Some(2), ..options() };
    let mut env = bad(json!({"length": 3})).bridge(workers).make_vec(3).unwrap();
    let mut out = room(env.as_ref()).with_final_infos();
    env.reset(Some(0), &mut out.observations).unwrap();
    for step in 1..=6 {
        let pids: Vec<_> = (0..3).map(|i| env.info(i)["pid"].clone()).collect();
        env.step(Actions::Discrete(&[0; 3]), &mut out).unwrap();
        for (i, info) in out.final_infos.as_ref().unwrap().iter().enumerate().filter(|_| step % 3 == 0) {
            assert_eq!((&info["steps"], &info["pid"]), (&json!(3), &pids[i]), "{step}");
            // The reset has followed.
            assert!(env.info(i).contains_key("seed"));
        }
    }
}

#[test]
fn the_contract_is_kept() {
    for id in ["py:CartPole-v1", "py:bad_envs:Bad-v0", "py:Blackjack-v1"] {
        let mut env = builder(id).build().unwrap();
        assert_eq!(check_env(env.as_mut()), [], "{id}");
    }
}

#[test]
fn a_spec_says_what_gymnasium_says() {
    let spec = EnvBuilder::new("py:MountainCar-v0").bridge(options()).spec().unwrap();
    assert_eq!((spec.max_episode_steps, spec.reward_threshold), (Some(200), Some(-110.0)));
    assert!(spec.description.contains("MountainCarEnv"), "{}", spec.description);
    let mut env = spec.build(&serde_json::Map::new()).unwrap();
    assert_eq!(check_env(env.as_mut()), []);
}
