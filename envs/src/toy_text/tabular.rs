//! What the environments with one numbered state share: rectangles of cells, and chance between few outcomes.

use serde::{Deserialize, Serialize};

use crate::state_variable::integers;
use crate::{Action, EnvError, Generator, Info, Point, Result, StateVariable, Step};

/// A step from one cell to the next: rows down and columns to the right.
pub(super) type Direction = [i32; 2];

pub(super) const NORTH: Direction = [-1, 0];
pub(super) const EAST: Direction = [0, 1];
pub(super) const SOUTH: Direction = [1, 0];
pub(super) const WEST: Direction = [0, -1];

/// A rectangle of cells, numbered row by row from the upper left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) rows: i32,
    pub(super) columns: i32,
}

impl Grid {
    /// How many cells there are.
    pub(super) fn len(self) -> i32 {
        self.rows * self.columns
    }

    /// Rows and columns.
    pub(super) fn shape(self) -> [usize; 2] {
        [self.rows as usize, self.columns as usize]
    }

    /// Row and column of a cell.
    #[inline]
    pub(super) fn place(self, cell: i32) -> [i32; 2] {
        [cell / self.columns, cell % self.columns]
    }

    /// The cell next to `cell`; at the edge, the cell itself.
    #[inline]
    pub(super) fn neighbor(self, cell: i32, [down, right]: Direction) -> i32 {
        let [row, column] = self.place(cell);
        (row + down).clamp(0, self.rows - 1) * self.columns + (column + right).clamp(0, self.columns - 1)
    }

    /// The middle of a cell in a picture where cells are of size 1 and the last row lies on y = 0.
    pub(super) fn center(self, cell: i32) -> Point {
        let [row, column] = self.place(cell);
        [column as f32 + 0.5, (self.rows - row) as f32 - 0.5]
    }
}

/// What a step led to, as in the lists of Gymnasium's `P[state][action]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Transition {
    pub(super) probability: f64,
    pub(super) state: i32,
    pub(super) reward: f64,
    pub(super) terminated: bool,
}

/// `categorical_sample` of Gymnasium: one draw, and the first index at which the cumulative sum exceeds
/// it. 0 where the sum rounds to less than the draw, since `argmax` of nothing true is 0.
pub(super) fn categorical(probabilities: impl Iterator<Item = f64>, rng: &mut Generator) -> usize {
    let draw = rng.random();
    let mut sum = 0.0;
    let exceeds = |probability: f64| {
        sum += probability;
        sum > draw
    };
    probabilities.map(exceeds).position(|exceeds| exceeds).unwrap_or(0)
}

/// [`categorical`] of three, without a branch to guess.
#[inline]
pub(super) fn one_of_three([a, b, c]: [f64; 3], rng: &mut Generator) -> usize {
    let draw = rng.random();
    let exceeded = usize::from(a <= draw) + usize::from(a + b <= draw) + usize::from(a + b + c <= draw);
    exceeded % 3
}

/// What is certain takes a draw too, as in Gymnasium.
#[inline]
pub(super) fn certain(rng: &mut Generator) {
    rng.random();
}

/// The direction taken where one meant to go to `action`, of four numbered around the compass, and how probable it was:
/// that one with `success`, those across it with `across` each.
#[inline]
pub(super) fn slip(action: usize, success: f64, across: f64, rng: &mut Generator) -> (usize, f64) {
    let turn = one_of_three([across, success, across], rng);
    ((action + 3 + turn) % 4, if turn == 1 { success } else { across })
}

/// Where an environment with one numbered state is, and how likely it was to come there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(super) state: i32,
    pub(super) probability: f64,
}

impl Position {
    /// Where an episode starts. Gymnasium gives every start the probability 1.
    #[inline]
    pub(super) fn start(state: i32) -> Self {
        Self { state, probability: 1.0 }
    }

    /// Follows a transition.
    #[inline]
    pub(super) fn follow(&mut self, transition: Transition) -> Step {
        *self = Self { state: transition.state, probability: transition.probability };
        Step { reward: transition.reward, terminated: transition.terminated, truncated: false }
    }

    /// `prob`, as Gymnasium calls it.
    pub(super) fn info(self) -> Info {
        Info::from_iter([("prob".to_owned(), self.probability.into())])
    }

    /// Its state, one of `0..states`, as the variable that it is.
    pub(super) fn variables(self, states: i32) -> Vec<StateVariable> {
        vec![StateVariable::integer("state", self.state, 0..=states - 1)]
    }

    /// The position in the state that its variable's value names.
    pub(super) fn set(self, values: &[f64], states: i32) -> Result<Self> {
        let [state] = integers(values, [states])?;
        Ok(Self { state, ..self })
    }

    /// The position, if its state is one of `0..states`.
    pub(super) fn checked(self, states: i32) -> Result<Self> {
        if (0..states).contains(&self.state) {
            Ok(self)
        } else {
            Err(EnvError::bad_state(format!("state {} is none of the {states}", self.state)))
        }
    }
}

/// The number of an action of `Discrete(n)`, or an error that lists them.
#[inline]
pub(super) fn discrete(action: Action<'_>, n: usize, expected: &str) -> Result<usize> {
    match action {
        Action::Discrete(i) if (0..n as i32).contains(&i) => Ok(i as usize),
        _ => Err(EnvError::invalid_action(action, expected)),
    }
}

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(pub(crate) f64);

impl Probability {
    /// The probability `p`; `None` unless it is from 0 to 1.
    pub fn new(p: f64) -> Option<Self> {
        (0.0..=1.0).contains(&p).then_some(Self(p))
    }

    /// As a number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = &'static str;

    fn try_from(p: f64) -> Result<Self, Self::Error> {
        Self::new(p).ok_or("expected a number from 0 to 1")
    }
}

impl From<Probability> for f64 {
    fn from(p: Probability) -> Self {
        p.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_comes_as_often_as_it_should() {
        let mut rng = Generator::new(4);
        let mut counts = [0_u32; 3];
        (0..100_000).for_each(|_| counts[categorical([0.2, 0.0, 0.8].into_iter(), &mut rng)] += 1);
        assert_eq!(counts[1], 0);
        // Standard deviation: sqrt(100000 * 0.2 * 0.8) = 126.
        assert!(counts[0].abs_diff(20_000) < 600, "{counts:?}");
        assert_eq!(categorical([0.0, 0.0].into_iter(), &mut rng), 0, "argmax of nothing true");
    }

    #[test]
    fn three_are_drawn_as_any_number_is() {
        let (mut one, mut other) = (Generator::new(4), Generator::new(4));
        for weights in [[0.2, 0.0, 0.8], [1.0 / 3.0; 3], [0.0, 1.0, 0.0], [0.1, 0.2, 0.3], [0.0; 3]] {
            for _ in 0..1000 {
                assert_eq!(
                    one_of_three(weights, &mut one),
                    categorical(weights.into_iter(), &mut other),
                    "{weights:?}"
                );
            }
        }
    }

    #[test]
    fn edges_hold() {
        let grid = Grid { rows: 2, columns: 3 };
        let around = |cell| [NORTH, EAST, SOUTH, WEST].map(|direction| grid.neighbor(cell, direction));
        assert_eq!(around(0), [0, 1, 3, 0]);
        assert_eq!(around(5), [2, 5, 5, 4]);
    }
}
