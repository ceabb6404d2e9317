//! Time: the last episodes, the keys of a player, and what happened step by step under one cursor.

mod controls;
mod episodes;
mod icons;
mod strips;
mod track;

use eframe::egui::{Align, Layout, RichText, Ui};

use self::episodes::Episodes;
use self::track::Track;
use super::{Context, Panel, Place};
use crate::command::{Command, Commands};
use crate::spaces::Spaces;
use crate::text;
use crate::theme::Theme;

/// Width of the list of episodes, in points, and the most that it takes of the panel.
const LIST: (f32, f32) = (200.0, 0.4);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    episodes: Episodes,
}

impl Panel for Timeline {
    fn name(&self) -> &'static str {
        text::TIMELINE
    }

    fn place(&self) -> Place {
        Place::Under
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        ui.set_min_height(ui.available_height());
        controls::show(ui, context, commands);
        // Why there is no picture is told where it would be.
        let film = context.model.film.as_ref().filter(|film| !film.moments.is_empty());
        if let Some(note) = film.and_then(|film| film.note.as_ref()) {
            ui.label(RichText::new(note).color(Theme::of(ui).problem));
        }
        ui.horizontal_top(|ui| {
            let (width, height) = (LIST.0.min(LIST.1 * ui.available_width()), ui.available_height());
            ui.allocate_ui_with_layout([width, height].into(), Layout::top_down(Align::LEFT), |ui| {
                self.episodes.show(ui, context, commands);
            });
            ui.vertical(|ui| strips(ui, context, commands));
        });
    }
}

/// The strips of the episode that is shown, or of what was just seen.
fn strips(ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
    let model = context.model;
    if let Some(film) = &model.film {
        let track = Track::of_film(film);
        if let Some(step) = strips::show(ui, &track, model.cursor as usize, context.spaces(film.run)) {
            commands.push(Command::Seek(step as u32));
        }
        return;
    }
    let Some(live) = &model.live else {
        let run = context.state.run.and_then(|run| model.runs.get(run));
        if run.is_none_or(|run| episodes::never_has_any(run).is_none()) {
            ui.weak(text::NO_TIME);
        }
        return;
    };
    let Some(env) = context.state.env.or_else(|| live.frames.keys().next().copied()) else { return };
    let frames: Vec<_> = live.history.frames(env).collect();
    let settings = model.runs.get(live.run).and_then(|run| run.settings.as_ref());
    let returns = settings.map(|settings| settings.algorithm().data().returns());
    let track = Track::of_frames(&frames, returns, context.spaces(live.run).map_or(0, Spaces::first_action));
    let shown = live.frames.get(&env).map_or(0, |frame| frame.step);
    let cursor = frames.iter().rposition(|frame| frame.step <= shown).unwrap_or_default();
    if let Some(place) = strips::show(ui, &track, cursor, context.spaces(live.run))
        && let Some(frame) = frames.get(place)
    {
        commands.push(Command::LookBack(frame.step));
    }
}

#[cfg(test)]
mod tests;
