//! Agreement of the MinAtar games with the `minatar` package, by episodes recorded from it under the same draws.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_envs::{
    Action, Actions, Breakout, Env, EnvBuilder, Environment, Generator, Key, MinAtar, MinAtarConfig, Row, Rows,
    VectorStep, make, spec, verify_file,
};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/minatar");

#[test]
fn recorded_episodes_are_reproduced() {
    let recordings = [
        ("Asterix", 18, 3523),
        ("Breakout", 114, 5136),
        ("Freeway", 8, 4601),
        ("Seaquest", 23, 3961),
        ("SpaceInvaders", 24, 3748),
    ];
    for (game, episodes, steps) in recordings {
        let check = verify_file(format!("{DATA}/{game}.jsonl")).unwrap();
        assert_eq!(check.mismatches, [], "{game}");
        assert_eq!((check.episodes, check.steps), (episodes, steps), "{game}: all of it is replayed");
    }
}

#[test]
fn spaces_are_the_packages() {
    let games =
        [("Asterix", 4, 5), ("Breakout", 4, 3), ("Freeway", 7, 3), ("Seaquest", 10, 6), ("SpaceInvaders", 6, 4)];
    for (game, channels, actions) in games {
        for (version, actions) in [(0, 6), (1, actions)] {
            let id = format!("MinAtar/{game}-v{version}");
            let env = make(&id).unwrap();
            assert_eq!(env.action_space().to_string(), format!("Discrete({actions})"), "{id}");
            let space = env.observation_space();
            assert_eq!(space.shape(), [10, 10, channels], "{id}");
            assert!(space.contains(Row::U8(&vec![1; 100 * channels])), "{id}");
            assert!(!space.contains(Row::U8(&vec![2; 100 * channels])), "{id}");
            assert_eq!((spec(&id).unwrap().max_episode_steps, spec(&id).unwrap().reward_threshold), (None, None));
        }
    }
    let all = EnvBuilder::new("MinAtar/Breakout-v1").kwarg("use_minimal_action_set", false).make().unwrap();
    assert_eq!(all.action_space().to_string(), "Discrete(6)");
    assert!(EnvBuilder::new("MinAtar/Breakout-v1").kwarg("sticky_action_prob", 1.5).make().is_err());
}

/// The channel's cells that are set, as column and row.
fn cells(env: &Environment, channel: usize) -> Vec<(usize, usize)> {
    let Row::U8(row) = env.observation() else { panic!("bytes") };
    let channels = row.len() / 100;
    (0..100).filter(|cell| row[cell * channels + channel] == 1).map(|cell| (cell % 10, cell / 10)).collect()
}

#[test]
fn keys_move_what_they_say() {
    let mut env = EnvBuilder::new("MinAtar/Seaquest-v0").kwarg("sticky_action_prob", 0.0).make().unwrap();
    env.reset(Some(0)).unwrap();
    let keys = env.key_bindings();
    let moves =
        [(Key::Down, (5, 1)), (Key::Left, (4, 1)), (Key::Down, (4, 2)), (Key::Right, (5, 2)), (Key::Up, (5, 1))];
    for (key, place) in moves {
        env.step(keys.action(key).unwrap().as_action()).unwrap();
        assert_eq!(cells(&env, 0), [place], "{key:?}");
    }
    env.step(keys.action(Key::Char(' ')).unwrap().as_action()).unwrap();
    assert_eq!(cells(&env, 2), [(6, 1)], "a bullet ahead");
    assert_eq!(make("MinAtar/Breakout-v1").unwrap().key_bindings().keys.len(), 2);
}

#[test]
fn a_sticky_action_does_not_outlive_its_episode() {
    let config = MinAtarConfig { sticky_action_prob: 1.0.try_into().unwrap(), ..MinAtarConfig::default() };
    let mut env = MinAtar::<Breakout>::new(config);
    let mut rng = Generator::new(0);
    let mut row = Rows::for_space(&env.observation_space(), 1);
    env.reset(&mut rng, row.row_mut(0)).unwrap();
    // The action chosen never comes about, and the paddle stays.
    env.step(Action::Discrete(1), &mut rng, row.row_mut(0)).unwrap();
    assert_eq!(row.as_u8().unwrap()[(90 + 4) * 4], 1);

    let saved = {
        let mut env = MinAtar::<Breakout>::new(MinAtarConfig::default());
        env.reset(&mut Generator::new(0), row.row_mut(0)).unwrap();
        env.step(Action::Discrete(1), &mut Generator::new(0), row.row_mut(0)).unwrap();
        env.save().unwrap()
    };
    env.restore(&saved).unwrap();
    env.step(Action::Discrete(2), &mut rng, row.row_mut(0)).unwrap();
    assert_eq!(row.as_u8().unwrap()[(90 + 2) * 4], 1, "the last action, to the left, is part of the state");
    env.reset(&mut rng, row.row_mut(0)).unwrap();
    env.step(Action::Discrete(2), &mut rng, row.row_mut(0)).unwrap();
    assert_eq!(row.as_u8().unwrap()[(90 + 4) * 4], 1, "but no more after a reset");
}

#[test]
fn a_state_that_cannot_be_is_not_restored() {
    for spec in cartwheel_envs::list().iter().filter(|spec| spec.id.starts_with("MinAtar/")) {
        let mut env = EnvBuilder::new(&spec.id).build().unwrap();
        let mut rng = Generator::new(3);
        let mut row = Rows::for_space(&env.observation_space(), 1);
        env.reset(&mut rng, row.row_mut(0)).unwrap();
        let saved = env.save().unwrap();
        // Whatever a damaged state holds, it is refused or can be played.
        for i in 0..saved.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = saved.clone();
                damaged[i] = byte;
                if env.restore(&damaged).is_ok() {
                    let _ = (0..200).find(|_| {
                        let step = env.step(Action::Discrete(rng.integer(3) as i32), &mut rng, row.row_mut(0)).unwrap();
                        step.terminated
                    });
                }
            }
        }
    }
}

#[test]
fn a_batch_plays_as_single_games_do() {
    let builder = EnvBuilder::new("MinAtar/SpaceInvaders-v1");
    let mut batch = builder.make_vec(3).unwrap();
    let mut out = VectorStep::new(batch.single_observation_space(), 3);
    batch.reset(Some(7), &mut out.observations).unwrap();
    let mut single = builder.make().unwrap();
    single.reset(Some(8)).unwrap();
    let mut rng = Generator::new(1);
    let mut ends = 0;
    for _ in 0..300 {
        let actions: Vec<_> = (0..3).map(|_| rng.below(4) as i32).collect();
        batch.step(Actions::Discrete(&actions), &mut out).unwrap();
        let step = single.step(actions[1]).unwrap();
        assert_eq!((out.rewards[1], out.terminated[1]), (step.reward as f32, step.terminated));
        if step.terminated {
            assert_eq!(out.final_observations.row(1), single.observation());
            single.reset(None).unwrap();
            ends += 1;
        }
        assert_eq!(out.observations.row(1), single.observation());
    }
    assert!(ends > 0, "an episode ended");
}
