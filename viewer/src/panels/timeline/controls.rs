//! The keys of a player as buttons, and the speed.

use cartwheel_trainer::watch::{self, Status};
use eframe::egui::{Button, ComboBox, Response, Role, Sense, Slider, TextStyle, Ui, WidgetInfo, vec2};

use super::icons::{self, Icon};
use crate::command::{Action, Command, Commands};
use crate::model::{Driven, Live};
use crate::panels::{Context, break_unless};
use crate::playback::speeds;
use crate::source::{Checkpoint, Film};
use crate::text;
use crate::theme::Theme;
use crate::transport::LIVE_SPEEDS;

/// Width of the speed's slider, in points.
const SLIDER: f32 = 70.0;

/// Width of the button that goes to what is live, whatever it says, in points.
const LIVE: f32 = 130.0;

/// Width of the choice of weights, in points.
const JUDGE: f32 = 130.0;

/// With less width than this, in points, it takes more than a row, and with less height there is no room for a second: speeds
/// are told in few words, and the others to who points at them.
const SMALL: [f32; 2] = [770.0, 140.0];
/// Between what is in such a row, in points.
const NEAR: f32 = 4.0;

/// Shows the buttons for the episode that is shown, or else for the live run.
pub(super) fn show(ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
    let model = context.model;
    let small = ui.available_width() < SMALL[0] && ui.available_height() < SMALL[1];
    ui.horizontal_wrapped(|ui| {
        if small {
            ui.spacing_mut().item_spacing.x = NEAR;
        }
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
            (Some(film), _) => film_speed(ui, context, film, small, commands),
            (None, Some(live)) => live_speed(ui, live, small, commands),
            (None, None) => {}
        }
        if let Some(film) = &model.film {
            let last = film.last_step();
            whole(ui, text::step_of(model.cursor, last), &text::step_of(last, last));
            if !film.moments.is_empty() {
                let checkpoints = model.runs.get(film.run).map_or(&[][..], |run| &run.checkpoints);
                judge(ui, film, checkpoints, commands);
            }
            let (label, hint) = match &model.live {
                Some(_) => (text::LIVE, Action::GoLive.name()),
                None => (text::CLOSE_EPISODE, text::CLOSE_EPISODE_HINT),
            };
            let keys = Action::GoLive.keys();
            if ui.button(label).on_hover_text(format!("{hint} ({keys})")).clicked() {
                commands.push(Command::Do(Action::GoLive));
            }
        } else if let Some(live) = &model.live {
            let looking_back = live.history.at().is_some();
            let label = if looking_back { text::LOOKING_BACK } else { text::IS_LIVE };
            let size = vec2(LIVE, ui.spacing().interact_size.y);
            let button = Button::selectable(!looking_back, label).min_size(size);
            if ui.add(button).on_hover_text(Action::GoLive.name()).clicked() {
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
    let keys = action.keys();
    if response.on_hover_text(format!("{} ({keys})", action.name())).clicked() {
        commands.push(Command::ActIn(Driven::Main, action));
    }
}

fn film_speed(ui: &mut Ui, context: Context<'_>, film: &Film, small: bool, commands: &mut Commands) {
    let speed = context.model.playback_speed;
    let range = speeds(film.real_time);
    if let Some(speed) = slider(ui, speed, range, commands) {
        commands.push(Command::PlaybackSpeed(speed));
    }
    let measured = context.model.measured_playback();
    let words = text::film_speed(speed, film.real_time, measured);
    let hint = text::real_time_is(film.real_time);
    if small {
        let multiple = |speed| text::multiple(speed, film.real_time);
        whole(ui, multiple(speed), &multiple(range.1)).on_hover_text(format!("{words}\n{hint}"));
    } else {
        let widest = text::film_speed(range.1, film.real_time, Some(range.1));
        whole(ui, words, &widest).on_hover_text(hint);
    }
}

fn live_speed(ui: &mut Ui, live: &Live, small: bool, commands: &mut Commands) {
    let asked = live.status.speed;
    if let Some(speed) = slider(ui, asked.unwrap_or(f32::INFINITY), LIVE_SPEEDS, commands) {
        commands.push(Command::Run(watch::Command::Speed(Some(speed))));
    }
    let words = text::live_speed(&live.status);
    if small {
        let hint = format!("{words}\n{}", text::LIVE_SPEED_HINT);
        let measured = text::steps_a_second(live.status.measured_speed);
        let words = if live.status.paused { words } else { measured };
        whole(ui, words, &text::steps_a_second(LIVE_SPEEDS.1)).on_hover_text(hint);
    } else {
        let fast = Status { speed: Some(LIVE_SPEEDS.1), measured_speed: LIVE_SPEEDS.1, ..Status::default() };
        let widest = text::live_speed(&fast);
        whole(ui, words, &widest).on_hover_text(text::LIVE_SPEED_HINT);
    }
}

/// A text that is not broken at the end of a row, in the room of the widest in its place: what is behind it stays where it
/// is.
fn whole(ui: &mut Ui, words: String, widest: &str) -> Response {
    let font = TextStyle::Body.resolve(ui.style());
    let color = Theme::of(ui).weak;
    let lay_out = |words: String| ui.painter().layout_no_wrap(words, font.clone(), color);
    let room = lay_out(widest.to_owned()).size().x;
    let shown = lay_out(words.clone());
    let size = vec2(room.max(shown.size().x), shown.size().y);
    break_unless(ui, size.x);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().galley(rect.left_top(), shown, color);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
    response
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
fn judge(ui: &mut Ui, film: &Film, checkpoints: &[u64], commands: &mut Commands) {
    let shown = if film.judge.is_empty() { text::NO_WEIGHTS } else { &film.judge };
    break_unless(ui, JUDGE);
    let combo = ComboBox::from_id_salt(text::JUDGE).width(80.0).selected_text(shown).show_ui(ui, |ui| {
        for checkpoint in Checkpoint::offered(checkpoints) {
            let name = checkpoint.name();
            if ui.selectable_label(film.judge == name, &name).clicked() {
                commands.push(Command::JudgeBy(checkpoint));
            }
        }
    });
    combo.response.on_hover_text(text::JUDGE_HINT);
}
