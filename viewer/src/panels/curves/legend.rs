//! The curves' names in their colors: in two rows at most, so that plots keep their room.

use eframe::egui::{FontSelection, RichText, Role, Sense, TextWrapMode, Ui, WidgetInfo, WidgetText, vec2};

use crate::configurations::Group;
use crate::text;
use crate::theme::{self, Theme};

/// Rows; what does not fit is counted.
const ROWS: usize = 2;
/// The widest name, in points; the whole is told to who points at it.
const WIDEST: f32 = 330.0;
/// Width of a piece of a curve.
const SWATCH: f32 = 18.0;
/// Between names.
const GAP: f32 = 12.0;
/// Room for the count of names that did not fit.
const COUNT: f32 = 40.0;

/// Shows the names, with how many runs are averaged where they are.
pub(super) fn show(ui: &mut Ui, groups: &[Group], averaged: bool) {
    let theme = Theme::of(ui);
    let room = ui.available_width();
    let (mut left, mut row) = (room, 1);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        for (i, group) in groups.iter().enumerate() {
            let Some(first) = group.runs.first() else { continue };
            let color = theme.series(*first);
            let seeds = if averaged { format!(" \u{b7} {}", text::seeds(group.runs.len())) } else { String::new() };
            let lay_out = |words: &str, wrap, widest| {
                let words = WidgetText::from(RichText::new(words).color(color));
                words.into_galley(ui, Some(wrap), widest, FontSelection::Default)
            };
            // A long name is cut, and not the count behind it.
            let count = lay_out(&seeds, TextWrapMode::Extend, f32::INFINITY);
            let widest = (room - SWATCH - COUNT).min(WIDEST) - count.size().x;
            let name = lay_out(&group.name, TextWrapMode::Truncate, widest.max(1.0));
            let size = name.size() + vec2(SWATCH + count.size().x, 0.0);
            let more = if row == ROWS { COUNT } else { 0.0 };
            if size.x + more > left {
                (left, row) = (room, row + 1);
            }
            if row > ROWS {
                let others = groups[i..].iter().map(|group| group.name.as_str()).collect::<Vec<_>>().join("\n");
                ui.weak(format!("+{}", groups.len() - i)).on_hover_text(others);
                return;
            }
            left -= size.x + GAP;
            // One widget, so that a piece of curve is never parted from its name.
            let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
            theme::swatch(ui.painter(), *first, rect.left_center(), SWATCH - 5.0, color);
            let behind = rect.left_top() + vec2(SWATCH + name.size().x, 0.0);
            ui.painter().galley(rect.left_top() + vec2(SWATCH, 0.0), name, color);
            ui.painter().galley(behind, count, color);
            let label = format!("{} {}{seeds}", text::CURVE_OF, group.name);
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &label));
            response.on_hover_text(&group.whole);
        }
    });
}
