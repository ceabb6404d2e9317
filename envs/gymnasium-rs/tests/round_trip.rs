//! Episodes are the same on either side, from the same seed, bit for bit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_envs::{Env, EnvSpec, Environment, Generator, Info, Kwargs, Row, Rows, Space, Step, make, spec};
use cartwheel_gymnasium_rs::{FromGymnasiumRs, Member, ToGymnasiumRs, episode_seed};
use gymnasium_rs::core::{Env as TheirEnv, Options};
use gymnasium_rs::envs::cartpole::CartPole as TheirCartPole;
use gymnasium_rs::wrappers::timelimit::TimeLimitWrapper;
use ndarray::Array1;

const STEPS: usize = 600;

/// What was seen at one moment, as text that tells any two floats apart. Rewards are f32 there.
fn moment(observation: Row<'_>, step: Option<Step>, info: Info) -> String {
    let step = step.map(|step| (step.reward as f32, step.terminated, step.truncated));
    format!("{observation:?} {step:?} {info:?}")
}

/// The seed of each episode in turn; none lets the environment's generator run on.
type Seeds<'a> = &'a mut dyn FnMut() -> Option<i32>;

/// Many steps with actions from a stream of their own, on this side.
fn run_here(env: &mut Environment, seeds: Seeds<'_>) -> Vec<String> {
    let (mut choices, mut seen) = (Generator::new(3), Vec::new());
    let action_space = env.action_space().clone();
    let mut action = Rows::for_space(&action_space, 1);
    let mut ended = true;
    for _ in 0..STEPS {
        if ended {
            env.reset(seeds().map(|seed| seed as u64)).unwrap();
            seen.push(moment(env.observation(), None, env.info()));
        }
        action_space.sample(&mut choices, action.row_mut(0));
        let step = env.step(action_space.action(action.row(0)).unwrap()).unwrap();
        seen.push(moment(env.observation(), Some(step), env.info()));
        ended = step.terminated || step.truncated;
    }
    seen
}

/// The same on the other side.
fn run_there<O: Member, A: Member>(
    env: &mut dyn TheirEnv<O, A>,
    [observation_space, action_space]: &[Space; 2],
    seeds: Seeds<'_>,
) -> Vec<String> {
    let (mut choices, mut seen) = (Generator::new(3), Vec::new());
    let (mut row, mut action) = (Rows::for_space(observation_space, 1), Rows::for_space(action_space, 1));
    let mut ended = true;
    for _ in 0..STEPS {
        if ended {
            let (observation, info) = env.reset(seeds(), Options::new());
            observation.write(row.row_mut(0)).unwrap();
            seen.push(moment(row.row(0), None, info.into_iter().collect()));
        }
        action_space.sample(&mut choices, action.row_mut(0));
        let (observation, reward, terminated, truncated, info) = env.step(A::read(action.row(0)).unwrap());
        observation.write(row.row_mut(0)).unwrap();
        let step = Step { reward: reward.into(), terminated, truncated };
        seen.push(moment(row.row(0), Some(step), info.into_iter().collect()));
        ended = terminated || truncated;
    }
    seen
}

/// The first episode has seed 42, and the generator runs on from there.
fn seeded_once() -> impl FnMut() -> Option<i32> {
    let mut seeds = [42].into_iter();
    move || seeds.next()
}

/// Each episode has the seed that `FromGymnasiumRs` gives it, from a generator of seed 42.
fn seeded_each() -> impl FnMut() -> Option<i32> {
    let mut generator = Generator::new(42);
    move || Some(episode_seed(&mut generator))
}

#[track_caller]
fn assert_same(found: &[String], expected: &[String]) {
    let different = found.iter().zip(expected).position(|(found, expected)| found != expected);
    assert_eq!(different.map(|i| (&found[i], &expected[i])), None, "moment {different:?}");
    assert_eq!(found.len(), expected.len());
    assert!(found.len() > STEPS + 1, "only one episode was seen");
}

/// Ours on their side, and ours on their side and back.
#[track_caller]
fn same_on_all_sides<O: Member, A: Member>(id: &str) {
    let mut ours = make(id).unwrap();
    let spaces = [ours.observation_space().clone(), ours.action_space().clone()];
    let adapted = || ToGymnasiumRs::<O, A>::new(make(id).unwrap()).unwrap();

    let there = run_there(&mut adapted(), &spaces, &mut seeded_once());
    assert_same(&there, &run_here(&mut ours, &mut seeded_once()));

    let back = FromGymnasiumRs::new(adapted()).unwrap();
    assert_eq!([back.observation_space(), back.action_space()], spaces);
    let mut back = Environment::new(spec(id).unwrap(), Box::new(back));
    let there_and_back = run_here(&mut back, &mut seeded_once());
    assert_same(&there_and_back, &run_here(&mut ours, &mut seeded_each()));
}

#[test]
fn cart_pole() {
    same_on_all_sides::<Array1<f32>, i32>("CartPole-v1");
}

#[test]
fn continuous_actions() {
    same_on_all_sides::<Vec<f32>, Array1<f32>>("Pendulum-v1");
}

#[test]
fn discrete_observations_and_info() {
    same_on_all_sides::<i32, i32>("FrozenLake-v1");
    let mut env = ToGymnasiumRs::<i32, i32>::new(make("FrozenLake-v1").unwrap()).unwrap();
    let (_, info) = env.reset_seed(0);
    assert_eq!(info["prob"], 1.0);
}

#[test]
fn theirs_here_and_back() {
    let build = |_: Kwargs| FromGymnasiumRs::new(TheirCartPole::new());
    let limited = EnvSpec::new("TheirCartPole-v0", "CartPole of gymnasium-rs", build).max_episode_steps(20);
    let here = limited.build(&Kwargs::new()).unwrap();
    let spaces = [here.observation_space(), here.action_space()];
    let mut back = ToGymnasiumRs::<Array1<f32>, i32>::new(Environment::new(limited, here)).unwrap();
    let theirs = TheirCartPole::new();
    assert_eq!(TheirEnv::observation_space(&back), theirs.observation_space());
    assert_eq!(TheirEnv::action_space(&back), theirs.action_space());

    let mut theirs = theirs;
    let mut theirs = TimeLimitWrapper::new(&mut theirs, 20);
    let expected = run_there(&mut theirs, &spaces, &mut seeded_each());
    let found = run_there(&mut back, &spaces, &mut seeded_once());
    assert_same(&found, &expected);
    assert!(expected.iter().any(|moment| moment.contains("false, true")), "no time limit was reached");
}
