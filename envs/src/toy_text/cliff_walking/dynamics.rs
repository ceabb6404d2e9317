//! What a step along the cliff may lead to.

use crate::Generator;
use crate::toy_text::tabular::{Direction, EAST, Grid, NORTH, SOUTH, Transition, WEST, certain, slip};

pub(super) const GRID: Grid = Grid { rows: 4, columns: 12 };
pub(super) const START: i32 = 36;
pub(super) const GOAL: i32 = 47;

/// Where the actions lead.
const DIRECTIONS: [Direction; 4] = [NORTH, EAST, SOUTH, WEST];

/// Whether the ground falls away at a cell: between start and goal.
#[inline]
pub(super) fn is_cliff(cell: i32) -> bool {
    START < cell && cell < GOAL
}

/// One of what `P[state][action]` of Gymnasium lists.
#[inline]
pub(super) fn transition(is_slippery: bool, state: i32, action: usize, rng: &mut Generator) -> Transition {
    let (direction, probability) = if is_slippery {
        slip(action, 1.0 / 3.0, 1.0 / 3.0, rng)
    } else {
        certain(rng);
        (action, 1.0)
    };
    let state = GRID.neighbor(state, DIRECTIONS[direction]);
    if is_cliff(state) {
        Transition { probability, state: START, reward: -100.0, terminated: false }
    } else {
        Transition { probability, state, reward: -1.0, terminated: state == GOAL }
    }
}
