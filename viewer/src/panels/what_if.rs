//! What if something else had been done? Branches off the episode that is shown, step by step with chosen actions.

use eframe::egui::{Grid, Layout, RichText, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};

use super::{Context, Panel, Place};
use crate::command::{Command, Commands};
use crate::model::Model;
use crate::number::short;
use crate::overlays::values;
use crate::paint::{Detail, paint};
use crate::source::{Branch, Question};
use crate::text;
use crate::theme::Theme;

/// Steps that the policy goes on at a click.
const FOLLOW: u32 = 50;
/// Height of the picture, in points.
const PICTURE: f32 = 180.0;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct WhatIf {
    /// The number of the branch that is looked at.
    chosen: u32,
}

impl Panel for WhatIf {
    fn name(&self) -> &'static str {
        text::WHAT_IF
    }

    fn place(&self) -> Place {
        Place::Right
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        let model = context.model;
        match &model.film {
            None => drop(ui.weak(text::WHAT_IF_NEEDS_FILM)),
            Some(film) => {
                let label = text::branch_from(film.episode, model.cursor);
                if ui.button(label).on_hover_text(text::WHAT_IF_HINT).clicked() {
                    self.chosen = model.branches.iter().map(|branch| branch.question.branch + 1).max().unwrap_or(0);
                    commands.push(Command::WhatIf(Question {
                        branch: self.chosen,
                        run: film.run,
                        episode: film.episode,
                        from: model.cursor,
                        actions: Vec::new(),
                        follow: 0,
                    }));
                }
            }
        }
        ScrollArea::vertical().id_salt(text::WHAT_IF).show(ui, |ui| {
            self.list(ui, model, commands);
            if let Some(branch) = model.branches.iter().find(|branch| branch.question.branch == self.chosen) {
                ui.separator();
                show(ui, branch, model, commands);
            }
        });
    }
}

impl WhatIf {
    /// The branches that are kept.
    fn list(&mut self, ui: &mut Ui, model: &Model, commands: &mut Commands) {
        for branch in &model.branches {
            let question = &branch.question;
            ui.horizontal(|ui| {
                let return_ = branch.moments.last().map_or(0.0, |moment| moment.return_);
                let steps = question.actions.len();
                let label = text::branch(question.branch, question.episode, question.from, steps, &short(return_));
                ui.selectable_value(&mut self.chosen, question.branch, label);
                ui.with_layout(Layout::right_to_left(eframe::egui::Align::Center), |ui| {
                    let remove = ui.small_button(text::REMOVE);
                    remove
                        .widget_info(|| WidgetInfo::labeled(Role::Button, true, text::remove_branch(question.branch)));
                    if remove.clicked() {
                        commands.push(Command::Prune(question.branch));
                    }
                });
            });
        }
    }
}

/// Where a branch has come to, and where it may go.
fn show(ui: &mut Ui, branch: &Branch, model: &Model, commands: &mut Commands) {
    let theme = Theme::of(ui);
    if let Some(note) = &branch.note {
        ui.label(RichText::new(note).color(theme.problem));
    }
    let Some(here) = branch.moments.last() else { return };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), PICTURE), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, text::WHAT_IF));
    paint(ui.painter(), response.id, rect, &here.scene, Detail::Full);
    let step = branch.question.from as usize + branch.moments.len() - 1;
    ui.label(text::branch_at(step, &short(here.return_)));
    // Beside it, what was done.
    let film =
        model.film.as_ref().filter(|film| (film.run, film.episode) == (branch.question.run, branch.question.episode));
    if let Some(played) = film.and_then(|film| film.moments.get(step)) {
        ui.weak(text::as_played(&short(played.return_)));
    } else if let Some(film) = film {
        ui.weak(text::was_over(film.last_step()));
    }
    let ask = |change: &dyn Fn(&mut Question)| {
        let mut question = branch.question.clone();
        change(&mut question);
        Command::WhatIf(question)
    };
    if branch.ended {
        ui.strong(text::MENU_OVER);
    } else {
        let values = values(&here.judgement);
        let best = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Grid::new(text::CHOICES).num_columns(2).show(ui, |ui| {
            for (i, (action, name)) in branch.choices.iter().enumerate() {
                if ui.button(name).on_hover_text(text::CHOICE_HINT).clicked() {
                    commands.push(ask(&|question| question.actions.push(action.clone())));
                }
                if let Some(value) = values.get(i) {
                    let label = RichText::new(short((*value).into()));
                    ui.label(if *value == best { label.color(theme.chosen).strong() } else { label });
                }
                ui.end_row();
            }
        });
        if !values.is_empty() && ui.button(text::FOLLOW_POLICY).on_hover_text(text::follow_hint(FOLLOW)).clicked() {
            commands.push(ask(&|question| question.follow = FOLLOW));
        }
    }
    if !branch.question.actions.is_empty() && ui.button(text::TAKE_BACK).clicked() {
        commands.push(ask(&|question| drop(question.actions.pop())));
    }
}

#[cfg(test)]
#[path = "what_if_tests.rs"]
mod tests;
