//! Grids of ten by ten cells: as sets of cells, and as the planes of an observation.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Cells along each side of the grid.
pub(super) const SIDE: i8 = 10;

/// The last row and the last column.
pub(super) const LAST: i8 = SIDE - 1;

/// Whether a column or row is on the grid.
pub(super) fn on_grid(coordinate: i8) -> bool {
    (0..SIDE).contains(&coordinate)
}

/// An observation to be written: one plane of ten by ten cells for each channel, channel last.
#[derive(Debug)]
pub struct Planes<'a> {
    cells: &'a mut [u8],
    channels: usize,
}

impl<'a> Planes<'a> {
    /// The planes of a row of 100 times `channels` bytes, all of them empty.
    pub(super) fn cleared(cells: &'a mut [u8], channels: usize) -> Self {
        cells.fill(0);
        Self { cells, channels }
    }

    /// Marks the cell in column `x` and row `y`, from the upper left. What lies off the grid is not seen.
    #[inline]
    pub fn set(&mut self, channel: usize, x: i8, y: i8) {
        if on_grid(x) && on_grid(y) {
            self.cells[(y as usize * SIDE as usize + x as usize) * self.channels + channel] = 1;
        }
    }

    /// Marks every cell of `board`.
    #[inline]
    pub(super) fn set_all(&mut self, channel: usize, board: Board) {
        let mut rest = board.0;
        while rest != 0 {
            self.cells[rest.trailing_zeros() as usize * self.channels + channel] = 1;
            rest &= rest - 1;
        }
    }
}

/// A set of cells: bit `10 * y + x` for column `x` and row `y`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Board(u128);

impl Board {
    const ALL: u128 = (1 << 100) - 1;
    const LEFT_COLUMN: u128 = Self::ALL / ((1 << 10) - 1);

    /// A rectangle of cells.
    pub(super) const fn rectangle(columns: Range<u32>, rows: Range<u32>) -> Self {
        let row = (1 << columns.end) - (1 << columns.start);
        let rows = (1 << (10 * rows.end)) - (1 << (10 * rows.start));
        Self(Self::LEFT_COLUMN * row & rows)
    }

    fn bit(x: i8, y: i8) -> u128 {
        debug_assert!(on_grid(x) && on_grid(y));
        1 << (y * SIDE + x)
    }

    #[inline]
    pub(super) fn contains(self, x: i8, y: i8) -> bool {
        self.0 & Self::bit(x, y) != 0
    }

    #[inline]
    pub(super) fn insert(&mut self, x: i8, y: i8) {
        self.0 |= Self::bit(x, y);
    }

    #[inline]
    pub(super) fn remove(&mut self, x: i8, y: i8) {
        self.0 &= !Self::bit(x, y);
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// The cells of column `x`.
    pub(super) fn column(self, x: i8) -> Self {
        Self(self.0 & Self::LEFT_COLUMN << x)
    }

    /// The cells of row `y`.
    pub(super) fn row(self, y: i8) -> Self {
        Self(self.0 & 0x3ff << (y * SIDE))
    }

    /// The lowest row that has a cell.
    pub(super) fn lowest_row(self) -> Option<i8> {
        (0..SIDE).rev().find(|y| !self.row(*y).is_empty())
    }

    /// The cells of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The cells that are not of the other.
    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// All cells a row up; the first row leaves the grid.
    pub(super) fn up(self) -> Self {
        Self(self.0 >> SIDE)
    }

    /// All cells a row down; the last row leaves the grid.
    pub(super) fn down(self) -> Self {
        Self(self.0 << SIDE & Self::ALL)
    }

    /// All cells a row down; the last row comes round to the first.
    pub(super) fn down_and_round(self) -> Self {
        Self(self.down().0 | self.0 >> (SIDE * LAST))
    }

    /// All cells a column to the left (-1) or right (1). None may be at that edge.
    pub(super) fn sideways(self, dx: i8) -> Self {
        Self(if dx < 0 { self.0 >> 1 } else { self.0 << 1 })
    }

    /// Whether no bit stands for a cell off the grid.
    pub(super) fn is_possible(self) -> bool {
        self.0 & !Self::ALL == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_move_and_leave() {
        let board = Board::rectangle(2..8, 0..4);
        assert_eq!(board.count(), 24);
        assert!(board.contains(2, 0) && board.contains(7, 3) && !board.contains(8, 3) && !board.contains(2, 4));
        assert_eq!(board.up().count(), 18);
        assert!(board.down().contains(7, 4) && board.down().row(0).is_empty());
        assert_eq!(board.sideways(-1).column(1).count(), 4);
        assert_eq!((board.lowest_row(), Board::default().lowest_row()), (Some(3), None));
        assert_eq!(Board::rectangle(0..10, 9..10).down(), Board::default());
    }

    #[test]
    fn planes_are_channel_last() {
        let mut cells = [7; 300];
        let mut planes = Planes::cleared(&mut cells, 3);
        planes.set(1, 4, 2);
        planes.set(0, -1, 0);
        planes.set(0, 0, SIDE);
        planes.set_all(2, Board::rectangle(9..10, 9..10));
        let ones: Vec<_> = (0..300).filter(|i| cells[*i] == 1).collect();
        assert_eq!(ones, [(20 + 4) * 3 + 1, 299]);
    }
}
