//! What the selected run came to, what it was told, and what another was told otherwise.

use cartwheel_trainer::run::Outcome;
use eframe::egui::{CollapsingHeader, Grid, RichText, Ui};

use super::EVALUATION;
use crate::configurations;
use crate::model::Run;
use crate::number;
use crate::text;
use crate::theme::Theme;

/// Shows a run's details, beside another's where there is one to compare it with.
pub(super) fn show(ui: &mut Ui, run: &Run, other: Option<&Run>) {
    // The row says it already, and there is nothing to add.
    if let Some(problem) = run.problem.as_ref().filter(|problem| **problem != text::deleted(&run.path)) {
        ui.label(RichText::new(text::NOT_READ).strong().color(Theme::of(ui).problem));
        ui.label(problem);
        let folder = run.path.display().to_string();
        if !problem.contains(&folder) {
            ui.label(format!("{} {folder}", text::NOT_READ_FOLDER));
        }
        ui.weak(text::NOT_READ_HINT);
    }
    if let Some(Outcome::Failed { message }) = run.manifest.as_ref().map(|manifest| &manifest.outcome) {
        ui.colored_label(Theme::of(ui).problem, message);
    }
    result(ui, run);
    if let Some(other) = other {
        ui.strong(format!("{} {}", text::DIFFERENCES_FROM, other.name));
        let differences = configurations::differences(run, other);
        if differences.is_empty() {
            ui.weak(text::NO_DIFFERENCES);
        }
        for (name, here, there) in differences {
            // In rows as wide as the panel: a table of three columns would not be.
            ui.horizontal_wrapped(|ui| {
                ui.weak(name);
                ui.label(here);
                ui.weak(format!("{} {there}", text::INSTEAD_OF));
            });
        }
    }
    CollapsingHeader::new(text::CONFIGURATION).show(ui, |ui| {
        for (name, value) in &run.config {
            ui.horizontal_wrapped(|ui| {
                ui.weak(name);
                ui.label(value);
            });
        }
    });
}

/// What a run that has ended came to: solved or not, its returns, its steps and its time.
fn result(ui: &mut Ui, run: &Run) {
    let Some(summary) = run.summary.as_ref().filter(|_| !run.alive) else { return };
    ui.strong(text::RESULT);
    let evaluations = run.metrics.get(EVALUATION);
    let best = evaluations.and_then(|returns| returns.extremes()).map(|(_, best)| number::compact(best));
    let last = evaluations.and_then(|returns| returns.last()).map(|last| number::compact(last.value));
    // How many episodes it is over makes it wider than the panel: the sentences in the status bar and above the pictures say it.
    let greedy = summary.greedy_return.map(|of| text::mean_and_std(&of));
    ui.label(run.outcome().unwrap_or_default());
    Grid::new("result").num_columns(2).spacing([8.0, 2.0]).show(ui, |ui| {
        for (name, value) in [
            (text::GREEDY_RETURN, greedy.or(Some(text::NO_EVALUATION.to_owned()))),
            (text::BEST_RETURN, best),
            (text::LAST_RETURN, last),
            (text::STEPS, Some(number::count(summary.steps))),
            (text::UPDATES, Some(number::count(summary.updates))),
            (text::EPISODES, Some(number::count(summary.episodes))),
            (text::TRAINING_TIME, Some(number::seconds(summary.wall_s))),
        ] {
            if let Some(value) = value {
                ui.weak(name);
                ui.label(value);
                ui.end_row();
            }
        }
    });
}
