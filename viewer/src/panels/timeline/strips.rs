//! Strips of numbers under one cursor.

use cartwheel_envs::Space;
use cartwheel_trainer::watch::ChosenBy;
use eframe::egui::{Align2, CursorIcon, FontId, Painter, Rect, Response, Sense, Ui, WidgetInfo, pos2, vec2};

use super::track::{Kind, Strip, Track, action_at, parts, span};
use crate::number::short;
use crate::spaces::Spaces;
use crate::text;
use crate::theme::Theme;

/// Width of the names beside the strips, and of the numbers behind them, in points.
const NAMES: f32 = 54.0;
const NUMBERS: f32 = 46.0;
/// Where there is less room than this, in points, it is for the strips alone.
const NARROW: f32 = 200.0;
/// Size of these numbers, in points; two lines of them are as high as the lowest strip with both.
const SMALL: f32 = 9.0;
const BOTH: f32 = 19.0;
/// The least height of a strip, in points.
const LEAST: f32 = 10.0;
/// The greatest.
const MOST: f32 = 60.0;
/// Between strips.
const GAP: f32 = 3.0;

/// Shows the strips with the cursor on a step, and answers the step that is clicked or dragged to. Actions are called by
/// the environment's names, where these are known.
pub(super) fn show(ui: &mut Ui, track: &Track, cursor: usize, spaces: Option<&Spaces>) -> Option<usize> {
    let steps = track.len();
    if steps == 0 || track.strips.is_empty() {
        return None;
    }
    let count = track.strips.len() as f32;
    let height = ((ui.available_height() - GAP * count) / count).clamp(LEAST, MOST);
    let numbers = ui.available_width() >= NARROW;
    let beside = NAMES + if numbers { NUMBERS } else { 0.0 };
    let size = vec2(ui.available_width().max(2.0 * NAMES), count * (height + GAP));
    let (area, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let theme = Theme::of(ui);
    let left = area.left() + beside;
    let place = |i: usize| left + (i as f32 + 0.5) / steps as f32 * (area.right() - left);
    for (i, strip) in track.strips.iter().enumerate() {
        let top = area.top() + i as f32 * (height + GAP);
        let rect = Rect::from_min_max(pos2(left, top), pos2(area.right(), top + height));
        ui.painter().text(
            pos2(area.left(), rect.center().y),
            Align2::LEFT_CENTER,
            strip.name,
            FontId::proportional(11.0),
            theme.weak,
        );
        if numbers {
            scale(ui.painter(), rect, strip, spaces, theme);
        }
        paint(ui.painter(), rect, strip, track, theme);
    }
    let x = place(cursor.min(steps - 1));
    ui.painter().vline(x, area.y_range(), (1.5, theme.cursor));
    let at = |x: f32| {
        let share = (x - left) / (area.right() - left);
        ((share.clamp(0.0, 1.0) * steps as f32) as usize).min(steps - 1)
    };
    response.widget_info(|| WidgetInfo::slider(true, cursor as f64, text::STRIPS));
    let pointed = response.interact_pointer_pos().filter(|_| response.clicked() || response.dragged());
    hover(response, track, spaces, &at);
    pointed.map(|point| at(point.x)).filter(|step| *step != cursor)
}

/// The numbers that a strip's lower and upper edge are, where it is high enough for both. Actions that are counted have
/// names, which are told to who points at them.
fn scale(painter: &Painter, rect: Rect, strip: &Strip, spaces: Option<&Spaces>, theme: &Theme) {
    let counted = spaces.is_none_or(|spaces| matches!(spaces.action, Space::Discrete { .. }));
    if rect.height() < BOTH || strip.kind == Kind::Marks && counted || strip.is_empty() {
        return;
    }
    let [low, high] = span(&strip.values, strip.kind);
    let font = FontId::proportional(SMALL);
    let right = rect.left() - 4.0;
    if strip.kind == Kind::Bars && strip.values.iter().flatten().all(|value| *value == 0.0) {
        // Its edges would be numbers that nothing has.
        painter.text(pos2(right, rect.center().y), Align2::RIGHT_CENTER, short(0.0), font, theme.weak);
        return;
    }
    painter.text(pos2(right, rect.top()), Align2::RIGHT_TOP, short(high.into()), font.clone(), theme.weak);
    painter.text(pos2(right, rect.bottom()), Align2::RIGHT_BOTTOM, short(low.into()), font, theme.weak);
}

/// What there is at the step under the pointer.
fn hover(response: Response, track: &Track, spaces: Option<&Spaces>, at: &dyn Fn(f32) -> usize) {
    let Some(point) = response.hover_pos() else { return };
    let step = at(point.x);
    response.on_hover_cursor(CursorIcon::ResizeHorizontal).on_hover_ui_at_pointer(|ui| {
        // Else what was shown first says how wide all that follows may be.
        ui.set_max_width(ui.spacing().tooltip_width);
        ui.label(format!("{} {step}", text::STEP));
        for strip in &track.strips {
            if let Some(value) = strip.values[step] {
                let value = match spaces {
                    Some(spaces) if strip.kind == Kind::Marks => action_at(value, spaces),
                    _ => short(value.into()),
                };
                ui.label(format!("{} {value}", strip.name));
            }
        }
    });
}

fn paint(painter: &Painter, rect: Rect, strip: &Strip, track: &Track, theme: &Theme) {
    painter.rect_filled(rect, 2.0, theme.well);
    if strip.is_empty() {
        // It is known of a step that is followed by the next.
        let at = rect.left_center() + vec2(6.0, 0.0);
        painter.text(at, Align2::LEFT_CENTER, text::SLOW_DOWN, FontId::proportional(SMALL), theme.weak);
    }
    let count = strip.values.len().min(rect.width() as usize).max(1);
    let [low, high] = span(&strip.values, strip.kind);
    let inner = rect.shrink2(vec2(0.0, 1.5));
    let y = |value: f32| inner.bottom() - (value - low) / (high - low) * inner.height();
    let x = |i: usize| rect.left() + i as f32 / count as f32 * rect.width();
    let bar = |i: usize, from: f32, to: f32| {
        let (top, bottom) = (y(from.max(to)), y(from.min(to)));
        // A pixel is the least that is seen.
        let middle = 0.5 * (top + bottom);
        let half = (0.5 * (bottom - top)).max(0.75);
        Rect::from_min_max(pos2(x(i), middle - half), pos2(x(i + 1), middle + half))
    };
    let mut last: Option<[f32; 2]> = None;
    for (i, part) in parts(&strip.values, count).into_iter().enumerate() {
        let Some([least, most]) = part else {
            last = None;
            continue;
        };
        match strip.kind {
            Kind::Line => {
                // Down or up to where the last part ended, so that the line has no gaps.
                let (from, to) = last.map_or((least, most), |[low, high]| (least.min(high), most.max(low)));
                painter.rect_filled(bar(i, from, to), 0.0, theme.series(0));
            }
            Kind::Bars => {
                for (value, color) in [(most.max(0.0), theme.gain), (least.min(0.0), theme.loss)] {
                    if value != 0.0 {
                        painter.rect_filled(bar(i, 0.0, value), 0.0, color);
                    }
                }
            }
            Kind::Marks => {
                let steps = i * track.len() / count..(i + 1) * track.len() / count;
                for value in if least == most { vec![least] } else { vec![least, most] } {
                    let here = || steps.clone().filter(|step| strip.values[*step] == Some(value));
                    let by = here().find_map(|step| track.choosers[step].filter(|by| *by != ChosenBy::Greedy));
                    let color = match by {
                        Some(ChosenBy::Exploration) => theme.explored,
                        Some(ChosenBy::Person) => theme.person,
                        _ => theme.chosen,
                    };
                    painter.rect_filled(bar(i, value, value).expand2(vec2(0.0, 1.0)), 0.0, color);
                }
            }
        }
        last = Some([least, most]);
    }
}
