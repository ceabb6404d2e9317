//! What is carried beside episodes, and how what cannot be carried is named.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cartwheel_envs::{Action, Env, EnvError, Generator, Rows, Scene, Shape, Space, make};
use cartwheel_gymnasium_rs::{FromGymnasiumRs, ToGymnasiumRs, episode_seed};
use gymnasium_rs::core::{Env as TheirEnv, Info, Options, Reward, Space as TheirSpace};
use ndarray::{Array1, Array3, array};
use serde_json::json;

type CartPole = ToGymnasiumRs<Array1<f32>, i32>;

fn cart_pole() -> CartPole {
    ToGymnasiumRs::new(make("CartPole-v1").unwrap()).unwrap()
}

/// What `action` says as it panics.
fn panic_of<T>(action: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(action)).err().unwrap();
    *panic.downcast::<String>().unwrap()
}

#[test]
fn what_has_no_place_in_their_trait_panics_with_its_reason() {
    let mut env = cart_pole();
    assert_eq!(panic_of(|| env.step(0)), "CartPole-v1: the environment has no episode to step: call reset first");
    assert_eq!(panic_of(|| env.reset_seed(-1)), "CartPole-v1: the seed is -1; it must be 0 or more");
    let options = Options::from([("low".to_owned(), json!(0)), ("high".to_owned(), json!(1))]);
    assert_eq!(
        panic_of(|| env.reset_options(options)),
        "CartPole-v1: no option of reset is known, not high, low; pass arguments to make_with"
    );
    env.reset_seed(0);
    assert_eq!(panic_of(|| env.step(2)), "CartPole-v1: the action is 2; it must be of Discrete(2)");
    env.step(1);

    let mut pendulum = ToGymnasiumRs::<Vec<f32>, Vec<f32>>::new(make("Pendulum-v1").unwrap()).unwrap();
    pendulum.reset_seed(0);
    let message = panic_of(|| pendulum.step(vec![0.0, 0.0]));
    let expected = "Pendulum-v1: the action is of another type or length; it must be of Box(-2.0, 2.0, (1,), float32)";
    assert_eq!(message, expected);
}

#[test]
fn an_environment_they_have_no_space_for_is_refused() {
    let refused = ToGymnasiumRs::<i32, i32>::new(make("Blackjack-v1").unwrap()).err().unwrap().to_string();
    let expected = "Blackjack-v1: the observation space is Tuple(Discrete(32), Discrete(11), Discrete(2)), and \
                    gymnasium_rs has only Discrete from 0 and float32 Boxes of one axis";
    assert!(refused.contains(expected), "{refused}");
}

#[test]
fn what_is_drawn_is_rendered() {
    let mut env = cart_pole();
    env.reset_seed(0);
    let upright = env.render().unwrap();
    assert_eq!(upright.dim(), (400, 600, 3));
    for _ in 0..8 {
        env.step(1);
    }
    assert!(env.render().unwrap() != upright, "the picture stays the same");
    let blank = ToGymnasiumRs::<Array1<f32>, i32>::new(make("Bandit-v0").unwrap()).unwrap();
    assert!(blank.render().is_none());
}

/// Gives whatever a test wants it to.
#[derive(Clone)]
struct Fake {
    observation: Array1<f32>,
    picture: Option<(usize, usize, usize)>,
    renders: Arc<AtomicUsize>,
    closes: Arc<AtomicUsize>,
}

impl Fake {
    fn new() -> Self {
        let counter = || Arc::new(AtomicUsize::new(0));
        Self { observation: array![0.0, 0.5], picture: None, renders: counter(), closes: counter() }
    }
}

impl TheirEnv<Array1<f32>, i32> for Fake {
    fn observation_space(&self) -> TheirSpace {
        TheirSpace::Box { low: array![-1.0, -1.0], high: array![1.0, 1.0] }
    }

    fn action_space(&self) -> TheirSpace {
        TheirSpace::Discrete(2)
    }

    fn reset(&mut self, seed: Option<i32>, options: Options) -> (Array1<f32>, Info) {
        assert!(seed.is_some_and(|seed| seed >= 0) && options.is_empty());
        (
            self.observation.clone(),
            Info::from([("b".into(), json!(2)), ("a".into(), json!([1])), ("c".into(), json!(3))]),
        )
    }

    fn step(&mut self, action: i32) -> (Array1<f32>, Reward, bool, bool, Info) {
        (self.observation.clone(), 0.1, action == 1, true, Info::from([("steps".into(), json!(1))]))
    }

    fn render(&self) -> Option<Array3<u8>> {
        self.renders.fetch_add(1, Ordering::Relaxed);
        let picture = self.picture.expect("a camera");
        Some(Array3::from_shape_fn(picture, |(y, x, channel)| (100 * y + 10 * x + channel) as u8))
    }

    fn close(&mut self) {
        self.closes.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_step_and_its_info_are_carried() {
    let mut env = FromGymnasiumRs::new(Fake::new()).unwrap();
    assert_eq!(env.observation_space(), Space::box_f32(vec![-1.0; 2], vec![1.0; 2]));
    let (mut rng, mut row) = (Generator::new(0), Rows::for_space(&env.observation_space(), 1));
    env.reset(&mut rng, row.row_mut(0)).unwrap();
    assert_eq!(serde_json::to_string(&env.info()).unwrap(), r#"{"a":[1],"b":2,"c":3}"#);
    let step = env.step(Action::Discrete(1), &mut rng, row.row_mut(0)).unwrap();
    assert_eq!((step.reward, step.terminated, step.truncated), (f64::from(0.1_f32), true, true));
    assert_eq!(row.as_f32(), Some(&[0.0, 0.5][..]));
    assert_eq!(serde_json::to_string(&env.info()).unwrap(), r#"{"steps":1}"#);

    let invalid = |action| EnvError::InvalidAction { found: format!("{action:?}"), expected: "of Discrete(2)".into() };
    for action in [Action::Discrete(2), Action::Continuous(&[0.0])] {
        assert_eq!(env.step(action, &mut rng, row.row_mut(0)), Err(invalid(action)));
    }
    assert_eq!((env.save(), env.restore(&[])), (None, Err(EnvError::SaveUnsupported)));
}

#[test]
fn each_episode_has_another_seed_and_steps_draw_none() {
    let mut env = FromGymnasiumRs::new(Fake::new()).unwrap();
    let (mut rng, mut row) = (Generator::new(0), Rows::for_space(&env.observation_space(), 1));
    let mut seeds = BTreeSet::new();
    for _ in 0..100 {
        // `Fake` takes no negative ones.
        seeds.insert(episode_seed(&mut rng.clone()));
        env.reset(&mut rng, row.row_mut(0)).unwrap();
        let after = rng.clone();
        env.step(Action::Discrete(0), &mut rng, row.row_mut(0)).unwrap();
        assert_eq!(rng, after);
    }
    assert_eq!(seeds.len(), 100);
}

#[test]
fn observations_unlike_the_space_are_errors() {
    let mut env = FromGymnasiumRs::new(Fake { observation: array![0.0], ..Fake::new() }).unwrap();
    let mut row = Rows::for_space(&env.observation_space(), 1);
    let message = env.reset(&mut Generator::new(0), row.row_mut(0)).unwrap_err().to_string();
    assert!(
        message.contains("reset gave an observation of another type or length than Box(-1.0, 1.0, (2,)"),
        "{message}"
    );
}

fn drawn(env: &impl Env) -> Scene {
    let mut scene = Scene::default();
    env.draw(&mut scene);
    assert!(scene.is_finite());
    scene
}

#[test]
fn what_is_rendered_is_drawn() {
    let env = FromGymnasiumRs::new(Fake { picture: Some((2, 3, 3)), ..Fake::new() }).unwrap();
    let rgb = vec![0, 1, 2, 10, 11, 12, 20, 21, 22, 100, 101, 102, 110, 111, 112, 120, 121, 122];
    let scene = drawn(&env);
    assert_eq!(scene.shapes, [Shape::Image { min: [0.0; 2], max: [3.0, 2.0], width: 3, rgb }]);
    assert_eq!((scene.min, scene.max), ([0.0; 2], [3.0, 2.0]));
}

#[test]
fn what_cannot_be_drawn_says_why() {
    let label = |env: &FromGymnasiumRs<Fake, Array1<f32>, i32>| match &drawn(env).shapes[..] {
        [Shape::Label { text, .. }] => text.clone(),
        other => panic!("{other:?}"),
    };
    let gray = FromGymnasiumRs::new(Fake { picture: Some((2, 3, 1)), ..Fake::new() }).unwrap();
    assert_eq!(label(&gray), "render() gave (2, 3, 1), not (height, width, 3)");

    let fake = Fake::new();
    let blind = FromGymnasiumRs::new(fake.clone()).unwrap();
    for _ in 0..3 {
        assert_eq!(label(&blind), "render() panicked: a camera");
    }
    assert_eq!(fake.renders.load(Ordering::Relaxed), 1, "asked again after it panicked");
}

#[test]
fn an_environment_is_closed_once() {
    let fake = Fake::new();
    drop(FromGymnasiumRs::new(fake.clone()).unwrap());
    assert_eq!(fake.closes.load(Ordering::Relaxed), 1);
}
