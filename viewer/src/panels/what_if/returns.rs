//! The returns of the branches and of the episode that they leave, step by step under one cursor.

use eframe::egui::{Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::is_of;
use crate::command::{Command, Commands};
use crate::model::{Driven, Model};
use crate::source::{Branch, Film, Moment};
use crate::text;
use crate::theme::Theme;

/// Height of the plot, in points.
const HEIGHT: f32 = 64.0;

/// One line: the step that it begins with, and its moments.
type Line<'a> = (u32, &'a [Moment]);

/// What is shown: from which step to which, from which return to which.
struct Extent {
    steps: (u32, u32),
    returns: (f64, f64),
}

/// Shows the branches of the episode that `branch` is of, and the episode itself from where the first of them leaves it.
pub(super) fn show(ui: &mut Ui, branch: &Branch, model: &Model, film: Option<&Film>, commands: &mut Commands) {
    let theme = Theme::of(ui);
    let same = |other: &&Branch| {
        let place = |of: &Branch| (of.question.run, of.question.episode);
        place(other) == place(branch)
    };
    let branches: Vec<&Branch> = model.branches.iter().map(AsRef::as_ref).filter(same).collect();
    let first = branches.iter().map(|branch| branch.question.from).min().unwrap_or_default();
    let lines = branches.iter().map(|branch| (branch.question.from, branch.moments.as_slice()));
    let episode: Option<Line<'_>> =
        film.filter(|film| is_of(branch, film)).and_then(|film| Some((first, film.moments.get(first as usize..)?)));
    let Some(extent) = extent(lines.chain(episode)) else { return };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, text::RETURNS_SO_FAR));
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 2.0, theme.well);
    let inside = rect.shrink(3.0);
    if let Some((from, moments)) = episode {
        draw(&painter, inside, &extent, from, moments, Stroke::new(2.0, theme.weak));
    }
    for other in &branches {
        let number = other.question.branch;
        let width = if number == branch.question.branch { 2.5 } else { 1.0 };
        let stroke = Stroke::new(width, theme.series(number as usize));
        draw(&painter, inside, &extent, other.question.from, &other.moments, stroke);
    }
    let at = extent.x(inside, branch.question.from + model.branch_at.cursor);
    painter.vline(at, rect.y_range(), Stroke::new(1.0, theme.cursor));
    if (response.clicked() || response.dragged())
        && let Some(place) = response.interact_pointer_pos()
    {
        let step = extent.step(inside, place.x).saturating_sub(branch.question.from);
        commands.push(Command::SeekIn(Driven::Branch, step.min(branch.last_step())));
    }
    response.on_hover_text(text::RETURNS_SO_FAR_HINT);
}

/// Around all lines; nothing if there is no step on any.
fn extent<'a>(lines: impl Iterator<Item = Line<'a>>) -> Option<Extent> {
    let mut around: Option<Extent> = None;
    for (from, moments) in lines {
        for (step, moment) in (from..).zip(moments) {
            let Extent { steps, returns } =
                around.unwrap_or(Extent { steps: (step, step), returns: (moment.return_, moment.return_) });
            around = Some(Extent {
                steps: (steps.0.min(step), steps.1.max(step)),
                returns: (returns.0.min(moment.return_), returns.1.max(moment.return_)),
            });
        }
    }
    around
}

impl Extent {
    fn x(&self, rect: Rect, step: u32) -> f32 {
        let (first, last) = self.steps;
        let share = step.saturating_sub(first) as f32 / (last - first).max(1) as f32;
        rect.left() + share * rect.width()
    }

    fn step(&self, rect: Rect, x: f32) -> u32 {
        let (first, last) = self.steps;
        let share = ((x - rect.left()) / rect.width()).clamp(0.0, 1.0);
        first + (share * (last - first) as f32).round() as u32
    }

    fn y(&self, rect: Rect, return_: f64) -> f32 {
        let (low, high) = self.returns;
        let share = if high > low { (return_ - low) / (high - low) } else { 0.5 };
        rect.bottom() - share as f32 * rect.height()
    }
}

/// A line through as many of its moments as there are points across; the last is always one.
fn draw(painter: &eframe::egui::Painter, rect: Rect, extent: &Extent, from: u32, moments: &[Moment], stroke: Stroke) {
    let every = moments.len() / (rect.width() as usize).max(1) + 1;
    let last = moments.len().saturating_sub(1);
    let shown = (0..moments.len()).filter(|place| place % every == 0 || *place == last);
    let point = |place: usize| pos2(extent.x(rect, from + place as u32), extent.y(rect, moments[place].return_));
    let points: Vec<_> = shown.map(point).collect();
    if let [point] = points[..] {
        painter.circle_filled(point, stroke.width, stroke.color);
    }
    painter.line(points, stroke);
}
