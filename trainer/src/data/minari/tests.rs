use cartwheel_envs::{Action, Dtype, Environment, Generator, Kwargs, Rows, Space, Step, make};

use super::*;

fn recorded(name: &str) -> Dataset {
    let folder = format!("{}/../tests/data/minari/{name}", env!("CARGO_MANIFEST_DIR"));
    Dataset::open(folder.as_ref()).unwrap()
}

fn episodes(dataset: &Dataset, env: &Environment) -> Vec<Episode> {
    let (observations, actions) = (env.observation_space(), env.action_space());
    dataset.check_spaces("an environment", observations, actions).unwrap();
    (0..dataset.episodes().unwrap()).map(|i| dataset.episode(i, observations, actions).unwrap()).collect()
}

/// Episodes that Minari recorded of Gymnasium's environments are those of ours.
#[test]
fn what_minari_wrote_is_read() {
    for (id, name) in [("CartPole-v1", "cartpole-v0"), ("Blackjack-v1", "blackjack-v0")] {
        let (mut env, dataset) = (make(id).unwrap(), recorded(name));
        let episodes = episodes(&dataset, &env);
        assert_eq!(episodes.iter().map(Episode::len).sum::<usize>(), dataset.steps().unwrap(), "{id}");
        for (seed, episode) in episodes.iter().enumerate() {
            env.reset(Some(seed as u64)).unwrap();
            for t in 0..episode.len() {
                same(env.observation(), episode.observations.row(t), id);
                let step = env.step(episode.action(t)).unwrap();
                let expected = (episode.rewards[t].into(), episode.terminations[t], episode.truncations[t]);
                assert_eq!((step.reward, step.terminated, step.truncated), expected, "{id}, step {t}");
            }
            same(env.observation(), episode.observations.row(episode.len()), id);
            assert!(episode.terminations.last().unwrap());
        }
    }
}

fn same(found: cartwheel_envs::Row<'_>, expected: cartwheel_envs::Row<'_>, what: &str) {
    assert_eq!((found.len(), found.dtype()), (expected.len(), expected.dtype()), "{what}");
    for i in 0..found.len() {
        assert!((found.number(i) - expected.number(i)).abs() < 1e-6, "{what}: {found:?} {expected:?}");
    }
}

#[test]
fn episodes_of_any_space_are_read_as_they_were_recorded() {
    let deep = Space::dict([("on", Space::multi_binary(3)), ("at", Space::Discrete { n: 4, start: -2 })]);
    let observations = Space::dict([
        ("view", Space::image_u8(&[2, 3, 1])),
        ("inner", deep),
        ("pair", Space::Tuple(vec![Space::multi_discrete(vec![2, 5]), Space::box_f32(vec![-1.0; 2], vec![1.0; 2])])),
    ]);
    let bytes = Space::image_u8(&[33, 40]);
    let whole = Space::Box { low: vec![-9.0; 2], high: vec![9.0; 2], shape: vec![2, 1], dtype: Dtype::I32 };
    let arms = Space::box_f32(vec![-1.0; 2], vec![1.0; 2]);
    let cart_pole = make("CartPole-v1").unwrap();
    for (observations, actions) in [
        (&observations, &arms),
        (&bytes, &Space::Discrete { n: 3, start: 7 }),
        (&whole, &Space::MultiDiscrete { nvec: vec![2, 3], start: vec![1, 0] }),
        (&arms, &Space::multi_binary(2)),
    ] {
        let mut rng = Generator::new(3);
        let (mut seen, mut done) = (Rows::for_space(observations, 4), Rows::for_space(actions, 3));
        (0..4).for_each(|i| observations.sample(&mut rng, seen.row_mut(i)));
        (0..3).for_each(|i| actions.sample(&mut rng, done.row_mut(i)));
        let mut recording = Recording::new(observations, actions);
        for _ in 0..2 {
            recording.begin(5, seen.row(0));
            for t in 0..3 {
                let step = Step { reward: t as f64 - 0.5, terminated: false, truncated: false };
                recording.step(actions.action(done.row(t)).unwrap(), step, seen.row(t + 1));
            }
        }
        // The second is given up, the first was left as it is.
        recording.give_up();
        assert_eq!((recording.episodes(), recording.steps()), (2, 6));
        let folder = tempfile::tempdir().unwrap();
        let about = About {
            env: cart_pole.spec(),
            id: "CartPole-v1",
            kwargs: &Kwargs::new(),
            wrapped: true,
            algorithm_name: "x",
        };
        recording.write(folder.path(), &about).unwrap();
        let dataset = Dataset::open(folder.path()).unwrap();
        dataset.check_spaces("it", observations, actions).unwrap();
        for i in 0..2 {
            let episode = dataset.episode(i, observations, actions).unwrap();
            (0..4).for_each(|t| assert_eq!(episode.observations.row(t), seen.row(t), "{observations}"));
            let acts: Vec<Action<'_>> = (0..3).map(|t| actions.action(done.row(t)).unwrap()).collect();
            assert_eq!((0..3).map(|t| episode.action(t)).collect::<Vec<_>>(), acts, "{actions}");
            assert_eq!((episode.rewards, episode.terminations), (vec![-0.5, 0.5, 1.5], vec![false; 3]));
            assert_eq!(episode.truncations, [false, false, i == 1]);
        }
    }
}

#[test]
fn numbers_that_cannot_be_are_told() {
    let (observations, actions) = (Space::box_f32(vec![-1.0], vec![1.0]), Space::discrete(2));
    let cart_pole = make("CartPole-v1").unwrap();
    let told = |observation: f32, action: i32, reward: f64| {
        let mut recording = Recording::new(&observations, &actions);
        recording.begin(0, cartwheel_envs::Row::F32(&[0.0]));
        let step = Step { reward, terminated: true, truncated: false };
        recording.step(Action::Discrete(action), step, cartwheel_envs::Row::F32(&[observation]));
        let folder = tempfile::tempdir().unwrap();
        let about = About {
            env: cart_pole.spec(),
            id: "CartPole-v1",
            kwargs: &Kwargs::new(),
            wrapped: false,
            algorithm_name: "x",
        };
        recording.write(folder.path(), &about).unwrap();
        Dataset::open(folder.path()).unwrap().episode(0, &observations, &actions).map_err(|error| error.to_string())
    };
    assert!(told(0.5, 1, 1.0).is_ok());
    for (episode, words) in [
        (told(f32::NAN, 1, 1.0), "episode_0: observations, row 1: NaN"),
        (told(0.5, 2, 1.0), "episode_0: actions, row 0"),
        (told(0.5, 1, f64::INFINITY), "episode_0: rewards, row 0: inf"),
    ] {
        let error = episode.unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn more_episodes_than_there_is_room_for_are_refused() {
    let mut env = make("CartPole-v1").unwrap();
    let mut recording = Recording::new(env.observation_space(), env.action_space());
    let mut record = |count: u64, recording: &mut Recording| {
        for seed in 0..count {
            env.reset(Some(seed)).unwrap();
            recording.begin(seed, env.observation());
            for _ in 0..5 {
                let step = env.step(Action::Discrete(0)).unwrap();
                recording.step(Action::Discrete(0), step, env.observation());
            }
        }
    };
    record(15, &mut recording);
    assert!(recording.check_room_in(1 << 20, u64::MAX).is_ok(), "they tell too little of others");
    record(1, &mut recording);
    // Each has 5 steps of 4 observed numbers, an action, a reward and two flags.
    let own = 12_000.0 + 3.5 * 5.0 * (4.0 * 4.0 + 4.0 + 8.0 + 2.0);
    let most = (f64::from(1 << 20) / own) as u64;
    assert!(recording.check_room_in(1 << 20, most).is_ok());
    let refused = recording.check_room_in(1 << 20, most + 1).unwrap_err();
    assert!(matches!(refused, MinariError::NoRoom { fits, .. } if fits == most.into()), "{refused}");
    assert!(refused.is_usage() && refused.to_string().contains(&format!("record {most} or fewer")), "{refused}");
    assert!(recording.check_room_in(1000, 16).is_err(), "those that there are do not fit themselves");
}
