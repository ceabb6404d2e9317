//! What people call the numbers and actions of the environments that are shipped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cartwheel_envs::{Dtype, Env as _, EnvBuilder, Space, TimeLimit, list, make};

#[test]
fn every_vector_of_numbers_is_named() {
    let mut named = 0;
    for spec in list().into_iter().filter(|spec| !spec.description.starts_with("For tests")) {
        let env = make(&spec.id).unwrap();
        let (space, names) = (env.observation_space(), env.observation_names());
        assert!(names.is_empty() || names.len() == space.width(), "{}: {names:?}", spec.id);
        if matches!(space, Space::Box { dtype: Dtype::F32, .. }) {
            assert!(!names.is_empty(), "{}: its numbers have no names", spec.id);
            named += 1;
        }
    }
    assert!(named >= 7, "{named}");
}

#[test]
fn names_are_those_of_gymnasiums_tables() {
    let names = |id| make(id).unwrap().observation_names().join(", ");
    assert_eq!(names("CartPole-v1"), "position, velocity, angle, angular velocity");
    assert_eq!(names("MaskedCartPole-v1"), "position, angle");
    assert_eq!(names("MountainCar-v0"), "position, velocity");
    assert_eq!(names("Pendulum-v1"), "cos θ, sin θ, angular velocity");
    assert_eq!(make("Pendulum-v1").unwrap().action_names(), ["torque"]);
    assert_eq!(make("MinAtar/Breakout-v1").unwrap().action_names(), ["no-op", "left", "right"]);
    assert_eq!(make("MinAtar/Breakout-v0").unwrap().action_names().len(), 6);
}

#[test]
fn grids_are_as_large_as_their_pictures() {
    let shape = |id| EnvBuilder::new(id).build().unwrap().grid_shape();
    assert_eq!(shape("FrozenLake-v1"), Some([4, 4]));
    assert_eq!(shape("CliffWalking-v1"), Some([4, 12]));
    assert_eq!(shape("Taxi-v4"), Some([5, 5]));
    assert_eq!(shape("CartPole-v1"), None);
    let limited = TimeLimit::new(EnvBuilder::new("FrozenLake8x8-v1").build().unwrap(), 9);
    assert_eq!(limited.grid_shape(), Some([8, 8]), "through wrappers");
}
