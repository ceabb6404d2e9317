//! Taxi: fetch the passenger and bring it to its destination, in a town with walls.
//!
//! From T. G. Dietterich, "Hierarchical reinforcement learning with the MAXQ value function decomposition"
//! (2000), as Gymnasium 1.4 computes it.
//!
//! | | |
//! |---|---|
//! | Action | `Discrete(6)`: 0 goes south, 1 north, 2 east, 3 west; 4 picks up, 5 drops off |
//! | Observation | `Discrete(500)`: ((row · 5 + column) · 5 + passenger) · 4 + destination; stops are 0 red, 1 green, 2 yellow, 3 blue, and passenger 4 is in the taxi |
//! | Chance | none; if rainy, a move that is not blocked goes ahead with `rainy_probability`, else to either side; a fickle passenger chooses another destination with the first move with it aboard, in a share `fickle_probability` of the episodes |
//! | Reward | -1; 20 for the delivery; -10 for picking up or dropping off where it cannot be done |
//! | Start | uniform over the 300 states in which the passenger waits, and not at its destination |
//! | Terminated | when delivered; leaving the passenger at another stop is a step like any other |
//! | Truncated | after 200 steps |
//! | Info | `prob`: the probability of the last transition; `action_mask`: 1 for each action that changes the state |
//!
//! A fickle passenger's choice is the one draw here of half a word. NumPy keeps the other half for the
//! choice of a later episode, past all draws in between; the [`Generator`] does not
//! (see [`Generator::integer`]). So episodes are Gymnasium's from each seed up to the second such choice.

mod dynamics;
mod scene;
mod vector;

use dynamics::{ACTIONS, GRID, IN_TAXI, STATES, STOPS, Town};
use serde::{Deserialize, Serialize};

use crate::state_variable::integers;
use crate::toy_text::tabular::{Position, Probability, discrete};
use crate::vector::{Native, NativeVector};
use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Info, Key, KeyBindings, Result, RowMut, Scene, Space, StateVariable,
    Step,
};

/// Taxi's keyword arguments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaxiConfig {
    /// Whether moves may drift to either side.
    pub is_rainy: bool,
    /// Whether the passenger may choose another destination on the way.
    pub fickle_passenger: bool,
    /// The probability of a move in the rain going ahead.
    pub rainy_probability: Probability,
    /// The share of episodes in which a fickle passenger changes its mind.
    pub fickle_probability: Probability,
}

impl Default for TaxiConfig {
    fn default() -> Self {
        Self {
            is_rainy: false,
            fickle_passenger: false,
            rainy_probability: Probability(0.8),
            fickle_probability: Probability(0.3),
        }
    }
}

/// A taxi in a town of 25 cells; see the module's table in the source, or `Taxi-v4` in Gymnasium's
/// documentation.
#[derive(Clone, Debug)]
pub struct Taxi {
    config: TaxiConfig,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    position: Position,
    /// Whether the passenger will choose another destination with its first move.
    is_fickle: bool,
}

impl Taxi {
    /// In the upper left, until it is reset.
    pub fn new(config: TaxiConfig) -> Self {
        Self { config, state: State { position: Position::start(0), is_fickle: false } }
    }

    fn town(&self) -> Town {
        Town::decode(self.state.position.state)
    }
}

impl TaxiConfig {
    #[inline]
    fn step(&self, state: &mut State, action: usize, rng: &mut Generator) -> Step {
        let before = Town::decode(state.position.state);
        let step = state.position.follow(before.transition(self, action, rng));
        if state.is_fickle && before.passenger == IN_TAXI {
            let after = Town::decode(state.position.state);
            if after.taxi != before.taxi {
                state.is_fickle = false;
                let destination = other_destination(before, rng);
                state.position.state = Town { destination, ..after }.encode();
            }
        }
        step
    }
}

/// Another destination than that of `town`, each with the same probability.
fn other_destination(town: Town, rng: &mut Generator) -> i32 {
    let choice = rng.integer(STOPS.len() as u32 - 1) as i32;
    if choice < town.destination { choice } else { choice + 1 }
}

impl Env for Taxi {
    fn observation_space(&self) -> Space {
        Space::discrete(STATES)
    }

    fn action_space(&self) -> Space {
        Space::discrete(ACTIONS as i32)
    }

    fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        self.state = self.start(rng);
        observation.write(&[self.state.position.state]);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        let expected = "0 (south), 1 (north), 2 (east), 3 (west), 4 (pick up) or 5 (drop off)";
        let action = discrete(action, ACTIONS, expected)?;
        let step = self.config.step(&mut self.state, action, rng);
        observation.write(&[self.state.position.state]);
        Ok(step)
    }

    fn grid_shape(&self) -> Option<[usize; 2]> {
        Some(GRID.shape())
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(self.town(), scene);
    }

    fn action_mask(&self, valid: &mut [bool]) -> bool {
        valid.iter_mut().zip(self.town().action_mask()).for_each(|(valid, one)| *valid = one == 1);
        true
    }

    fn info(&self) -> Info {
        let mut info = self.state.position.info();
        info.insert("action_mask".to_owned(), self.town().action_mask().to_vec().into());
        info
    }

    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::turn_based()
            .key(Key::Down, 0, "south")
            .key(Key::Up, 1, "north")
            .key(Key::Right, 2, "east")
            .key(Key::Left, 3, "west")
            .key(Key::Char('p'), 4, "pick up")
            .key(Key::Char('d'), 5, "drop off")
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        let Town { taxi, passenger, destination } = self.town();
        let [row, column] = GRID.place(taxi);
        vec![
            StateVariable::integer("row", row, 0..=GRID.rows - 1),
            StateVariable::integer("column", column, 0..=GRID.columns - 1),
            StateVariable::integer("passenger", passenger, 0..=IN_TAXI),
            StateVariable::integer("destination", destination, 0..=STOPS.len() as i32 - 1),
        ]
    }

    fn set_state_variables(&mut self, values: &[f64], mut observation: RowMut<'_>) -> Result<()> {
        let ends = [GRID.rows, GRID.columns, IN_TAXI + 1, STOPS.len() as i32];
        let [row, column, passenger, destination] = integers(values, ends)?;
        let town = Town { taxi: row * GRID.columns + column, passenger, destination };
        self.state.position.state = town.encode();
        observation.write(&[self.state.position.state]);
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.state).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let State { position, is_fickle } = postcard::from_bytes(state).map_err(EnvError::bad_state)?;
        self.state = State { position: position.checked(STATES)?, is_fickle };
        Ok(())
    }
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("Taxi-v4", "Fetch a passenger and bring it to its destination", |config| Ok(Taxi::new(config)))
        .batch(|config, n, limit| NativeVector::new(Taxi::new(config), n, limit))
        .max_episode_steps(200)
        .reward_threshold(8.0)
        .kwarg("is_rainy", false, "moves may go to either side of where they should")
        .kwarg("fickle_passenger", false, "the passenger may choose another destination on the way")
        .kwarg("rainy_probability", 0.8, "the probability of a move in the rain going ahead")
        .kwarg("fickle_probability", 0.3, "the share of episodes in which a fickle passenger changes its mind")
}
