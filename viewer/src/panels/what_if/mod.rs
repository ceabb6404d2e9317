//! What if something else had been done? Branches off the episode that is shown, step by step with chosen actions or from
//! edited states, beside the episode as it was recorded.

mod returns;
mod state_editor;

use cartwheel_envs::OwnedAction;
use cartwheel_trainer::watch::Judgement;
use eframe::egui::{
    Align, Grid, Layout, Rect, RichText, Role, ScrollArea, Sense, Slider, TextStyle, TextWrapMode, Ui, UiBuilder,
    WidgetInfo, vec2,
};

use super::{Context, Panel, Place, driver};
use crate::command::{Action, Command, Commands};
use crate::model::{Driven, Model};
use crate::number::short;
use crate::overlays::values;
use crate::paint::{Detail, paint};
use crate::source::{Branch, Film, Moment, Move, Question};
use crate::text;
use crate::theme::{Theme, stroke_letters};
use state_editor::StateEditor;

/// Steps that the policy goes on at a click.
const FOLLOW: u32 = 50;
/// Height of the pictures, in points.
const PICTURE: f32 = 100.0;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct WhatIf {
    editor: StateEditor,
}

impl Panel for WhatIf {
    fn name(&self) -> &'static str {
        text::WHAT_IF
    }

    fn place(&self) -> Place {
        Place::Right
    }

    fn is_for_agents(&self) -> bool {
        true
    }

    fn driven(&self) -> Driven {
        Driven::Branch
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        let model = context.model;
        match &model.film {
            None => drop(ui.weak(text::WHAT_IF_NEEDS_FILM)),
            Some(film) => {
                let label = text::branch_from(film.episode, model.cursor);
                if ui.button(label).on_hover_text(text::WHAT_IF_HINT).clicked() {
                    commands.push(Command::WhatIf(Question {
                        branch: unused(model),
                        run: film.run,
                        episode: film.episode,
                        from: model.cursor,
                        moves: Vec::new(),
                        follow: 0,
                    }));
                }
            }
        }
        ScrollArea::vertical().id_salt(text::WHAT_IF).show(ui, |ui| {
            list(ui, model, commands);
            if let Some(branch) = model.looked_at() {
                ui.separator();
                self.show(ui, branch, model, commands);
            }
        });
    }
}

/// A number that no branch has.
fn unused(model: &Model) -> u32 {
    model.branches.iter().map(|branch| branch.question.branch + 1).max().unwrap_or(0)
}

/// The branches that are kept.
fn list(ui: &mut Ui, model: &Model, commands: &mut Commands) {
    let theme = Theme::of(ui);
    for branch in &model.branches {
        let question = &branch.question;
        ui.horizontal(|ui| {
            let return_ = branch.moments.last().map_or(0.0, |moment| moment.return_);
            let steps = branch.last_step();
            let label = text::branch(question.branch, question.episode, question.from, steps, &short(return_));
            ui.colored_label(theme.series(question.branch as usize), stroke_letters(question.branch as usize));
            // From the right, so that a narrow panel cuts the words and not the button.
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let remove = ui.small_button(text::REMOVE);
                remove.widget_info(|| WidgetInfo::labeled(Role::Button, true, text::remove_branch(question.branch)));
                if remove.clicked() {
                    commands.push(Command::Prune(question.branch));
                }
                ui.with_layout(Layout::left_to_right(Align::Center).with_main_wrap(false), |ui| {
                    ui.style_mut().wrap_mode = Some(TextWrapMode::Truncate);
                    // What is cut is told whole to who points at it.
                    if ui.selectable_label(question.branch == model.branch, &label).on_hover_text(&label).clicked() {
                        commands.push(Command::LookAtBranch(question.branch));
                    }
                });
            });
        });
    }
}

impl WhatIf {
    /// A branch at the step that is looked at, and where it may go.
    fn show(&mut self, ui: &mut Ui, branch: &Branch, model: &Model, commands: &mut Commands) {
        let theme = Theme::of(ui);
        if let Some(note) = &branch.note {
            ui.label(RichText::new(note).color(theme.problem));
        }
        let at = model.branch_at.cursor.min(branch.last_step());
        let Some(here) = branch.moments.get(at as usize) else { return };
        controls(ui, branch, model, commands);
        let step = branch.question.from + at;
        // Beside it, what was done.
        let film = model.film.as_deref().filter(|film| is_of(branch, film));
        let played = film.and_then(|film| film.moments.get(step as usize));
        pictures(ui, here, played);
        ui.label(text::branch_at(step, &short(here.return_)));
        if let Some(played) = played {
            ui.weak(text::as_played(&short(played.return_)));
        } else if let Some(film) = film {
            ui.weak(text::was_over(film.last_step()));
        }
        returns::show(ui, branch, model, film, commands);
        if at < branch.last_step() {
            taken(ui, branch, here);
            if ui.button(text::fork(step)).clicked() {
                let moves = branch.question.moves_to(at as usize).to_vec();
                let question = Question { branch: unused(model), moves, ..branch.question.clone() };
                commands.push(Command::WhatIf(question));
            }
            return;
        }
        if branch.ended {
            ui.strong(text::MENU_OVER);
        } else if !branch.is_full {
            choices(ui, branch, here, commands);
            if let Some(values) = self.editor.show(ui, branch) {
                commands.push(ask(branch, |question| question.moves.push(Move::Set(values))));
            }
        }
        if !branch.question.moves.is_empty() && ui.button(text::TAKE_BACK).clicked() {
            commands.push(ask(branch, |question| drop(question.moves.pop())));
        }
    }
}

/// Whether a branch is off the episode of this film.
fn is_of(branch: &Branch, film: &Film) -> bool {
    (film.run, film.episode) == (branch.question.run, branch.question.episode)
}

/// The same branch otherwise.
fn ask(branch: &Branch, change: impl FnOnce(&mut Question)) -> Command {
    let mut question = branch.question.clone();
    change(&mut question);
    Command::WhatIf(question)
}

/// The cursor over a branch's steps.
fn controls(ui: &mut Ui, branch: &Branch, model: &Model, commands: &mut Commands) {
    ui.horizontal_wrapped(|ui| {
        let label = if model.branch_at.playing { text::PAUSE } else { text::PLAY };
        if ui.button(label).clicked() {
            commands.push(Command::ActIn(Driven::Branch, Action::PlayPause));
        }
        let name = ui.label(text::STEP);
        let from = branch.question.from;
        let mut step = from + model.branch_at.cursor;
        ui.spacing_mut().slider_width = 50.0;
        let slider = ui.add(Slider::new(&mut step, from..=from + branch.last_step())).labelled_by(name.id);
        if slider.changed() {
            commands.push(Command::SeekIn(Driven::Branch, step.saturating_sub(from)));
        }
        // Else the arrow keys would go on being the slider's.
        if slider.drag_stopped() {
            slider.surrender_focus();
        }
        driver::show(ui, model, (Driven::Branch, text::WHAT_IF), commands);
    });
}

/// The branch, and the episode at the same step.
fn pictures(ui: &mut Ui, here: &Moment, played: Option<&Moment>) {
    let size = vec2(ui.available_width(), PICTURE + ui.text_style_height(&TextStyle::Small));
    let (area, _) = ui.allocate_exact_size(size, Sense::hover());
    let (left, right) = area.split_left_right_at_fraction(0.5);
    for (name, moment, rect) in [(text::BRANCH_PICTURE, Some(here), left), (text::AS_RECORDED, played, right)] {
        if let Some(moment) = moment {
            picture(ui, name, moment, rect.shrink2(vec2(2.0, 0.0)));
        }
    }
}

fn picture(ui: &mut Ui, name: &str, moment: &Moment, rect: Rect) {
    // A child leaves the cursor of what comes next below the pictures.
    ui.new_child(UiBuilder::new().max_rect(rect)).small(name);
    let place = Rect::from_min_max(rect.min + vec2(0.0, rect.height() - PICTURE), rect.max);
    let response = ui.interact(place, ui.scope_id().with(name), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    paint(ui.painter(), response.id, place, &moment.scene, Detail::Full);
}

/// The value or chance of each choice, where it has one: actions that are counted have, keys of others have none.
fn judged<'a>(branch: &Branch, here: &'a Moment) -> &'a [f32] {
    let counted = branch.choices.iter().all(|(action, _)| matches!(action, OwnedAction::Discrete(_)));
    if counted { values(&here.judgement) } else { &[] }
}

/// The actions of a step that was taken, with their values; the one that was taken is lit.
fn taken(ui: &mut Ui, branch: &Branch, here: &Moment) {
    let theme = Theme::of(ui);
    let values = judged(branch, here);
    Grid::new(text::CHOICES).num_columns(2).show(ui, |ui| {
        for (i, (action, name)) in branch.choices.iter().enumerate() {
            let name = RichText::new(name);
            ui.label(if here.action.as_ref() == Some(action) { name.color(theme.chosen).strong() } else { name });
            if let Some(value) = values.get(i) {
                ui.label(short((*value).into()));
            }
            ui.end_row();
        }
    });
}

/// What may be done at the end of a branch, and what the policy thinks of it.
fn choices(ui: &mut Ui, branch: &Branch, here: &Moment, commands: &mut Commands) {
    let theme = Theme::of(ui);
    let values = judged(branch, here);
    let best = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Grid::new(text::CHOICES).num_columns(2).show(ui, |ui| {
        for (i, (action, name)) in branch.choices.iter().enumerate() {
            if ui.button(name).on_hover_text(text::CHOICE_HINT).clicked() {
                commands.push(ask(branch, |question| question.moves.push(Move::Act(action.clone()))));
            }
            if let Some(value) = values.get(i) {
                let label = RichText::new(short((*value).into()));
                ui.label(if *value == best { label.color(theme.chosen).strong() } else { label });
            }
            ui.end_row();
        }
    });
    if here.judgement != Judgement::None
        && ui.button(text::FOLLOW_POLICY).on_hover_text(text::follow_hint(FOLLOW)).clicked()
    {
        commands.push(ask(branch, |question| question.follow = FOLLOW));
    }
}

#[cfg(test)]
mod tests;
