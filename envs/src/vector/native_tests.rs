use super::*;
use crate::{
    Acrobot, Blackjack, CartPole, CartPoleConfig, CliffWalking, FrozenLake, MountainCar, MountainCarContinuous,
    Pendulum, Row, Taxi,
};

/// All that 19 environments do, and what they are saved as, with these instructions.
fn run<E: Native<LANES>, const LANES: usize>(env: &E, instructions: Instructions) -> (Vec<VectorStep>, Vec<Vec<u8>>) {
    let mut env = NativeVector::new(env.clone(), 19, Some(30)).unwrap();
    env.instructions = instructions;
    let mut out = VectorStep::new(&env.observation_space, 19);
    env.reset(Some(1), &mut out.observations).unwrap();
    let space = env.action_space.clone();
    let mut actions = Rows::for_space(&space, 19);
    let mut rng = Generator::new(2);
    let mut seen = Vec::new();
    for _ in 0..1000 {
        (0..19).for_each(|i| space.sample(&mut rng, actions.row_mut(i)));
        let batch = match (actions.as_i32(), actions.as_f32()) {
            (Some(integers), _) => Actions::Discrete(integers),
            (_, Some(floats)) => Actions::Continuous(floats),
            _ => unreachable!(),
        };
        env.step(batch, &mut out).unwrap();
        seen.push(out.clone());
    }
    (seen, (0..19).map(|i| env.save(i).unwrap()).collect())
}

fn check<E: Native<LANES>, const LANES: usize>(env: E) {
    let plain = run(&env, Instructions::Plain);
    for instructions in Instructions::available() {
        assert!(run(&env, instructions) == plain, "{instructions:?}: {}", std::any::type_name::<E>());
    }
}

#[test]
fn all_instruction_sets_give_the_same_bits() {
    check(Acrobot::new());
    check(CartPole::new(CartPoleConfig::default()));
    check(MountainCar::default());
    check(MountainCarContinuous::default());
    check(Pendulum::default());
    check(Blackjack::new(Default::default()));
    check(CliffWalking::new(Default::default()));
    check(FrozenLake::new(Default::default()));
    check(Taxi::new(Default::default()));
}

#[test]
fn a_fallen_pole_is_not_restored() {
    let mut env = NativeVector::new(CartPole::new(CartPoleConfig::default()), 2, None).unwrap();
    let mut observations = Rows::for_space(&env.observation_space, 2);
    env.reset(Some(0), &mut observations).unwrap();
    let fallen = crate::CartPoleState { theta: 1.0, ..env.state(1) };
    env.chunks[0].states.set(1, fallen);
    let saved = env.save(1).unwrap();
    let error = env.restore(0, &saved, observations.row_mut(0)).unwrap_err();
    assert_eq!(error.to_string(), "environment 0: this is no state of the environment: no episode goes on from there");
}

#[test]
fn a_throttle_that_is_no_number_changes_nothing() {
    let mut env = NativeVector::new(MountainCarContinuous::default(), 3, None).unwrap();
    let mut out = VectorStep::new(&env.observation_space, 3);
    env.reset(Some(0), &mut out.observations).unwrap();
    let before: Vec<_> = (0..3).map(|i| env.save(i)).collect();
    let error = env.step(Actions::Continuous(&[0.0, 2.0, f32::NAN]), &mut out).unwrap_err();
    assert!(error.to_string().starts_with("environment 2: the action is NaN"), "{error}");
    assert_eq!(before, (0..3).map(|i| env.save(i)).collect::<Vec<_>>());
    env.step(Actions::Continuous(&[0.0, 2.0, 0.5]), &mut out).unwrap();
    assert!(matches!(out.observations.row(1), Row::F32([_, velocity]) if *velocity > 0.0));
}
