//! One state, as large as fits, with the value of each action in numbers.

use cartwheel_agents::argmax;
use cartwheel_trainer::watch::{ChosenBy, Judgement};
use eframe::egui::{Label, Rect, RichText, Role, Sense, TextWrapMode, Ui, WidgetInfo};

use super::cell::Cell;
use super::legend::{self, Of};
use crate::command::Action;
use crate::number::short;
use crate::overlays::{self, Scale};
use crate::paint::Detail;
use crate::panels::subject::Subject;
use crate::source::Film;
use crate::spaces::Spaces;
use crate::state::Reins;
use crate::text;
use crate::theme::Theme;

/// The height of the line of actions, in points.
const ACTIONS: f32 = 22.0;
/// The height of the keys over a picture, in points.
const BAND: f32 = 22.0;
/// More actions than these are only bars.
const NAMED_ACTIONS: usize = 12;

/// A live environment, with the keys of who has taken it over; true if it was clicked.
pub(super) fn live(
    ui: &mut Ui,
    subject: Subject<'_>,
    spaces: Option<&Spaces>,
    scale: Scale,
    reins: Option<&Reins>,
) -> bool {
    let cell = Cell { subject, spaces, scale, detail: Detail::Full, selected: true };
    in_a_row(ui, |ui| {
        ui.label(cell.words());
        ui.weak(text::own_episode(subject.episode));
        worth(ui, subject);
        chooser(ui, subject.verdict.chosen_by, text::EXPLORES);
    });
    let (place, legend) = picture_place(ui, subject);
    let clicked = cell.ui(ui, place).clicked();
    if let Some(reins) = reins {
        keys(ui, place, reins);
    }
    ui.advance_cursor_after_rect(place);
    actions(ui, subject, spaces);
    if legend {
        legend::show(ui, Of::Run);
    }
    clicked
}

/// A moment of an episode that is shown again.
pub(super) fn film(ui: &mut Ui, film: &Film, subject: Subject<'_>, spaces: Option<&Spaces>, scale: Scale) {
    let cell = Cell { subject, spaces, scale, detail: Detail::Full, selected: true };
    in_a_row(ui, |ui| {
        ui.label(format!("{} {}", text::EPISODE, subject.episode));
        ui.weak(cell.words());
        if !film.judge.is_empty() {
            ui.weak(format!("{} {}", text::JUDGED_BY, film.judge));
        }
        worth(ui, subject);
        chooser(ui, subject.verdict.chosen_by, text::NOT_THE_BEST);
    });
    let (place, legend) = picture_place(ui, subject);
    let response = ui.interact(place, ui.scope_id().with("film"), Sense::hover());
    let name = || format!("{} {}, {} {}", text::EPISODE, subject.episode, text::STEP, subject.step);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name()));
    cell.picture(ui, response.id, place, Theme::of(ui));
    ui.advance_cursor_after_rect(place);
    actions(ui, subject, spaces);
    if legend {
        legend::show(ui, Of::Film);
    }
}

/// Words beside each other, cut where the room ends: what is wider than the picture would make it wider too.
fn in_a_row(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.style_mut().wrap_mode = Some(TextWrapMode::Truncate);
        add(ui);
    });
}

/// The keys, over the lower edge of the picture.
fn keys(ui: &mut Ui, picture: Rect, reins: &Reins) {
    let theme = Theme::of(ui);
    let give_back = Action::TakeOver.keys();
    // The proportional font has no arrows.
    let words = RichText::new(text::reins(&reins.bindings, &give_back)).monospace().color(theme.person);
    let mut band = picture;
    band.min.y = (band.max.y - BAND).max(band.min.y);
    ui.painter().rect_filled(band, 0.0, theme.well.gamma_multiply(0.9));
    ui.put(band, Label::new(words).truncate());
}

/// Where the picture goes, and whether there is room for the legend under it and anything that it is about.
fn picture_place(ui: &Ui, subject: Subject<'_>) -> (Rect, bool) {
    let mut place = ui.available_rect_before_wrap();
    let judged = *subject.verdict.judgement != Judgement::None;
    let legend = if judged { legend::height(place.height() - ACTIONS) } else { 0.0 };
    place.max.y = (place.max.y - ACTIONS - legend).max(place.min.y);
    (place, legend > 0.0)
}

/// What the state is worth, where no values of actions say it.
fn worth(ui: &mut Ui, subject: Subject<'_>) {
    if let Some(value) = subject.value {
        ui.label(format!("{} {}", text::VALUE, short(value.into()))).on_hover_text(text::VALUE_HINT);
    }
}

/// Who chose the action, where it was not the policy for the best. Of an episode that is shown again is known only that
/// the weights that judge it would have chosen another.
fn chooser(ui: &mut Ui, chosen_by: ChosenBy, explored: &str) {
    let theme = Theme::of(ui);
    match chosen_by {
        ChosenBy::Greedy => {}
        ChosenBy::Exploration => drop(ui.colored_label(theme.explored, explored)),
        ChosenBy::Person => drop(ui.colored_label(theme.person, text::PERSON_PLAYS)),
    }
}

/// The name and the value of each action; the best one is strong, and the one that was taken has its color.
fn actions(ui: &mut Ui, subject: Subject<'_>, spaces: Option<&Spaces>) {
    let theme = Theme::of(ui);
    let values = overlays::values(subject.verdict.judgement);
    if values.is_empty() || values.len() > NAMED_ACTIONS {
        return;
    }
    let best = argmax(values);
    in_a_row(ui, |ui| {
        for (i, value) in values.iter().enumerate() {
            let name = spaces.map_or_else(|| i.to_string(), |spaces| spaces.action_name(i));
            // That of an action which is not valid is no number.
            let shown = if value.is_nan() { text::NO_VALUE.to_owned() } else { short((*value).into()) };
            let words = RichText::new(format!("{name} {shown}"));
            let words = match value.is_nan() {
                true => words.weak(),
                false if i == best => words.strong(),
                false => words,
            };
            let taken = subject.verdict.action == Some(i);
            ui.label(if taken { words.color(subject.verdict.color(theme)) } else { words });
        }
    });
}
