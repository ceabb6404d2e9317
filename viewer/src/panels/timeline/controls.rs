//! The keys of a player as buttons, and the speed.

use cartwheel_trainer::watch;
use eframe::egui::{Button, ComboBox, Label, RichText, Role, Slider, Ui, WidgetInfo};

use super::icons::{self, Icon};
use crate::command::{Action, Command, Commands};
use crate::model::{Driven, Live};
use crate::panels::{Context, break_unless};
use crate::playback::speeds;
use crate::source::{Checkpoint, Film};
use crate::text;
use crate::transport::LIVE_SPEEDS;

/// Width of the speed's slider, in points.
const SLIDER: f32 = 70.0;

/// Width of the choice of weights, in points.
const JUDGE: f32 = 130.0;

/// Shows the buttons for the episode that is shown, or else for the live run.
pub(super) fn show(ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
    let model = context.model;
    ui.horizontal_wrapped(|ui| {
        let moving = match (&model.film, &model.live) {
            (Some(_), _) => model.playing,
            (None, Some(live)) => !live.status.paused,
            (None, None) => false,
        };
        let something = model.film.is_some() || model.live.is_some();
        for (action, icon) in [
            (Action::PreviousEpisode, Icon::Skip { forward: false }),
            (Action::StepBack, Icon::Step { forward: false }),
            (Action::PlayPause, if moving { Icon::Pause } else { Icon::Play }),
            (Action::StepForward, Icon::Step { forward: true }),
            (Action::NextEpisode, Icon::Skip { forward: true }),
        ] {
            let enabled = something || action == Action::PreviousEpisode;
            button(ui, action, icon, enabled, commands);
        }
        match (&model.film, &model.live) {
            (Some(film), _) => film_speed(ui, context, film, commands),
            (None, Some(live)) => live_speed(ui, live, commands),
            (None, None) => {}
        }
        if let Some(film) = &model.film {
            ui.label(text::step_of(model.cursor, film.last_step()));
            if !film.moments.is_empty() {
                judge(ui, film, commands);
            }
            if ui.button(text::LIVE).on_hover_text(Action::GoLive.name()).clicked() {
                commands.push(Command::Do(Action::GoLive));
            }
        } else if let Some(live) = &model.live {
            let looking_back = live.history.at().is_some();
            let label = if looking_back { text::LOOKING_BACK } else { text::IS_LIVE };
            if ui.selectable_label(!looking_back, label).on_hover_text(Action::GoLive.name()).clicked() {
                commands.push(Command::Do(Action::GoLive));
            }
        }
    });
}

/// A button that looks like a player's, and is called by the action's name.
fn button(ui: &mut Ui, action: Action, icon: Icon, enabled: bool, commands: &mut Commands) {
    let response = ui.add_enabled(enabled, Button::new("").min_size([26.0, 20.0].into()));
    icons::paint(ui.painter(), response.rect, icon, ui.style().interact(&response).text_color());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, action.name()));
    let keys = ui.ctx().format_shortcut(&action.shortcut());
    if response.on_hover_text(format!("{} ({keys})", action.name())).clicked() {
        commands.push(Command::ActIn(Driven::Main, action));
    }
}

fn film_speed(ui: &mut Ui, context: Context<'_>, film: &Film, commands: &mut Commands) {
    let speed = context.model.playback_speed;
    let range = speeds(film.real_time);
    if let Some(speed) = slider(ui, speed, range, commands) {
        commands.push(Command::PlaybackSpeed(speed));
    }
    let measured = context.model.measured_playback();
    whole(ui, text::film_speed(speed, film.real_time, measured));
}

fn live_speed(ui: &mut Ui, live: &Live, commands: &mut Commands) {
    let asked = live.status.speed;
    if let Some(speed) = slider(ui, asked.unwrap_or(f32::INFINITY), LIVE_SPEEDS, commands) {
        commands.push(Command::Run(watch::Command::Speed(Some(speed))));
    }
    whole(ui, text::live_speed(asked, live.status.measured_speed));
}

/// A text that is not broken at the end of a row.
fn whole(ui: &mut Ui, words: String) {
    ui.add(Label::new(RichText::new(words).weak()).extend());
}

/// A speed to be dragged, and a button for as fast as it goes.
fn slider(ui: &mut Ui, speed: f32, (least, most): (f32, f32), commands: &mut Commands) -> Option<f32> {
    ui.spacing_mut().slider_width = SLIDER;
    break_unless(ui, SLIDER);
    let mut dragged = speed.clamp(least, most);
    let slider = Slider::new(&mut dragged, least..=most).logarithmic(true).show_value(false);
    let response = ui.add(slider).on_hover_text(text::SPEED);
    response.widget_info(|| WidgetInfo::slider(true, dragged.into(), text::SPEED));
    // Else the arrow keys would go on being the slider's.
    if response.drag_stopped() {
        response.surrender_focus();
    }
    let flat_out = ui.selectable_label(speed.is_infinite(), text::SHORT_FLAT_OUT);
    flat_out.widget_info(|| WidgetInfo::selected(Role::Button, true, speed.is_infinite(), Action::FlatOut.name()));
    if flat_out.on_hover_text(Action::FlatOut.name()).clicked() {
        commands.push(Command::ActIn(Driven::Main, Action::FlatOut));
    }
    (response.changed()).then_some(dragged)
}

/// Whose weights judge the episode.
fn judge(ui: &mut Ui, film: &Film, commands: &mut Commands) {
    let shown = if film.judge.is_empty() { text::NO_WEIGHTS } else { &film.judge };
    break_unless(ui, JUDGE);
    let combo = ComboBox::from_id_salt(text::JUDGE).width(80.0).selected_text(shown).show_ui(ui, |ui| {
        for checkpoint in [Checkpoint::Best, Checkpoint::Latest] {
            let name = checkpoint.name();
            if ui.selectable_label(film.judge == name, &name).clicked() {
                commands.push(Command::JudgeBy(checkpoint));
            }
        }
    });
    combo.response.on_hover_text(text::JUDGE_HINT);
}
