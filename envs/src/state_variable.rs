//! The numbers that a state consists of, to be looked at and changed.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::{EnvError, Result};

/// One number of an environment's state: see [`Env::state_variables`](crate::Env::state_variables).
#[derive(Clone, Debug, PartialEq)]
pub struct StateVariable {
    /// What it is called, such as `angular velocity`: as the observation calls it, where it is in that too.
    pub name: Cow<'static, str>,
    /// Its present value.
    pub value: f64,
    /// Between which values one would set it. It may be elsewhere.
    pub range: RangeInclusive<f64>,
    /// Whether it is a whole number.
    pub is_integer: bool,
}

impl StateVariable {
    /// A number of any precision up to f64: every value of it is one here.
    pub fn new(name: impl Into<Cow<'static, str>>, value: f64, range: RangeInclusive<f64>) -> Self {
        Self { name: name.into(), value, range, is_integer: false }
    }

    /// A whole number.
    pub fn integer(name: impl Into<Cow<'static, str>>, value: i32, range: RangeInclusive<i32>) -> Self {
        let range = f64::from(*range.start())..=f64::from(*range.end());
        Self { is_integer: true, ..Self::new(name, value.into(), range) }
    }
}

/// The values of `N` variables that may be any numbers.
///
/// # Errors
/// [`EnvError::BadState`] if there are not so many, or one is not finite.
pub(crate) fn numbers<const N: usize>(values: &[f64]) -> Result<[f64; N]> {
    match values.try_into() {
        Ok(numbers) if values.iter().all(|value| value.is_finite()) => Ok(numbers),
        _ => Err(EnvError::bad_state(format!("{values:?}: its variables are {N} finite numbers"))),
    }
}

/// The values of `N` variables that are whole numbers, each from 0 to below its place in `ends`.
///
/// # Errors
/// [`EnvError::BadState`] if there are not so many, or one is not in its range.
pub(crate) fn integers<const N: usize>(values: &[f64], ends: [i32; N]) -> Result<[i32; N]> {
    let found = numbers::<N>(values)?.map(|value| value as i32);
    let fits = |((whole, value), end): ((&i32, &f64), &i32)| f64::from(*whole) == *value && (0..*end).contains(whole);
    if found.iter().zip(values).zip(&ends).all(fits) {
        return Ok(found);
    }
    Err(EnvError::bad_state(format!("{values:?}: its variables are whole numbers from 0 to below {ends:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Env, EnvBuilder, Generator, Rows, list, spec};

    /// The environments whose state is a few numbers.
    const DECLARING: [&str; 11] = [
        "Acrobot-v1",
        "CartPole-v1",
        "CliffWalking-v1",
        "FrozenLake-v1",
        "FrozenLake8x8-v1",
        "MaskedCartPole-v1",
        "MountainCar-v0",
        "MountainCarContinuous-v0",
        "Pendulum-v1",
        "Reacher2D-v0",
        "Taxi-v4",
    ];

    /// An environment and its row, some steps into an episode.
    fn under_way(id: &str) -> (Box<dyn Env>, Rows, Generator) {
        let mut env = EnvBuilder::new(id).build().unwrap();
        let mut row = Rows::for_space(&env.observation_space(), 1);
        let (mut rng, mut choices) = (Generator::new(3), Generator::new(4));
        env.reset(&mut rng, row.row_mut(0)).unwrap();
        let (space, mut action) = (env.action_space(), Rows::for_space(&env.action_space(), 1));
        for _ in 0..4 {
            space.sample(&mut choices, action.row_mut(0));
            env.step(space.action(action.row(0)).unwrap(), &mut rng, row.row_mut(0)).unwrap();
        }
        (env, row, rng)
    }

    /// What [`check_env`](crate::check_env) demands of the present values, and that others are taken up as they are.
    #[test]
    fn states_are_set() {
        for id in DECLARING {
            let (mut env, before, _) = under_way(id);
            let (saved, variables) = (env.save(), env.state_variables());
            let mut row = Rows::for_space(&env.observation_space(), 1);
            let values: Vec<f64> = variables.iter().map(|variable| variable.value).collect();
            env.set_state_variables(&values, row.row_mut(0)).unwrap();
            assert_eq!((&row, env.save()), (&before, saved), "{id}");
            for (i, variable) in variables.iter().enumerate() {
                for end in [*variable.range.start(), *variable.range.end()] {
                    let mut other = values.clone();
                    other[i] = end;
                    env.set_state_variables(&other, row.row_mut(0)).unwrap_or_else(|error| panic!("{id}: {error}"));
                    assert!(env.observation_space().contains(row.row(0)), "{id}: {row:?}");
                    let set: Vec<f64> = env.state_variables().iter().map(|variable| variable.value).collect();
                    // Those of f32 are rounded.
                    assert!(set.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-7), "{id}: {set:?} {other:?}");
                }
            }
            let saved = env.save();
            for wrong in [vec![], vec![f64::NAN; values.len()], vec![0.5; values.len() + 1]] {
                let error = env.set_state_variables(&wrong, row.row_mut(0)).unwrap_err();
                assert!(matches!(error, EnvError::BadState { .. }), "{id}: {error}");
            }
            assert_eq!(env.save(), saved, "{id}: what is refused changes nothing");
        }
        let (mut lake, mut row, _) = under_way("FrozenLake-v1");
        for wrong in [-1.0, 0.5, 16.0] {
            assert!(lake.set_state_variables(&[wrong], row.row_mut(0)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_episode_goes_on_from_where_it_is_put() {
        let (mut env, mut row, mut rng) = under_way("CartPole-v1");
        env.set_state_variables(&[2.3999, 5.0, 0.0, 0.0], row.row_mut(0)).unwrap();
        let step = env.step(Action::Discrete(1), &mut rng, row.row_mut(0)).unwrap();
        assert!(step.terminated, "the cart leaves the track");
    }

    /// A wrapper shows what it would have shown, had that been the state.
    #[test]
    fn wrappers_show_the_state_that_is_set() {
        let wrappers = [
            "FrameStackObservation(3)",
            "DelayObservation(1)",
            "TimeAwareObservation()",
            "NormalizeObservation()",
            "RescaleObservation(0, 1)",
            "FlattenObservation()",
            "StickyAction(0.25)",
            "NormalizeReward()",
        ];
        for wrapper in wrappers {
            let mut env = EnvBuilder::new("MountainCar-v0").wrapper(wrapper).unwrap().build().unwrap();
            let found = crate::check_env(&mut *env);
            assert!(found.is_empty() && env.state_variables().len() == 2, "{wrapper}: {found:?}");
        }
        let stacked = EnvBuilder::new("CartPole-v1").wrapper("FrameStackObservation(2)").unwrap();
        let mut env = stacked.build().unwrap();
        let mut row = Rows::for_space(&env.observation_space(), 1);
        env.reset(&mut Generator::new(1), row.row_mut(0)).unwrap();
        env.set_state_variables(&[1.0, 2.0, 0.125, 4.0], row.row_mut(0)).unwrap();
        let crate::Row::F32(numbers) = row.row(0) else { panic!("{row:?}") };
        assert_eq!(numbers[4..], [1.0, 2.0, 0.125, 4.0]);
        assert_ne!(numbers[..4], numbers[4..], "what was before stays");
    }

    #[test]
    fn others_say_that_they_have_none() {
        for spec in list() {
            let declares = !spec.build(&crate::Kwargs::new()).unwrap().state_variables().is_empty();
            let family = spec.id.split("-v").next().unwrap_or_default();
            let known = DECLARING.iter().any(|id| id.split("-v").next() == Some(family));
            assert_eq!(declares, known || family == "CliffWalkingSlippery", "{}", spec.id);
        }
        let mut env = spec("Blackjack-v1").unwrap().build(&crate::Kwargs::new()).unwrap();
        let mut row = Rows::for_space(&env.observation_space(), 1);
        assert!(matches!(env.set_state_variables(&[], row.row_mut(0)), Err(EnvError::NoStateVariables)));
    }
}
