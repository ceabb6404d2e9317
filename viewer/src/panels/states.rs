//! Maps over states that are counted: a colored cell for each, where it is in a grid or else in the order of the numbers.

use eframe::egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::spaces::States;
use crate::theme::Theme;

/// More states than these are not shown side by side.
pub(super) const MOST: usize = 1024;
/// The largest side of a cell, in points.
const LARGEST: f32 = 72.0;
/// From this side on a cell has words in it, in points.
pub(super) const WORDS_FROM: f32 = 30.0;

/// Cells row by row from the upper left, and which state each shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cells {
    columns: usize,
    /// The place of the first cell's state among the states, and how far it is to the next one's.
    first: usize,
    stride: usize,
    count: usize,
    /// Whether rows and columns mean something.
    pub(super) grid: bool,
}

impl Cells {
    /// A cell for every state.
    pub(super) fn all(states: States) -> Self {
        let grid = states.grid.filter(|_| states.to_a_cell() == 1);
        let columns = match grid {
            Some([_, columns]) => columns,
            None if states.count <= 100 => states.count.clamp(1, 10),
            None => 25,
        };
        Self { columns, first: 0, stride: 1, count: states.count, grid: grid.is_some() }
    }

    /// The cells of the grid, each with the state that is otherwise as the one in place `now` is; without a grid, all.
    pub(super) fn around(states: States, now: usize) -> Self {
        let Some([rows, columns]) = states.grid else { return Self::all(states) };
        let stride = states.to_a_cell();
        Self { columns, first: now % stride, stride, count: rows * columns, grid: true }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The place of the state that a cell shows.
    pub(super) fn state(&self, cell: usize) -> usize {
        self.first + cell * self.stride
    }

    /// The cell that a state, or one that is otherwise the same, is shown in.
    pub(super) fn cell(&self, state: usize) -> usize {
        state / self.stride
    }
}

/// Where cells are in the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Board {
    rect: Rect,
    columns: usize,
    count: usize,
    /// Of a cell.
    pub(super) side: f32,
}

impl Board {
    /// As large as there is room, or as `height` allows.
    pub(super) fn place(ui: &Ui, cells: &Cells, height: f32) -> Self {
        let room = ui.available_rect_before_wrap();
        let (columns, rows) = (cells.columns as f32, cells.count.div_ceil(cells.columns) as f32);
        let side = (room.width() / columns).min(height.min(room.height()) / rows).clamp(3.0, LARGEST);
        let rect = Rect::from_min_size(room.min, vec2(columns * side, rows * side));
        Self { rect, columns: cells.columns, count: cells.count, side }
    }

    /// Where a cell is.
    pub(super) fn cell(&self, cell: usize) -> Rect {
        let (column, row) = ((cell % self.columns) as f32, (cell / self.columns) as f32);
        let corner = self.rect.min + vec2(column, row) * self.side;
        Rect::from_min_size(corner, vec2(self.side, self.side)).shrink(if self.side > 8.0 { 0.5 } else { 0.0 })
    }

    /// The cell that is there.
    pub(super) fn at(&self, place: Pos2) -> Option<usize> {
        if !self.rect.contains(place) {
            return None;
        }
        let along = |from: f32| (from / self.side) as usize;
        let column = along(place.x - self.rect.left()).min(self.columns - 1);
        Some(along(place.y - self.rect.top()) * self.columns + column).filter(|cell| *cell < self.count)
    }

    /// Paints a color into each cell, and answers what is done with the map.
    pub(super) fn paint(
        &self,
        ui: &mut Ui,
        name: &str,
        sense: Sense,
        color: impl Fn(usize) -> Color32,
    ) -> (Response, Painter) {
        let theme = Theme::of(ui);
        let role = if sense.senses_click() { Role::Button } else { Role::Image };
        let response = ui.interact(self.rect, ui.scope_id().with(name), sense);
        response.widget_info(|| WidgetInfo::labeled(role, true, name));
        let painter = ui.painter_at(self.rect.expand(1.0));
        for cell in 0..self.count {
            let place = self.cell(cell);
            painter.rect_filled(place, 1.0, theme.well);
            painter.rect_filled(place, 1.0, color(cell));
        }
        ui.advance_cursor_after_rect(self.rect.expand2(vec2(0.0, 4.0)));
        (response, painter)
    }

    /// Writes into the upper or the lower part of a cell, if it is large enough.
    pub(super) fn write(&self, painter: &Painter, cell: usize, upper: bool, words: &str, theme: &Theme) {
        if self.side < WORDS_FROM {
            return;
        }
        let place = self.cell(cell);
        let (y, align) =
            if upper { (place.top() + 1.0, Align2::CENTER_TOP) } else { (place.bottom() - 1.0, Align2::CENTER_BOTTOM) };
        painter.text(pos2(place.center().x, y), align, words, FontId::proportional(9.5), theme.arrow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAKE: States = States { count: 16, first: 0, grid: Some([4, 4]) };
    const TAXI: States = States { count: 500, first: 0, grid: Some([5, 5]) };

    #[test]
    fn states_are_where_they_are_in_their_grid() {
        let lake = Cells::around(LAKE, 6);
        assert_eq!((lake.len(), lake.state(6), lake.cell(6)), (16, 6, 6));
        assert_eq!(lake, Cells::all(LAKE));
        // A passenger who waits for the taxi and where to go are as they are now.
        let taxi = Cells::around(TAXI, 123);
        assert_eq!((taxi.len(), taxi.cell(123), taxi.state(6), taxi.state(24)), (25, 6, 123, 483));
        assert_eq!((Cells::all(TAXI).len(), Cells::all(TAXI).grid), (500, false));
        let plain = Cells::around(States { count: 7, first: 0, grid: None }, 3);
        assert_eq!((plain.len(), plain.cell(6), plain.grid), (7, 6, false));
    }

    #[test]
    fn places_and_cells_agree() {
        let rect = Rect::from_min_size(pos2(10.0, 20.0), vec2(100.0, 30.0));
        let board = Board { rect, columns: 10, count: 25, side: 10.0 };
        for cell in [0, 9, 10, 24] {
            assert_eq!(board.at(board.cell(cell).center()), Some(cell));
        }
        assert_eq!((board.at(pos2(109.0, 49.0)), board.at(pos2(9.0, 25.0))), (None, None));
    }
}
