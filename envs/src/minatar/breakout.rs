//! Breakout: keep a ball in play with a paddle, and break the rows of bricks above.
//!
//! As MinAtar 1.0.15 computes it.
//!
//! | | |
//! |---|---|
//! | Action (v1) | `Discrete(3)`: 0 does nothing, 1 goes left, 2 right |
//! | Channels | 0 paddle, 1 ball, 2 trail (where the ball was), 3 brick |
//! | Reward | 1 for each brick |
//! | Start | three rows of bricks, the paddle in column 4, the ball at the left or right edge of row 3, falling inwards |
//! | Terminated | the ball reaches the last row beside the paddle |
//! | Difficulty | does not ramp |
//!
//! The ball goes along diagonals. It turns back at walls, bricks and the paddle; a paddle that moves into its way sends it
//! back where it came from. It breaks one brick and passes over others until it leaves them. Once all are broken, three new
//! rows appear when the ball comes to the last row.

use serde::{Deserialize, Serialize};

use super::board::{Board, LAST, Planes, on_grid};
use super::game::{MinAtarAction, MinAtarGame};
use crate::{Generator, Rgba, Step};

const PADDLE: usize = 0;
const BALL: usize = 1;
const TRAIL: usize = 2;
const BRICK: usize = 3;

const BRICKS: Board = Board::rectangle(0..10, 1..4);

/// The state of Breakout; see the module's table in the source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Breakout {
    paddle: i8,
    x: i8,
    y: i8,
    dx: i8,
    dy: i8,
    last_x: i8,
    last_y: i8,
    bricks: Board,
    /// Whether the ball is on bricks after breaking one.
    is_striking: bool,
}

impl MinAtarGame for Breakout {
    const COLORS: &'static [Rgba] =
        &[Rgba::rgb(90, 170, 255), Rgba::rgb(250, 250, 250), Rgba::rgb(110, 110, 125), Rgba::rgb(220, 100, 70)];

    const ACTIONS: &'static [MinAtarAction] = &[MinAtarAction::Noop, MinAtarAction::Left, MinAtarAction::Right];

    fn reset(&mut self, rng: &mut Generator) {
        let [x, dx] = if rng.integer(2) == 0 { [0, 1] } else { [LAST, -1] };
        let y = 3;
        *self = Self { paddle: 4, x, y, dx, dy: 1, last_x: x, last_y: y, bricks: BRICKS, is_striking: false };
    }

    fn step(&mut self, action: MinAtarAction, _ramping: bool, _rng: &mut Generator) -> Step {
        let [aside, _] = action.direction();
        self.paddle = (self.paddle + aside).clamp(0, LAST);

        (self.last_x, self.last_y) = (self.x, self.y);
        let (mut x, mut y) = (self.x + self.dx, self.y + self.dy);
        if !on_grid(x) {
            x = x.clamp(0, LAST);
            self.dx = -self.dx;
        }
        let mut reward = 0.0;
        let mut terminated = false;
        let mut on_brick = false;
        if y < 0 {
            y = 0;
            self.dy = -self.dy;
        } else if self.bricks.contains(x, y) {
            on_brick = true;
            if !self.is_striking {
                reward = 1.0;
                self.bricks.remove(x, y);
                y = self.last_y;
                self.dy = -self.dy;
            }
        } else if y == LAST {
            if self.bricks.is_empty() {
                self.bricks = BRICKS;
            }
            if self.last_x == self.paddle {
                y = self.last_y;
                self.dy = -self.dy;
            } else if x == self.paddle {
                y = self.last_y;
                (self.dx, self.dy) = (-self.dx, -self.dy);
            } else {
                terminated = true;
            }
        }
        self.is_striking = on_brick;
        (self.x, self.y) = (x, y);
        Step { reward, terminated, truncated: false }
    }

    fn observe(&self, planes: &mut Planes<'_>) {
        planes.set(PADDLE, self.paddle, LAST);
        planes.set(BALL, self.x, self.y);
        planes.set(TRAIL, self.last_x, self.last_y);
        planes.set_all(BRICK, self.bricks);
    }

    fn is_possible(&self) -> bool {
        [self.paddle, self.x, self.last_x, self.last_y].into_iter().all(on_grid)
            && on_grid(self.y)
            && self.dx.abs() == 1
            && self.dy.abs() == 1
            && self.bricks.is_possible()
    }
}
