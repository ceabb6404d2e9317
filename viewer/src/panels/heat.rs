//! Maps over two numbers of an observation: their place in the window, their colors, and the choice of the numbers.

use std::f32::consts::FRAC_PI_2;

use eframe::egui::epaint::TextShape;
use eframe::egui::{
    Align2, Color32, ColorImage, ComboBox, FontId, Id, Painter, Pos2, Rect, Ui, pos2, remap, remap_clamp, vec2,
};

use crate::number::short;
use crate::observation::Field;
use crate::paint::paint_image;
use crate::text;
use crate::theme::Theme;

/// A rectangle of the window that stands for ranges of two numbers: the first to the right, the second upwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plane {
    pub(super) rect: Rect,
    pub(super) ranges: [[f32; 2]; 2],
}

impl Plane {
    /// Where two numbers are; beyond the rectangle if they are beyond the ranges.
    pub(super) fn at(&self, [x, y]: [f32; 2]) -> Pos2 {
        let [across, up] = self.ranges;
        pos2(
            remap(x, across[0]..=across[1], self.rect.left()..=self.rect.right()),
            remap(y, up[0]..=up[1], self.rect.bottom()..=self.rect.top()),
        )
    }

    /// The cell under a place, of so many columns and rows: column and row, the row of the least numbers first.
    pub(super) fn cell(&self, place: Pos2, [columns, rows]: [u32; 2]) -> Option<(u32, u32)> {
        if !self.rect.contains(place) || columns == 0 || rows == 0 {
            return None;
        }
        let along = |share: f32, count: u32| ((share * count as f32) as u32).min(count - 1);
        let column = along(remap_clamp(place.x, self.rect.x_range(), 0.0..=1.0), columns);
        let row = along(1.0 - remap_clamp(place.y, self.rect.y_range(), 0.0..=1.0), rows);
        Some((column, row))
    }

    /// The rectangle of a cell.
    pub(super) fn cell_rect(&self, (column, row): (u32, u32), [columns, rows]: [u32; 2]) -> Rect {
        let size = vec2(self.rect.width() / columns as f32, self.rect.height() / rows as f32);
        let corner = pos2(self.rect.left() + column as f32 * size.x, self.rect.bottom() - (row + 1) as f32 * size.y);
        Rect::from_min_size(corner, size)
    }

    /// Paints colors cell by cell, row by row from the row of the least numbers on; kept under `id`.
    pub(super) fn paint(&self, painter: &Painter, id: Id, columns: usize, colors: impl Iterator<Item = Color32>) {
        let pixels: Vec<_> = colors.collect();
        if columns == 0 || pixels.is_empty() || pixels.len() % columns != 0 {
            return;
        }
        let upwards = pixels.chunks_exact(columns).rev().flatten().copied().collect();
        let image = ColorImage::new([columns, pixels.len() / columns], upwards);
        paint_image(painter, id, self.rect, image);
    }

    /// Paints the names of the two numbers and the ends of their ranges along the lower and the left edge.
    pub(super) fn paint_axes(&self, painter: &Painter, names: [&str; 2], theme: &Theme) {
        let font = FontId::proportional(11.0);
        let write = |at: Pos2, align: Align2, words: String| {
            painter.text(at, align, words, font.clone(), theme.weak);
        };
        let Rect { min, max } = self.rect;
        let below = max.y + 2.0;
        let [across, up] = self.ranges.map(|range| range.map(|end| short(end.into())));
        write(pos2(min.x, below), Align2::LEFT_TOP, across[0].clone());
        write(pos2(self.rect.center().x, below), Align2::CENTER_TOP, names[0].to_owned());
        write(pos2(max.x, below), Align2::RIGHT_TOP, across[1].clone());
        let beside = min.x - 4.0;
        write(pos2(beside, max.y), Align2::RIGHT_BOTTOM, up[0].clone());
        // Names are long: upwards there is room.
        let name = painter.layout_no_wrap(names[1].to_owned(), font.clone(), theme.weak);
        let corner = pos2(beside - name.size().y, self.rect.center().y + 0.5 * name.size().x);
        painter.add(TextShape::new(corner, name, theme.weak).with_angle(-FRAC_PI_2));
        write(pos2(beside, min.y), Align2::RIGHT_TOP, up[1].clone());
    }
}

/// Room for a map below what is in `ui` already: square, with space for the words along its edges.
pub(super) fn place(ui: &Ui) -> Rect {
    let room = ui.available_rect_before_wrap();
    let side = (room.width() - 70.0).min(room.height() - 20.0).clamp(40.0, 480.0);
    Rect::from_min_size(room.min + vec2(60.0, 0.0), vec2(side, side))
}

/// Lets the user choose the two numbers.
pub(super) fn choose_axes(ui: &mut Ui, axes: &mut [usize; 2], fields: &[Field]) {
    for (axis, label) in axes.iter_mut().zip([text::ACROSS, text::UP]) {
        *axis = (*axis).min(fields.len().saturating_sub(1));
        let name = fields.get(*axis).map_or("", |field| &field.name);
        ComboBox::from_label(label).selected_text(name).show_ui(ui, |ui| {
            for (i, field) in fields.iter().enumerate() {
                ui.selectable_value(axis, i, &field.name);
            }
        });
    }
}

/// A strip of colors between two values, with a word for what they are.
pub(super) fn legend(ui: &mut Ui, what: &str, [low, high]: [f32; 2]) {
    let theme = Theme::of(ui);
    ui.weak(what);
    ui.label(short(low.into()));
    let (rect, _) = ui.allocate_exact_size(vec2(80.0, 10.0), eframe::egui::Sense::hover());
    let count = 40;
    for i in 0..count {
        let share = i as f32 / count as f32;
        let left = rect.left() + share * rect.width();
        let piece = Rect::from_min_size(pos2(left, rect.top()), vec2(rect.width() / count as f32 + 0.5, rect.height()));
        ui.painter().rect_filled(piece, 0.0, theme.heat(share));
    }
    ui.label(short(high.into()));
}

/// The least and the greatest of the finite values; none if there are none.
pub(super) fn range(values: impl Iterator<Item = f32>) -> Option<[f32; 2]> {
    let finite = values.filter(|value| value.is_finite());
    finite.fold(None, |range, value| {
        let [low, high] = range.unwrap_or([value; 2]);
        Some([low.min(value), high.max(value)])
    })
}

/// Where a value is in a range, from 0 to 1; NaN stays.
pub(super) fn share(value: f32, [low, high]: [f32; 2]) -> f32 {
    if value.is_nan() || high > low { (value - low) / (high - low) } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANE: Plane =
        Plane { rect: Rect { min: pos2(100.0, 50.0), max: pos2(300.0, 150.0) }, ranges: [[-1.0, 1.0], [0.0, 10.0]] };

    #[test]
    fn places_and_cells_agree() {
        assert_eq!(PLANE.at([-1.0, 0.0]), pos2(100.0, 150.0));
        assert_eq!(PLANE.at([0.0, 10.0]), pos2(200.0, 50.0));
        let bins = [4, 5];
        assert_eq!(PLANE.cell(PLANE.at([-0.9, 0.5]), bins), Some((0, 0)));
        assert_eq!(PLANE.cell(PLANE.at([0.99, 9.9]), bins), Some((3, 4)));
        assert_eq!(PLANE.cell(PLANE.at([1.0, 10.0]), bins), Some((3, 4)));
        assert_eq!(PLANE.cell(pos2(99.0, 60.0), bins), None);
        for cell in [(0, 0), (3, 4), (2, 1)] {
            assert_eq!(PLANE.cell(PLANE.cell_rect(cell, bins).center(), bins), Some(cell));
        }
    }

    #[test]
    fn ranges_pass_over_what_is_not_there() {
        assert_eq!(range([f32::NAN, 2.0, -1.0, f32::INFINITY].into_iter()), Some([-1.0, 2.0]));
        assert_eq!(range([f32::NAN].into_iter()), None);
        assert_eq!(share(3.0, [1.0, 5.0]), 0.5);
        assert_eq!(share(1.0, [1.0, 1.0]), 0.5);
        assert!(share(f32::NAN, [1.0, 1.0]).is_nan());
    }
}
