//! Where pictures of equal shape go, as large as they can be.

use eframe::egui::{Rect, Vec2, vec2};

/// Cells side by side and one under another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    area: Rect,
    columns: usize,
    cell: Vec2,
}

/// Pictures may be so much smaller than the largest for a grid with fewer empty places.
const NEARLY: f32 = 0.93;

impl Grid {
    /// The grid of `count` cells in `area` that makes pictures of this `aspect` (width to height) largest, when each has
    /// `caption` points of text under it; or nearly so and fuller.
    pub(super) fn fit(count: usize, area: Rect, aspect: f32, caption: f32) -> Self {
        let count = count.max(1);
        let cell = |columns: usize| {
            let rows = count.div_ceil(columns);
            vec2(area.width() / columns as f32, area.height() / rows as f32)
        };
        let picture_width = |columns: usize| {
            let cell = cell(columns);
            cell.x.min((cell.y - caption).max(0.0) * aspect)
        };
        let largest = (1..=count).map(picture_width).fold(0.0, f32::max);
        let good = (1..=count).filter(|columns| picture_width(*columns) >= NEARLY * largest);
        let columns = good.min_by_key(|columns| count.div_ceil(*columns) * columns - count).unwrap_or(1);
        Self { area, columns, cell: cell(columns) }
    }

    /// The place of a cell.
    pub(super) fn cell(&self, i: usize) -> Rect {
        let (column, row) = ((i % self.columns) as f32, (i / self.columns) as f32);
        Rect::from_min_size(self.area.min + vec2(column * self.cell.x, row * self.cell.y), self.cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::pos2;

    #[test]
    fn the_largest_pictures_win() {
        let area = Rect::from_min_size(pos2(10.0, 10.0), vec2(800.0, 400.0));
        let columns = |count, aspect| Grid::fit(count, area, aspect, 0.0).columns;
        assert_eq!(columns(1, 1.0), 1);
        assert_eq!(columns(2, 1.0), 2);
        assert_eq!(columns(8, 1.0), 4);
        assert_eq!(columns(2, 4.0), 1);
        assert_eq!(columns(256, 2.0), 16);
        assert_eq!(columns(0, 1.0), 1);
        // Seven columns would be as large, with six empty places.
        let nearly = Rect::from_min_size(pos2(0.0, 0.0), vec2(880.0, 540.0));
        let grid = Grid::fit(64, nearly, 1.7, 0.0);
        assert_eq!(64 % grid.columns, 0, "{grid:?}");
    }

    #[test]
    fn cells_fill_the_area_and_nothing_beyond() {
        let area = Rect::from_min_size(pos2(10.0, 10.0), vec2(300.0, 500.0));
        for count in [1, 3, 16, 64, 100, 256] {
            let grid = Grid::fit(count, area, 2.6, 16.0);
            for i in 0..count {
                assert!(area.expand(0.1).contains_rect(grid.cell(i)), "{count} {i}");
                assert!(i == 0 || !grid.cell(i).shrink(0.1).intersects(grid.cell(i - 1).shrink(0.1)));
            }
        }
    }
}
