//! The last episodes, the newest first.

use cartwheel_trainer::run::EpisodeEntry;
use eframe::egui::{ScrollArea, Ui};

use crate::command::{Command, Commands};
use crate::model::Run;
use crate::panels::Context;
use crate::text;

/// Episodes in the list: a curve leads to those before.
const LAST: usize = 500;

/// Shows the list; a click opens an episode.
pub(super) fn show(ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
    let Some((number, run)) = context.state.run.and_then(|run| Some((run, context.model.runs.get(run)?))) else {
        return;
    };
    let film = context.model.film.as_ref().filter(|film| film.run == number).map(|film| film.episode);
    let episodes = last(run, context.state.env);
    if episodes.is_empty() {
        ui.weak(text::NO_EPISODES);
        return;
    }
    let row = ui.text_style_height(&eframe::egui::TextStyle::Body);
    ScrollArea::vertical().id_salt(text::EPISODES).auto_shrink(false).show_rows(ui, row, episodes.len(), |ui, rows| {
        for (episode, entry) in &episodes[rows] {
            let label = text::episode(*episode, entry.return_, entry.length);
            if ui.selectable_label(film == Some(*episode), label).clicked() {
                commands.push(Command::OpenEpisode(number, *episode, 0));
            }
        }
    });
}

/// The last episodes of an environment or of all, the newest first, with their places among the run's.
fn last(run: &Run, env: Option<u32>) -> Vec<(usize, &EpisodeEntry)> {
    let all = run.episodes.iter().enumerate().rev().map(|(i, entry)| (run.first_episode + i, entry));
    all.filter(|(_, entry)| env.is_none_or(|env| entry.env == env)).take(LAST).collect()
}
