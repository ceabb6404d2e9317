//! What a run's environment looks like from outside.

use cartwheel_agents::GreedyPolicy;
use cartwheel_envs::{OwnedAction, Space};
use cartwheel_trainer::Settings;

use crate::observation::{Field, Layout, fields, layout};

/// An environment's spaces, and what people call their parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Spaces {
    /// Observations, as the policy gets them: after the wrappers.
    pub observation: Space,
    /// Actions.
    pub action: Space,
    /// The numbers of an observation.
    pub fields: Vec<Field>,
    /// How to see an observation, if it is an image.
    pub layout: Option<Layout>,
    /// What each action means, counted from 0, where its keys tell it; empty where actions are not counted.
    meanings: Vec<Option<String>>,
}

impl Spaces {
    /// Those of a run's environment, which is made for it: quickly, unless it is one of Python.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn of(settings: &Settings) -> Result<Self, String> {
        let env = settings.env.builder().build().map_err(|error| error.to_string())?;
        let (observation, action) = (env.observation_space(), env.action_space());
        let keys = env.key_bindings();
        let meanings = match action {
            Space::Discrete { n, start } => {
                let meaning = |i| keys.meaning(&OwnedAction::Discrete(start + i)).map(str::to_owned);
                (0..n.min(256)).map(meaning).collect()
            }
            _ => Vec::new(),
        };
        Ok(Self { fields: fields(&observation), layout: layout(&observation), observation, action, meanings })
    }

    /// Those that a run's weights are for, which are its environment's: what its actions mean is not among them.
    pub fn of_policy(policy: &GreedyPolicy) -> Self {
        let (observation, action) = (policy.observation_space().clone(), policy.action_space().clone());
        let (fields, layout) = (fields(&observation), layout(&observation));
        Self { observation, action, fields, layout, meanings: Vec::new() }
    }

    /// The number of the first action, as the environment counts it; 0 where actions are not counted.
    pub fn first_action(&self) -> i32 {
        if let Space::Discrete { start, .. } = self.action { start } else { 0 }
    }

    /// What action `i`, counted from 0, is called: what it means, or its number as the environment counts it.
    pub fn action_name(&self, i: usize) -> String {
        match self.meanings.get(i) {
            Some(Some(meaning)) => meaning.clone(),
            _ => (i as i64 + i64::from(self.first_action())).to_string(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use cartwheel_trainer::Algo;

    #[test]
    fn a_known_environment_is_described() {
        let spaces = Spaces::of(&Settings::shipped(Algo::Dqn, "Taxi-v4").unwrap()).unwrap();
        assert_eq!(spaces.fields.len(), 1);
        assert_eq!((spaces.action_name(0), spaces.action_name(5)), ("south".to_owned(), "drop off".to_owned()));
        assert_eq!((spaces.action_name(6), spaces.layout), ("6".to_owned(), None));
        let board = Spaces::of(&Settings::shipped(Algo::Dqn, "MinAtar/Breakout-v1").unwrap()).unwrap();
        assert!(board.layout.is_some_and(|layout| (layout.width, layout.height) == (10, 10)), "{:?}", board.layout);
    }

    #[test]
    fn an_unknown_environment_is_named() {
        let error = Spaces::of(&Settings::shipped(Algo::Dqn, "Nowhere-v0").unwrap()).unwrap_err();
        assert!(error.contains("Nowhere-v0"), "{error}");
    }
}
