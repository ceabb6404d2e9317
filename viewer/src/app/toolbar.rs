//! The bars at the top and at the bottom.

use cartwheel_trainer::watch::{self, Status};
use eframe::egui::{Align, Button, DragValue, Label, Layout, RichText, Role, Ui, WidgetInfo};

use super::App;
use crate::command::{Action, Command};
use crate::model::Run;
use crate::text;

/// What has a button, from the right.
const BUTTONS: &[Action] =
    &[Action::Help, Action::Palette, Action::Theme, Action::CopyLink, Action::Record, Action::Screenshot];
/// What has one in a narrow window: the others are found by these.
const FEW: &[Action] = &[Action::Help, Action::Palette];
/// How narrow that is, in points, and how narrow a window that has room for the first of them alone.
const NARROW: [f32; 2] = [1000.0, 780.0];
/// The room of what can be done to a live run, in points.
const CONTROLS: f32 = 400.0;

impl App {
    /// The run, its exploration, and the help.
    pub(super) fn toolbar(&mut self, ui: &mut Ui) {
        let recording = self.camera.is_recording();
        let buttons = match ui.available_width() {
            width if width < NARROW[1] => &FEW[..1],
            width if width < NARROW[0] => FEW,
            _ => BUTTONS,
        };
        let [left, right] = self.sides(ui.available_width());
        ui.horizontal(|ui| {
            self.side(ui, Action::LeftSide, text::SHORT_LEFT_SIDE, left);
            // From the right, so that a long name is cut where the room ends.
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if self.has_right_side() {
                    self.side(ui, Action::RightSide, text::SHORT_RIGHT_SIDE, right);
                }
                for action in buttons {
                    let keys = action.keys();
                    if ui
                        .add(Button::new(short_name(*action, recording)).small())
                        .on_hover_text(format!("{} ({keys})", action.name()))
                        .clicked()
                    {
                        self.commands.push(Command::Do(*action));
                    }
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| self.run(ui));
            });
        });
    }

    /// A button for a side of the window, lit while it is shown.
    fn side(&mut self, ui: &mut Ui, action: Action, label: &str, shown: bool) {
        let response = ui.selectable_label(shown, label);
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, shown, action.name()));
        let keys = action.keys();
        if response.on_hover_text(format!("{} ({keys})", action.name())).clicked() {
            self.commands.push(Command::Do(action));
        }
    }

    /// The run and what can be done to it.
    fn run(&mut self, ui: &mut Ui) {
        let name = match self.state.run.and_then(|run| self.model.runs.get(run)) {
            None => text::NO_RUN,
            Some(run) => &run.name,
        };
        // A model that is fitted to data neither explores nor acts.
        let live = self.model.live.as_ref().filter(|_| !self.fits());
        let room = ui.available_width() - if live.is_some() { CONTROLS } else { 0.0 };
        ui.scope(|ui| {
            ui.set_max_width(room.max(40.0));
            ui.add(Label::new(RichText::new(name).strong()).truncate());
        });
        if let Some(live) = live {
            let settings = self.model.runs.get(live.run).and_then(|run| run.settings.as_ref());
            // What explores by noise or by drawing has no ε.
            let explores = settings.is_none_or(|settings| {
                let own = settings.algorithm().exploration(settings.train.total_timesteps).epsilon;
                own.initial > 0.0 || own.last > 0.0
            });
            if explores {
                ui.separator();
                exploration(ui, &live.status, &mut self.commands);
            }
            ui.separator();
            let (held, label) = (self.state.taking_over.is_some(), text::TAKE_OVER);
            if ui.selectable_label(held, label).on_hover_text(text::TAKE_OVER_HINT).clicked() {
                self.commands.push(Command::Do(Action::TakeOver));
            }
        }
    }

    /// Where the run is, and what watching costs.
    pub(super) fn status_bar(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            // From the right, so that what is long on the left is cut where the room ends.
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.weak(format!("{} {:.1} ms", text::FRAME_TIME, self.build_s * 1e3));
                if let Some(name) = &self.software {
                    ui.separator();
                    ui.weak(text::SOFTWARE).on_hover_text(format!("{} ({name})", text::SOFTWARE_HINT));
                }
                ui.separator();
                let run = self.state.run.and_then(|run| self.model.runs.get(run));
                let place = match &self.model.live {
                    None => match run {
                        // It does not listen, but is read as it writes.
                        Some(run) if run.alive => text::trains(run.step),
                        run => run.and_then(Run::headline).unwrap_or_else(|| text::STATUS_NOT_LIVE.to_owned()),
                    },
                    Some(live) if self.fits() => text::fitting(&live.status, live.welcome.total_timesteps),
                    Some(live) => text::training(&live.status, live.welcome.total_timesteps, live.welcome.n_envs),
                };
                let told = self.state.notice.clone().filter(|notice| !notice.is_empty());
                let told = told.or_else(|| self.model.long_awaited().map(text::film_awaited));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    // What was just told comes first: it may be long, and the rest can wait.
                    if let Some(told) = told {
                        ui.add(Label::new(RichText::new(told).strong()).truncate());
                        ui.separator();
                    }
                    ui.add(Label::new(&place).truncate()).on_hover_text(&place);
                });
            });
        });
    }
}

/// ε as it is, and a way to override it.
fn exploration(ui: &mut Ui, status: &Status, commands: &mut Vec<Command>) {
    let (own, _) = &status.overrides;
    let mut overridden = own.is_some();
    let change = ui.checkbox(&mut overridden, text::EPSILON).on_hover_text(text::EPSILON_HINT);
    // What the run says of it is a moment old: the hand that drags it is not to be held back by that.
    let kept = change.id.with("dragged");
    let dragged: Option<f32> = ui.data(|data| data.get_temp(kept));
    let mut epsilon = dragged.or(*own).unwrap_or(status.epsilon);
    let value = DragValue::new(&mut epsilon).range(0.0..=1.0).speed(0.01).fixed_decimals(2);
    let value = ui.add_enabled(overridden, value).labelled_by(change.id);
    ui.data_mut(|data| match value.dragged() {
        true => drop(data.insert_temp(kept, epsilon)),
        false => data.remove::<f32>(kept),
    });
    if change.changed() || value.changed() {
        commands.push(Command::Run(watch::Command::Epsilon(overridden.then_some(epsilon))));
    }
}

/// On a button with little room.
fn short_name(action: Action, recording: bool) -> &'static str {
    match action {
        Action::Help => text::SHORT_HELP,
        Action::Palette => text::SHORT_PALETTE,
        Action::Theme => text::SHORT_THEME,
        Action::CopyLink => text::SHORT_COPY_LINK,
        Action::Record if recording => text::SHORT_STOP,
        Action::Record => text::SHORT_RECORD,
        Action::Screenshot => text::SHORT_SCREENSHOT,
        other => other.name(),
    }
}
