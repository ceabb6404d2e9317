//! What a game is, and what several of them share.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::board::{LAST, Planes};
use crate::{Generator, Rgba, Step};

/// A game on ten by ten cells, to be played as an environment by [`MinAtar`](super::MinAtar).
pub trait MinAtarGame: Clone + Default + Send + Serialize + DeserializeOwned {
    /// A color for each channel of the observation, in their order.
    const COLORS: &'static [Rgba];

    /// The actions that matter in this game, in MinAtar's order: its minimal action set.
    const ACTIONS: &'static [MinAtarAction];

    /// Begins an episode.
    fn reset(&mut self, rng: &mut Generator);

    /// Plays a frame. `ramping`: whether the game may grow harder.
    fn step(&mut self, action: MinAtarAction, ramping: bool, rng: &mut Generator) -> Step;

    /// Marks what is where on planes that are empty.
    fn observe(&self, planes: &mut Planes<'_>);

    /// Whether the numbers are such as can arise: a saved state may come from anywhere.
    fn is_possible(&self) -> bool;
}

/// What a player can do, numbered as in MinAtar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MinAtarAction {
    /// Nothing.
    #[default]
    Noop,
    /// Go left.
    Left,
    /// Go up.
    Up,
    /// Go right.
    Right,
    /// Go down.
    Down,
    /// Shoot.
    Fire,
}

impl MinAtarAction {
    /// All six.
    pub const ALL: [Self; 6] = [Self::Noop, Self::Left, Self::Up, Self::Right, Self::Down, Self::Fire];

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Noop => "no-op",
            Self::Left => "left",
            Self::Up => "up",
            Self::Right => "right",
            Self::Down => "down",
            Self::Fire => "fire",
        }
    }

    /// Columns to the right and rows down that it goes.
    pub(super) fn direction(self) -> [i8; 2] {
        match self {
            Self::Noop | Self::Fire => [0, 0],
            Self::Left => [-1, 0],
            Self::Up => [0, -1],
            Self::Right => [1, 0],
            Self::Down => [0, 1],
        }
    }
}

/// Which way something goes along a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Heading {
    #[default]
    Left,
    Right,
}

impl Heading {
    /// Either, by one draw.
    pub(super) fn random(rng: &mut Generator) -> Self {
        if rng.random() < 0.5 { Self::Right } else { Self::Left }
    }

    /// Columns to the right in a move.
    pub(super) fn dx(self) -> i8 {
        match self {
            Self::Left => -1,
            Self::Right => 1,
        }
    }

    /// The column where what goes this way enters the grid.
    pub(super) fn entrance(self) -> i8 {
        match self {
            Self::Left => LAST,
            Self::Right => 0,
        }
    }

    /// The other way.
    pub(super) fn turned(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}
