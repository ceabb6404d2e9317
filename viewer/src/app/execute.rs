//! What each command does.

use cartwheel_envs::Pace;
use cartwheel_trainer::run::write_atomic;
use cartwheel_trainer::watch::{self, Interest, Request};
use eframe::egui::Context;

use super::{App, close};
use crate::command::{Action, Command};
use crate::model::Driven;
use crate::search::Search;
use crate::source::Order;
use crate::state::Reins;
use crate::watch_command::watch_command;
use crate::{csv_export, text, transport};

/// Frames that are asked for a second.
const HZ: f32 = 60.0;
/// The environments that a grid shows at most.
const GRID: u32 = 256;
/// Vector steps a second at which a person takes over where the environment knows no time.
const TURNS: f32 = 8.0;

impl App {
    pub(super) fn execute(&mut self, ctx: &Context, command: Command) {
        if matches!(
            command,
            Command::Do(_)
                | Command::ActIn(..)
                | Command::SelectRun(_)
                | Command::SelectEnv(_)
                | Command::OpenEpisode(..)
        ) {
            // What was said before is read by now.
            self.state.notice = None;
        }
        if let Some(view) = driven_by(&command) {
            self.model.drive(view);
        }
        match command {
            Command::Do(action) => self.act(ctx, action),
            Command::Open(path) => self.order(Order::Follow(path)),
            Command::SelectRun(run) => {
                let Some(selected) = self.model.runs.get_mut(run) else { return };
                // Past ten, runs are not shown by themselves; one that is looked at is, unless the user has hidden it.
                selected.shown = self.preferences.shows(&selected.path).unwrap_or(true);
                let path = selected.path.clone();
                self.give_back();
                self.order(Order::Attach(run, path));
                self.state.run = Some(run);
                self.state.env = None;
                self.model.close_film();
                if self.model.live.as_ref().is_some_and(|live| live.run == run) {
                    // It is attached to already, and welcomes nobody again.
                    self.watch();
                }
            }
            Command::ShowCurves(run, shown) => {
                if let Some(run) = self.model.runs.get_mut(run) {
                    run.shown = shown;
                    self.preferences.show(&run.path, shown);
                }
            }
            Command::PlotMetrics(metrics) => {
                self.preferences.metrics.clone_from(&metrics);
                self.state.metrics = metrics;
            }
            Command::Filter(filter) => self.state.filter = Search::new(filter),
            Command::SelectEnv(env) => {
                if self.state.env != env {
                    self.give_back();
                }
                self.state.env = env;
                self.watch();
            }
            Command::Run(command) => {
                // What is asked for while a person acts in an environment ends with that.
                if let (watch::Command::Speed(limit), Some(live), None) =
                    (&command, &self.model.live, &self.state.taking_over)
                {
                    self.speed.ask(live.run, *limit);
                }
                self.order(Order::Send(Request::Command { id: 0, command }));
            }
            Command::Ask(request) => self.order(Order::Send(request)),
            Command::OpenEpisode(run, number, step) => {
                let Some(path) = self.model.runs.get(run).map(|run| run.path.clone()) else { return };
                self.give_back();
                self.order(Order::Replay(run, path, number));
                self.model.await_film(run, number, step);
            }
            Command::ReadInfos(run, episodes) => {
                if let Some(path) = self.model.runs.get(run).map(|run| run.path.clone()) {
                    self.order(Order::ReadInfos(run, path, episodes));
                }
            }
            Command::Seek(step) => self.model.seek(step),
            Command::Drive(_) => {}
            Command::ActIn(_, action) => self.act(ctx, action),
            Command::SeekIn(view, step) => {
                if let Some(mut player) = self.model.player(view) {
                    player.play(false);
                    player.seek(step);
                }
            }
            Command::LookBack(step) => {
                if let Some(live) = &mut self.model.live {
                    live.look(|history| history.seek(step));
                }
            }
            Command::JudgeBy(checkpoint) => {
                self.order(Order::JudgeBy(checkpoint));
                if let Some(film) = &self.model.film {
                    self.commands.push(Command::OpenEpisode(film.run, film.episode, self.model.cursor));
                }
            }
            Command::WhatIf(question) => {
                if let Some(path) = self.model.runs.get(question.run).map(|run| run.path.clone()) {
                    self.model.look_at_branch(question.branch);
                    self.order(Order::WhatIf(path, question));
                }
            }
            Command::LookAtBranch(number) => self.model.look_at_branch(number),
            Command::Prune(number) => self.model.branches.retain(|branch| branch.question.branch != number),
            Command::Compare(contenders, seed) => self.order(Order::Compare(contenders, seed)),
            Command::PlaybackSpeed(speed) => self.model.playback_speed = speed,
            Command::Notice(notice) => self.state.notice = Some(notice),
            Command::Copy(text) => ctx.copy_text(text),
            Command::SavePart(part) => {
                let about = self.about().to_owned();
                self.camera.shoot(ctx, &about, Some(part));
            }
            Command::SaveTable(runs, metrics) => {
                let about = self.about().to_owned();
                let path = self.camera.free_name(&about, "csv");
                let runs = runs.iter().filter_map(|run| self.model.runs.get(*run));
                let written = write_atomic(&path, |file| csv_export::write(file, runs, &metrics));
                self.state.notice =
                    Some(written.map_or_else(|error| text::not_recorded(&path, &error), |_| text::saved(&path)));
            }
        }
    }

    fn act(&mut self, ctx: &Context, action: Action) {
        if let Some(why) = transport::why_not(&self.model, &self.state, action) {
            self.state.notice = Some(why.to_owned());
            return;
        }
        match action {
            Action::TakeOver => self.toggle_reins(),
            Action::Grid => {
                let env = if self.state.env.is_none() { Some(0) } else { None };
                self.commands.push(Command::SelectEnv(env));
            }
            Action::Theme => {
                let dark = ctx.global_style().visuals.dark_mode;
                self.preferences.dark = Some(!dark);
                ctx.set_theme(if dark { eframe::egui::Theme::Light } else { eframe::egui::Theme::Dark });
            }
            Action::LeftSide => self.toggle(0, ctx.content_rect().width()),
            Action::RightSide if !self.has_right_side() => self.state.notice = Some(text::NO_RIGHT_SIDE.to_owned()),
            Action::RightSide => self.toggle(1, ctx.content_rect().width()),
            Action::Palette => self.state.palette = Some(String::new()),
            Action::Help => self.state.help = !self.state.help,
            Action::Screenshot => {
                let about = self.about().to_owned();
                self.camera.shoot(ctx, &about, None);
            }
            Action::Record => {
                let about = self.about().to_owned();
                if let Some(told) = self.camera.record(&about) {
                    self.state.notice = Some(told);
                }
            }
            Action::CopyLink => {
                if let Some(command) = watch_command(&self.model, &self.state) {
                    self.state.notice = Some(text::copied(&command));
                    self.commands.push(Command::Copy(command));
                }
            }
            Action::Quit => close(ctx),
            action => self.commands.extend(transport::act(&mut self.model, &self.state, action)),
        }
    }

    /// What pictures are named after.
    fn about(&self) -> &str {
        self.state.run.and_then(|run| self.model.runs.get(run)).map_or("cartwheel", |run| &run.name)
    }

    /// Tells the run what is looked at.
    pub(super) fn watch(&self) {
        let Some(live) = &self.model.live else { return };
        let envs = match self.state.env {
            Some(env) => env..env + 1,
            None => 0..live.welcome.n_envs.min(GRID),
        };
        let interest = Interest { envs, hz: HZ, inspected: self.state.env.or(Some(0)), lanes: true };
        self.order(Order::Send(Request::Watch(interest)));
    }

    /// A person takes the selected environment's reins, or gives them back.
    fn toggle_reins(&mut self) {
        if self.state.taking_over.is_some() {
            return self.give_back();
        }
        let (Some(live), Some(env)) = (&self.model.live, self.state.env) else {
            self.state.notice = Some(text::TAKE_OVER_NEEDS_ENV.to_owned());
            return;
        };
        let spaces = self.model.runs.get(live.run).and_then(|run| run.spaces.as_ref());
        let bindings = match spaces {
            None => Err(text::SPACES_AWAITED),
            Some(Ok(spaces)) if !spaces.bindings.keys.is_empty() => Ok(spaces.bindings.clone()),
            Some(_) => Err(text::NO_KEYS),
        };
        match bindings {
            Err(why) => self.state.notice = Some(why.to_owned()),
            Ok(bindings) => {
                let fps = match bindings.pace {
                    Pace::RealTime { fps, .. } => fps as f32,
                    Pace::TurnBased => TURNS,
                };
                let speed_before = live.status.speed;
                let speed = speed_before.map_or(fps, |speed| speed.min(fps));
                let command = watch::Command::Speed(Some(speed));
                self.order(Order::Send(Request::Command { id: 0, command }));
                self.state.taking_over = Some(Reins { env, bindings, action: None, speed_before });
            }
        }
    }

    /// The reins that a person holds are the agent's again: at once, while the run is attached to.
    fn give_back(&mut self) {
        if let Some(Reins { env, speed_before, .. }) = self.state.taking_over.take() {
            for command in [watch::Command::TakeOver { env, action: None }, watch::Command::Speed(speed_before)] {
                self.order(Order::Send(Request::Command { id: 0, command }));
            }
        }
    }
}

/// The view that a command is about, and that the keys then drive.
fn driven_by(command: &Command) -> Option<Driven> {
    match command {
        Command::Drive(view) | Command::SeekIn(view, _) | Command::ActIn(view, _) => Some(*view),
        Command::Compare(..) => Some(Driven::Contest),
        Command::WhatIf(_) | Command::LookAtBranch(_) => Some(Driven::Branch),
        Command::SelectRun(_)
        | Command::SelectEnv(_)
        | Command::OpenEpisode(..)
        | Command::Seek(_)
        | Command::LookBack(_) => Some(Driven::Main),
        _ => None,
    }
}
