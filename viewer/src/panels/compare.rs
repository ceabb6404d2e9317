//! Two policies side by side, from one seed, under one cursor.

use std::time::Duration;

use eframe::egui::{Button, ComboBox, DragValue, Rect, RichText, Role, Sense, Slider, Ui, WidgetInfo, vec2};

use super::{Context, Panel, Place};
use crate::command::{Command, Commands};
use crate::model::{Model, RunId};
use crate::number::short;
use crate::paint::{Detail, paint};
use crate::playback::Playback;
use crate::source::{Checkpoint, Contender, Contest, Side};
use crate::text;
use crate::theme::Theme;

/// Steps a second while it plays.
const SPEED: f32 = 30.0;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Compare {
    /// Run and weights of each side.
    chosen: [(RunId, Checkpoint); 2],
    seed: u64,
    cursor: u32,
    playing: bool,
    playback: Playback,
}

impl Default for Compare {
    fn default() -> Self {
        Self {
            chosen: [(0, Checkpoint::Best), (0, Checkpoint::Latest)],
            seed: 0,
            cursor: 0,
            playing: false,
            playback: Playback::default(),
        }
    }
}

impl Panel for Compare {
    fn name(&self) -> &'static str {
        text::COMPARE
    }

    fn place(&self) -> Place {
        Place::Bottom
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
            if ui.button(text::PLAY_BOTH).clicked() {
                (self.cursor, self.playing) = (0, false);
                let contenders = self.chosen.each_ref().map(|(run, checkpoint)| contender(model, *run, checkpoint));
                commands.push(Command::Compare(contenders, self.seed));
            }
        });
        if let Some(contest) = &model.contest {
            self.controls(ui, contest);
            self.pictures(ui, contest);
        }
    }
}

impl Compare {
    fn controls(&mut self, ui: &mut Ui, contest: &Contest) {
        let last = contest.last_step();
        if self.playing {
            let passed = Duration::from_secs_f32(ui.input(|input| input.stable_dt).min(0.25));
            self.cursor += self.playback.advance(passed, SPEED, last - self.cursor.min(last), last);
            self.playing = self.cursor < last;
            ui.ctx().request_repaint();
        }
        ui.horizontal(|ui| {
            let label = if self.playing { text::PAUSE } else { text::PLAY };
            if ui.button(label).clicked() {
                self.playing = !self.playing;
                self.cursor = if self.cursor >= last { 0 } else { self.cursor };
                self.playback.stop();
            }
            let name = ui.label(text::STEP);
            let slider = ui.add(Slider::new(&mut self.cursor, 0..=last)).labelled_by(name.id);
            if slider.drag_stopped() {
                slider.surrender_focus();
            }
            match contest.parting {
                None => drop(ui.label(text::NEVER_PART)),
                Some(step) => {
                    let mark = Button::new(RichText::new(text::parting(step)).color(Theme::of(ui).problem));
                    if ui.add(mark).clicked() {
                        (self.cursor, self.playing) = (step, false);
                    }
                }
            }
        });
    }

    fn pictures(&self, ui: &mut Ui, contest: &Contest) {
        let area = ui.available_rect_before_wrap();
        let (left, right) = area.split_left_right_at_fraction(0.5);
        for (side, rect) in contest.sides.iter().zip([left, right]) {
            self.picture(ui, side, rect.shrink(4.0), contest.parting == Some(self.cursor));
        }
    }

    fn picture(&self, ui: &mut Ui, side: &Side, rect: Rect, parting: bool) {
        let theme = Theme::of(ui);
        let contender = &side.contender;
        let who = text::contender(&contender.name, &contender.checkpoint.name());
        ui.scope_builder(eframe::egui::UiBuilder::new().max_rect(rect), |ui| {
            let mut head = who.clone();
            if let Some(moment) = side.at(self.cursor) {
                head = format!("{head} · {} {}", text::RETURN, short(moment.return_));
            }
            if side.ended && self.cursor as usize + 1 >= side.moments.len() {
                head = format!("{head} · {}", text::OVER);
            }
            ui.label(head);
            if let Some(note) = &side.note {
                ui.label(RichText::new(note).color(theme.problem));
            }
            let Some(moment) = side.at(self.cursor) else { return };
            let size = vec2(rect.width(), (rect.bottom() - ui.cursor().top()).max(40.0));
            let (place, response) = ui.allocate_exact_size(size, Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &who));
            paint(ui.painter(), response.id, place, &moment.scene, Detail::Full);
            if parting {
                ui.painter().rect_stroke(place, 2.0, (2.0, theme.problem), eframe::egui::StrokeKind::Inside);
            }
        });
    }
}

/// Which run and which of its weights.
fn choose(ui: &mut Ui, side: usize, (run, checkpoint): &mut (RunId, Checkpoint), model: &Model) {
    let name = |run: RunId| model.runs.get(run).map_or("", |run| run.name.as_str());
    let shown = text::contender(name(*run), &checkpoint.name());
    let side_name = ui.label([text::LEFT, text::RIGHT][side]);
    let combo = ComboBox::from_id_salt((text::COMPARE, side)).selected_text(shown).show_ui(ui, |ui| {
        for (number, of) in model.runs.iter().enumerate() {
            for offered in [Checkpoint::Best, Checkpoint::Latest] {
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
