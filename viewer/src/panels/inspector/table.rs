//! The numbers of an observation, one a line: name, value, where it is in what was seen, and its saliency.

use cartwheel_envs::Row;
use eframe::egui::{Align2, Color32, FontId, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};

use crate::number::short;
use crate::observation::Field;
use crate::panels::seen::Seen;
use crate::text;
use crate::theme::Theme;

/// The height of a line, in points.
const LINE: f32 = 18.0;

/// See the module's documentation.
pub(super) struct Table<'a> {
    pub(super) fields: &'a [Field],
    pub(super) numbers: Row<'a>,
    pub(super) seen: &'a Seen,
    /// Of each number, or empty.
    pub(super) saliency: &'a [f32],
}

impl Table<'_> {
    /// Paints the lines that are in sight, in so much height.
    pub(super) fn ui(&self, ui: &mut Ui, height: f32) {
        let theme = Theme::of(ui);
        let greatest = self.saliency.iter().copied().fold(0.0, f32::max);
        heads(ui);
        let area = ScrollArea::vertical().id_salt("observation").max_height(height);
        area.show_rows(ui, LINE, self.fields.len(), |ui, lines| {
            for i in lines {
                self.line(ui, i, greatest, theme);
            }
        });
    }

    fn line(&self, ui: &mut Ui, i: usize, greatest: f32, theme: &Theme) {
        let (line, response) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::hover());
        let value = self.numbers.number(i);
        let name = &self.fields[i].name;
        let saliency = self.saliency.get(i).copied();
        let range = self.seen.range(i);
        let words = || {
            let mut words = format!("{name} {}", short(value));
            if let Some([low, high]) = range {
                words += &format!(", {} {} {} {}", text::SEEN, short(low.into()), text::TO, short(high.into()));
            }
            if let Some(saliency) = saliency {
                words += &format!(", {} {}", text::SALIENCY, short(saliency.into()));
            }
            words
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words()));
        let [names, values, ranges, saliencies] = columns(line);
        let font = FontId::monospace(12.0);
        let painter = ui.painter();
        ui.painter_at(names).text(names.left_center(), Align2::LEFT_CENTER, name, font.clone(), theme.weak);
        painter.text(values.right_center(), Align2::RIGHT_CENTER, short(value), font, theme.text);
        if let Some([low, high]) = range {
            painter.rect_filled(ranges, 1.0, theme.well);
            let share = if high > low { ((value as f32 - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
            let mark = Rect::from_center_size(
                eframe::egui::pos2(ranges.left() + share * ranges.width(), ranges.center().y),
                vec2(3.0, ranges.height()),
            );
            painter.rect_filled(mark, 1.0, theme.selected);
        }
        if let Some(saliency) = saliency.filter(|saliency| saliency.is_finite() && greatest > 0.0) {
            part(ui, saliencies, saliency / greatest, theme.chosen, theme);
        }
        response.on_hover_text(words());
    }
}

fn part(ui: &Ui, bar: Rect, share: f32, color: Color32, theme: &Theme) {
    ui.painter().rect_filled(bar, 1.0, theme.well);
    let filled = Rect::from_min_size(bar.min, vec2(share * bar.width(), bar.height()));
    ui.painter().rect_filled(filled, 1.0, color);
}

/// Where the name, the value, the range and the saliency are in a line.
fn columns(line: Rect) -> [Rect; 4] {
    let at = |from: f32, to: f32| {
        let (left, width) = (line.left(), line.width());
        Rect::from_x_y_ranges(left + from * width..=left + to * width, line.y_range())
    };
    let bar = |from, to| at(from, to).shrink2(vec2(4.0, 5.0));
    [at(0.0, 0.42), at(0.42, 0.6), bar(0.61, 0.8), bar(0.8, 1.0)]
}

fn heads(ui: &mut Ui) {
    let theme = Theme::of(ui);
    let (line, response) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::hover());
    let [_, _, ranges, saliencies] = columns(line);
    let font = FontId::proportional(11.0);
    let names = columns(line)[0].left_center();
    ui.painter().text(names, Align2::LEFT_CENTER, text::OBSERVATION, font.clone(), theme.weak);
    ui.painter().text(ranges.center(), Align2::CENTER_CENTER, text::SEEN, font.clone(), theme.weak);
    ui.painter().text(saliencies.center(), Align2::CENTER_CENTER, text::SALIENCY, font, theme.weak);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text::OBSERVATION));
    response.on_hover_text(text::SALIENCY_HELP);
}
