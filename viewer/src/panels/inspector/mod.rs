//! What the network sees of a state, what its choice depends on, and how large its weights and gradients are.

mod pixels;
mod table;

use cartwheel_trainer::watch::{LayerNorms, Observation};
use eframe::egui::{Grid, Rect, ScrollArea, Sense, TextStyle, Ui, vec2};

use super::newest::{self, Newest};
use super::seen::Seen;
use super::subject::Subject;
use super::{Context, Panel, Place, cut};
use crate::command::Commands;
use crate::number::short;
use crate::observation::{Field, row, unnamed};
use crate::overlays;
use crate::text;
use crate::theme::Theme;

/// Width of a bar beside a norm, and of all that is behind a layer's name, in points.
const BAR: f32 = 32.0;
const NUMBERS: f32 = 212.0;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Inspector {
    newest: Newest,
    seen: Seen,
}

impl Panel for Inspector {
    fn name(&self) -> &'static str {
        text::INSPECTOR
    }

    fn place(&self) -> Place {
        Place::Right
    }

    fn is_for_agents(&self) -> bool {
        true
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, commands: &mut Commands) {
        newest::ask_for_weights(ui, context, commands);
        let layers = context.live().map(|live| live.status.layers.as_slice()).unwrap_or_default();
        // The table scrolls by itself: room for the layers is kept under it.
        let below = if layers.is_empty() { 0.0 } else { 40.0 + 18.0 * layers.len().min(8) as f32 };
        match Subject::of(context) {
            None => drop(ui.weak(text::NOTHING_TO_INSPECT)),
            Some(subject) => {
                let of = format!("{} {}, {} {}", text::ENVIRONMENT, subject.env, text::STEP, subject.step);
                ui.label(of);
                match subject.observation {
                    None => drop(ui.weak(text::NO_OBSERVATION)),
                    Some(observation) => self.observation(ui, context, subject, observation, below),
                }
            }
        }
        if !layers.is_empty() {
            ui.separator();
            let learns = context.live().is_some_and(|live| live.status.updates > 0);
            norms(ui, layers, learns);
        }
    }
}

impl Inspector {
    fn observation(
        &mut self,
        ui: &mut Ui,
        context: Context<'_>,
        subject: Subject<'_>,
        observation: &Observation,
        below: f32,
    ) {
        let numbers = row(observation);
        let spaces = context.spaces(subject.run).filter(|spaces| spaces.fields.len() == numbers.len());
        let saliency = self.saliency(context, subject, observation);
        if let Err(why) = &saliency {
            ui.weak(why);
        }
        let saliency = saliency.unwrap_or_default();
        if let (Some(spaces), Observation::U8(bytes)) = (spaces, observation)
            && let Some(layout) = spaces.layout
        {
            return pixels::ui(ui, layout, bytes, &spaces.fields, &saliency);
        }
        self.seen.follow(subject.run, numbers);
        if let Some(film) = &context.model.film {
            self.seen.follow_film(film);
        }
        let own: Vec<Field>;
        let fields = match spaces {
            Some(spaces) => &spaces.fields,
            None => {
                own = unnamed(numbers.len());
                &own
            }
        };
        let height = (ui.available_height() - below).max(100.0);
        table::Table { fields, numbers, seen: &self.seen, saliency: &saliency }.ui(ui, height);
    }

    /// For each number, how the value of the chosen action changes with it; of the best one where none was chosen.
    fn saliency(
        &mut self,
        context: Context<'_>,
        subject: Subject<'_>,
        observation: &Observation,
    ) -> Result<Vec<f32>, String> {
        let (judge, _) = self.newest.judge(context, subject.run)?;
        let values = overlays::values(subject.verdict.judgement);
        let best = || if values.is_empty() { 0 } else { cartwheel_agents::argmax(values) };
        judge.saliency(row(observation), subject.verdict.action.unwrap_or_else(best))
    }
}

/// The norms of each layer's parameters and of its last gradient, if there was one yet.
fn norms(ui: &mut Ui, layers: &[LayerNorms], learns: bool) {
    let theme = Theme::of(ui);
    let greatest = |of: fn(&LayerNorms) -> f32| layers.iter().map(of).fold(f32::MIN_POSITIVE, f32::max);
    let (most_parameters, most_gradient) = (greatest(|layer| layer.parameters), greatest(|layer| layer.gradient));
    let room = ui.available_width() - NUMBERS;
    ScrollArea::vertical().id_salt("layers").show(ui, |ui| {
        Grid::new("layers").striped(true).min_col_width(BAR).show(ui, |ui| {
            [text::LAYER, text::PARAMETERS_NORM, "", text::GRADIENT_NORM, ""]
                .iter()
                .for_each(|head| drop(ui.weak(*head)));
            ui.end_row();
            for layer in layers {
                ui.label(cut(ui, &layer.name, room, &TextStyle::Body)).on_hover_text(&layer.name);
                ui.label(short(layer.parameters.into()));
                bar(ui, layer.parameters / most_parameters, theme.value, theme);
                ui.label(if learns { short(layer.gradient.into()) } else { text::NONE_YET.to_owned() });
                bar(ui, layer.gradient / most_gradient, theme.chosen, theme);
                ui.end_row();
            }
        });
    });
}

/// A small bar of a share from 0 to 1.
fn bar(ui: &mut Ui, share: f32, color: eframe::egui::Color32, theme: &Theme) {
    let (rect, _) = ui.allocate_exact_size(vec2(BAR, 8.0), Sense::hover());
    ui.painter().rect_filled(rect, 1.0, theme.well);
    let width = rect.width() * if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    ui.painter().rect_filled(Rect::from_min_size(rect.min, vec2(width, rect.height())), 1.0, color);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::model::{Model, Update};
    use crate::panels::testing::{frame, live, panel_harness};
    use crate::source::fixture;
    use crate::state::State;
    use cartwheel_trainer::watch::{Reply, Request, Status};
    use egui_kittest::kittest::Queryable as _;

    fn observing(values: [f32; 4]) -> Update {
        let mut frame = frame("CartPole-v1", 0);
        frame.observation = Some(Observation::F32(values.to_vec()));
        Update::Reply(Reply::Frames(vec![frame]))
    }

    #[test]
    fn numbers_have_ranges_and_saliency() {
        let mut model = live("CartPole-v1", 1);
        model.apply(observing([0.5, 1.0, -0.02, 0.0]));
        let mut harness = panel_harness(Inspector::default(), model, State::default());
        harness.run();
        harness.state_mut().model.apply(observing([0.25, 1.0, 0.03, 0.0]));
        harness.run();
        let row = harness.get_by_label_contains("position 0.250");
        let label = format!("{row:?}");
        assert!(label.contains("seen 0.250 to 0.500") && label.contains("saliency"), "{label}");
        assert!(harness.state().commands.contains(&Command::Ask(Request::Weights { newer_than: Some(1) })));
    }

    #[test]
    fn without_weights_the_numbers_are_still_there() {
        let mut model = live("CartPole-v1", 1);
        model.live.as_mut().expect("live").weights = None;
        model.runs[0].spaces = None;
        let mut harness = panel_harness(Inspector::default(), model, State::default());
        harness.run();
        harness.get_by_label(text::WEIGHTS_AWAITED);
        harness.get_by_label_contains("[3]");
    }

    /// The weights of an episode's judge are not those of the live run.
    #[test]
    fn an_episode_is_judged_by_its_own_weights() {
        let mut model = live("CartPole-v1", 1);
        let mut film = fixture::film(2);
        film.moments.iter_mut().for_each(|moment| moment.observation = Observation::F32(vec![0.1; 4]));
        fixture::show(&mut model, film.clone());
        let mut harness = panel_harness(Inspector::default(), model, State::default());
        harness.run();
        harness.get_by_label(text::NO_JUDGE);
        film.weights = harness.state().model.live.as_ref().and_then(|live| live.weights.clone());
        fixture::show(&mut harness.state_mut().model, film);
        harness.run();
        assert!(format!("{:?}", harness.get_by_label_contains("position")).contains("saliency"));
        assert_eq!(harness.state().commands, [], "nothing is asked of the live run");
    }

    #[test]
    fn an_image_is_a_picture_with_its_strongest_pixels() {
        let mut harness = panel_harness(Inspector::default(), live("MinAtar/Breakout-v1", 1), State::default());
        harness.run();
        harness.get_by_label(text::STRONGEST);
        harness.get_by_label(text::OBSERVATION);
    }

    #[test]
    fn layers_have_their_norms() {
        let mut model = live("CartPole-v1", 1);
        let layer = |name: &str| LayerNorms { name: name.into(), parameters: 3.5, gradient: 0.25 };
        let layers = vec![layer("0.weight"), layer("0.bias")];
        model.apply(Update::Reply(Reply::Status(Status { layers, ..Status::default() })));
        let mut harness = panel_harness(Inspector::default(), model, State::default());
        harness.run();
        harness.get_by_label("0.weight");
        assert_eq!(harness.get_all_by_label("3.500").count(), 2);
        assert_eq!(harness.get_all_by_label(text::NONE_YET).count(), 2, "there was no gradient yet");
        let layers = vec![layer("0.weight"), layer("0.bias")];
        let status = Status { layers, updates: 1, ..Status::default() };
        harness.state_mut().model.apply(Update::Reply(Reply::Status(status)));
        harness.run();
        assert_eq!(harness.get_all_by_label("0.250").count(), 2);
    }

    #[test]
    fn absence_is_told_in_words() {
        let mut harness = panel_harness(Inspector::default(), Model::default(), State::default());
        harness.run();
        harness.get_by_label(text::NOTHING_TO_INSPECT);
        let mut blind = live("CartPole-v1", 2);
        blind.live.as_mut().expect("live").frames.values_mut().for_each(|frame| frame.observation = None);
        harness.state_mut().model = blind;
        harness.run();
        harness.get_by_label(text::NO_OBSERVATION);
    }
}
