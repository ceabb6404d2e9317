//! What a step along the cliff may lead to.

use crate::toy_text::tabular::{Direction, EAST, Grid, NORTH, SOUTH, Transition, Transitions, WEST, slips};

pub(super) const GRID: Grid = Grid { rows: 4, columns: 12 };
pub(super) const START: i32 = 36;
pub(super) const GOAL: i32 = 47;

/// Where the actions lead.
const DIRECTIONS: [Direction; 4] = [NORTH, EAST, SOUTH, WEST];

/// Whether the ground falls away at a cell: between start and goal.
pub(super) fn is_cliff(cell: i32) -> bool {
    START < cell && cell < GOAL
}

/// `P[state][action]` of Gymnasium.
pub(super) fn transitions(is_slippery: bool, state: i32, action: usize) -> Transitions {
    let step = |probability, direction: usize| {
        let state = GRID.neighbor(state, DIRECTIONS[direction]);
        if is_cliff(state) {
            Transition { probability, state: START, reward: -100.0, terminated: false }
        } else {
            Transition { probability, state, reward: -1.0, terminated: state == GOAL }
        }
    };
    if is_slippery {
        Transitions::OneOf(slips(action).map(|slip| step(1.0 / 3.0, slip)))
    } else {
        Transitions::Certain(step(1.0, action))
    }
}
