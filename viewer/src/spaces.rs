//! What a run's environment looks like from outside.

use cartwheel_agents::Policy;
use cartwheel_envs::{KeyBindings, OwnedAction, Row, Space};
use cartwheel_trainer::Settings;

use crate::number::short;
use crate::observation::{Field, Layout, fields, layout};

/// More numbers than these are as good as an image.
const MOST_FIELDS: usize = 1024;

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
    /// The states, where an observation is the number of one.
    pub states: Option<States>,
    /// The keys that a person plays it by; none of what is known from weights alone.
    pub bindings: KeyBindings,
    /// What each action is called, counted from 0, by the environment or by its keys; of actions that are not counted,
    /// their numbers.
    names: Vec<Option<String>>,
}

/// The states of an environment whose observation is the number of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States {
    /// How many there are.
    pub count: usize,
    /// The number of the first.
    pub first: i32,
    /// Rows and columns, if they are the cells of a grid, several to a cell maybe.
    pub grid: Option<[usize; 2]>,
}

impl States {
    fn of(space: &Space, grid: Option<[usize; 2]>) -> Option<Self> {
        let Space::Discrete { n, start } = *space else { return None };
        let count = n.max(0) as usize;
        let grid = grid.filter(|[rows, columns]| rows * columns > 0 && count.is_multiple_of(rows * columns));
        Some(Self { count, first: start, grid })
    }

    /// States in a cell of the grid: 1 if the cell is all there is to a state.
    pub fn to_a_cell(&self) -> usize {
        self.grid.map_or(1, |[rows, columns]| self.count / (rows * columns))
    }

    /// The place of an observation among the states.
    pub fn place(&self, observation: Row<'_>) -> Option<usize> {
        let place = observation.number(0) as i64 - i64::from(self.first);
        usize::try_from(place).ok().filter(|place| *place < self.count)
    }
}

impl Spaces {
    /// Those of a run's environment, which is made for it: quickly, unless it is one of Python.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn of(settings: &Settings) -> Result<Self, String> {
        let env = settings.env.builder().build().map_err(|error| error.to_string())?;
        let (observation, action) = (env.observation_space(), env.action_space());
        let (keys, own) = (env.key_bindings(), env.action_names());
        let names = match action {
            Space::Discrete { n, start } => {
                let meaning = |i| keys.meaning(&OwnedAction::Discrete(start + i)).map(str::to_owned);
                let name = |i: i32| own.get(i as usize).map(|name| (*name).to_owned());
                let named = own.len() == n.max(0) as usize;
                (0..n.min(256)).map(|i| if named { name(i) } else { meaning(i) }).collect()
            }
            _ if own.len() == action.width() => own.iter().map(|name| Some((*name).to_owned())).collect(),
            _ => Vec::new(),
        };
        Ok(Self {
            fields: fields(&observation, env.observation_names()),
            layout: layout(&observation),
            states: States::of(&observation, env.grid_shape()),
            observation,
            action,
            names,
            bindings: keys,
        })
    }

    /// Whether an observation is an image, or so many numbers that nobody chooses two of them.
    pub fn is_image(&self) -> bool {
        self.layout.is_some() || (self.states.is_none() && self.fields.len() > MOST_FIELDS)
    }

    /// Those that a run's weights are for, which are its environment's: what its actions mean is not among them.
    pub fn of_policy(policy: &Policy) -> Self {
        let (observation, action) = (policy.observation_space().clone(), policy.action_space().clone());
        let (fields, layout) = (fields(&observation, &[]), layout(&observation));
        let (states, bindings) = (States::of(&observation, None), KeyBindings::default());
        Self { states, observation, action, fields, layout, names: Vec::new(), bindings }
    }

    /// The number of the first action, as the environment counts it; 0 where actions are not counted.
    pub fn first_action(&self) -> i32 {
        if let Space::Discrete { start, .. } = self.action { start } else { 0 }
    }

    /// What action `i`, counted from 0, is called: what it means, or its number as the environment counts it.
    pub fn action_name(&self, i: usize) -> String {
        match self.names.get(i) {
            Some(Some(name)) => name.clone(),
            _ => (i as i64 + i64::from(self.first_action())).to_string(),
        }
    }

    /// What was done, in words: an action's name, or its numbers with theirs.
    pub fn describe(&self, action: &OwnedAction) -> String {
        let numbered = |numbers: &mut dyn Iterator<Item = f64>| {
            let named = numbers.enumerate().map(|(i, number)| match self.names.get(i) {
                Some(Some(name)) => format!("{name} {}", short(number)),
                _ => short(number),
            });
            named.collect::<Vec<_>>().join(", ")
        };
        match action {
            OwnedAction::Discrete(action) => {
                let place = i64::from(*action) - i64::from(self.first_action());
                usize::try_from(place).map_or_else(|_| action.to_string(), |place| self.action_name(place))
            }
            OwnedAction::Multi(numbers) => numbered(&mut numbers.iter().map(|number| f64::from(*number))),
            OwnedAction::Continuous(numbers) => numbered(&mut numbers.iter().map(|number| f64::from(*number))),
        }
    }
}

#[cfg(test)]
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
    fn environments_name_what_is_seen_and_done() {
        let of = |id| Spaces::of(&Settings::shipped(Algo::Dqn, id).unwrap()).unwrap();
        let cart_pole = of("CartPole-v1");
        let names: Vec<_> = cart_pole.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["position", "velocity", "angle", "angular velocity"]);
        assert_eq!(cart_pole.describe(&1.into()), "push right");
        assert_eq!(of("MinAtar/Breakout-v1").describe(&0.into()), "no-op");
        assert_eq!(of("Pendulum-v1").describe(&vec![1.5].into()), "torque 1.500");
    }

    #[test]
    fn states_have_places() {
        let of = |id| Spaces::of(&Settings::shipped(Algo::Dqn, id).unwrap()).unwrap().states;
        assert_eq!(of("CartPole-v1"), None);
        assert_eq!(of("FrozenLake-v1"), Some(States { count: 16, first: 0, grid: Some([4, 4]) }));
        let taxi = of("Taxi-v4").unwrap();
        assert_eq!((taxi.grid, taxi.to_a_cell()), (Some([5, 5]), 20));
        assert_eq!((taxi.place(Row::I32(&[499])), taxi.place(Row::I32(&[500]))), (Some(499), None));
        assert_eq!(States::of(&Space::discrete(7), Some([2, 3])), Some(States { count: 7, first: 0, grid: None }));
    }

    #[test]
    fn an_unknown_environment_is_named() {
        let error = Spaces::of(&Settings::shipped(Algo::Dqn, "Nowhere-v0").unwrap()).unwrap_err();
        assert!(error.contains("Nowhere-v0"), "{error}");
    }
}
