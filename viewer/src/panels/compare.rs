//! Two policies side by side, from one seed, under one cursor.

use eframe::egui::{Button, ComboBox, DragValue, Rect, RichText, Role, Sense, Slider, Ui, WidgetInfo, vec2};

use super::{Context, Panel, Place, driver};
use crate::command::{Action, Command, Commands};
use crate::model::{Driven, Model, RunId};
use crate::number::short;
use crate::paint::{Detail, paint};
use crate::source::{Checkpoint, Contender, Contest, Side};
use crate::text;
use crate::theme::Theme;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Compare {
    /// Run and weights of each side.
    chosen: [(RunId, Checkpoint); 2],
    seed: u64,
}

impl Default for Compare {
    fn default() -> Self {
        Self { chosen: [(0, Checkpoint::Best), (0, Checkpoint::Latest)], seed: 0 }
    }
}

impl Panel for Compare {
    fn name(&self) -> &'static str {
        text::COMPARE
    }

    fn place(&self) -> Place {
        Place::Bottom
    }

    fn is_for_agents(&self) -> bool {
        true
    }

    fn driven(&self) -> Driven {
        Driven::Contest
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        let model = context.model;
        if model.runs.is_empty() {
            ui.weak(text::NO_RUN);
            return;
        }
        ui.horizontal_wrapped(|ui| {
            for (side, chosen) in self.chosen.iter_mut().enumerate() {
                choose(ui, side, chosen, model);
            }
            let name = ui.label(text::OF_SEED);
            ui.add(DragValue::new(&mut self.seed)).labelled_by(name.id);
            if ui.button(text::PLAY_BOTH).on_hover_text(text::PLAY_BOTH_HINT).clicked() {
                let contenders = self.chosen.each_ref().map(|(run, checkpoint)| contender(model, *run, checkpoint));
                commands.push(Command::Compare(contenders, self.seed));
            }
        });
        let Some(contest) = &model.contest else { return };
        if let Some(problem) = &contest.problem {
            ui.label(RichText::new(problem).color(Theme::of(ui).problem));
        } else {
            controls(ui, contest, model, commands);
            pictures(ui, contest, model.contest_at.cursor);
        }
    }
}

fn controls(ui: &mut Ui, contest: &Contest, model: &Model, commands: &mut Commands) {
    ui.horizontal_wrapped(|ui| {
        let label = if model.contest_at.playing { text::PAUSE } else { text::PLAY };
        if ui.button(label).clicked() {
            commands.push(Command::ActIn(Driven::Contest, Action::PlayPause));
        }
        let name = ui.label(text::STEP);
        let mut cursor = model.contest_at.cursor;
        let slider = ui.add(Slider::new(&mut cursor, 0..=contest.last_step())).labelled_by(name.id);
        if slider.changed() {
            commands.push(Command::SeekIn(Driven::Contest, cursor));
        }
        // Else the arrow keys would go on being the slider's.
        if slider.drag_stopped() {
            slider.surrender_focus();
        }
        match contest.parting {
            // Of who played otherwise than to the end, more is not known.
            None if contest.sides.iter().all(|side| side.ended) => drop(ui.label(text::NEVER_PART)),
            None => {}
            Some(step) => {
                let mark = Button::new(RichText::new(text::parting(step)).color(Theme::of(ui).problem));
                if ui.add(mark).clicked() {
                    commands.push(Command::SeekIn(Driven::Contest, step));
                }
            }
        }
        driver::show(ui, model, (Driven::Contest, text::COMPARE), commands);
    });
}

fn pictures(ui: &mut Ui, contest: &Contest, cursor: u32) {
    let area = ui.available_rect_before_wrap();
    let (left, right) = area.split_left_right_at_fraction(0.5);
    for (side, rect) in contest.sides.iter().zip([left, right]) {
        picture(ui, side, cursor, rect.shrink(4.0), contest.parting == Some(cursor));
    }
}

fn picture(ui: &mut Ui, side: &Side, cursor: u32, rect: Rect, parting: bool) {
    let theme = Theme::of(ui);
    let contender = &side.contender;
    let who = text::contender(&contender.name, &contender.checkpoint.name());
    ui.scope_builder(eframe::egui::UiBuilder::new().max_rect(rect), |ui| {
        ui.strong(&who);
        if let (Some(moment), Some(last)) = (side.at(cursor), side.moments.last()) {
            let steps = side.moments.len() as u32 - 1;
            let mut standing = text::standing(&short(moment.return_), &short(last.return_), steps, side.ended);
            if side.ended && cursor >= steps {
                standing = format!("{standing} · {}", text::OVER);
            }
            ui.label(standing);
        }
        if let Some(note) = &side.note {
            ui.label(RichText::new(note).color(theme.problem));
        }
        let Some(moment) = side.at(cursor) else { return };
        let size = vec2(rect.width(), (rect.bottom() - ui.cursor().top()).max(40.0));
        let (place, response) = ui.allocate_exact_size(size, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &who));
        paint(ui.painter(), response.id, place, &moment.scene, Detail::Full);
        if parting {
            ui.painter().rect_stroke(place, 2.0, (2.0, theme.problem), eframe::egui::StrokeKind::Inside);
        }
    });
}

/// Which run and which of its weights.
fn choose(ui: &mut Ui, side: usize, (run, checkpoint): &mut (RunId, Checkpoint), model: &Model) {
    let name = |run: RunId| model.runs.get(run).map_or("", |run| run.name.as_str());
    let shown = text::contender(name(*run), &checkpoint.name());
    let side_name = ui.label([text::LEFT, text::RIGHT][side]);
    let combo = ComboBox::from_id_salt((text::COMPARE, side)).selected_text(shown).show_ui(ui, |ui| {
        for (number, of) in model.runs.iter().enumerate() {
            for offered in Checkpoint::offered(&of.checkpoints) {
                let label = text::contender(&of.name, &offered.name());
                if ui.selectable_label(number == *run && offered == *checkpoint, label).clicked() {
                    (*run, *checkpoint) = (number, offered);
                }
            }
        }
    });
    combo.response.labelled_by(side_name.id);
}

fn contender(model: &Model, run: RunId, checkpoint: &Checkpoint) -> Contender {
    let of = model.runs.get(run);
    Contender {
        run,
        name: of.map(|run| run.name.clone()).unwrap_or_default(),
        folder: of.map(|run| run.path.clone()).unwrap_or_default(),
        checkpoint: checkpoint.clone(),
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
