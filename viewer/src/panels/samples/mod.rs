//! What a model that is fitted to data makes of a few samples that it does not learn from, epoch by epoch.

mod pictures;
mod words;

use cartwheel_trainer::supervised::{Given, Look};
use eframe::egui::{ScrollArea, Slider, Ui, WidgetInfo};

use super::{Context, Panel, Place};
use crate::command::Commands;
use crate::model::{Run, RunId};
use crate::text;

/// How far down words are that stand in for samples, as a share of the height.
const EYE: f32 = 0.3;
/// Width of the slider of epochs, in points.
const SLIDER: f32 = 140.0;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// The run that was shown in the last frame.
    run: Option<RunId>,
    /// The epoch that is looked back at; else the newest is shown.
    epoch: Option<u64>,
}

impl Panel for Samples {
    fn name(&self) -> &'static str {
        text::SAMPLES
    }

    fn place(&self) -> Place {
        Place::Center
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, _: &mut Commands) {
        let Some((id, run)) = context.fit() else { return };
        if self.run.replace(id) != Some(id) {
            self.epoch = None;
        }
        let shown = run.samples.as_ref().filter(|samples| !samples.samples.is_empty());
        let Some((samples, last)) = shown.and_then(|samples| Some((samples, samples.looks.len().checked_sub(1)?)))
        else {
            return none(ui, run);
        };
        let at = self.epoch.map_or(last, |epoch| samples.looks.partition_point(|look| look.epoch < epoch).min(last));
        let at = self.epochs(ui, &samples.looks, at);
        let look = &samples.looks[at];
        let users = matches!(samples.samples[0].given, Given::User { .. });
        ui.weak(text::right(look.right(&samples.samples), samples.samples.len(), &samples.part, users));
        let height = ui.available_height();
        ScrollArea::vertical().id_salt(text::SAMPLES).auto_shrink(false).show(ui, |ui| {
            match samples.samples[0].given {
                Given::Picture(_) => pictures::show(ui, height, &samples.samples, &look.answers),
                Given::Text(_) | Given::User { .. } => words::show(ui, &samples.samples, &look.answers),
            }
        });
    }
}

impl Samples {
    /// After which epoch, and a slider to others: the place of the one that is chosen.
    fn epochs(&mut self, ui: &mut Ui, looks: &[Look], at: usize) -> usize {
        let mut place = at;
        ui.horizontal(|ui| {
            let last = looks.len() - 1;
            if last > 0 {
                ui.spacing_mut().slider_width = SLIDER;
                let response = ui.add(Slider::new(&mut place, 0..=last).show_value(false));
                response.widget_info(|| WidgetInfo::slider(true, looks[place].epoch as f64, text::EPOCH));
                // Else the arrow keys would go on being the slider's.
                if response.drag_stopped() {
                    response.surrender_focus();
                }
                if response.changed() {
                    // At the end it goes on with the run.
                    self.epoch = (place < last).then_some(looks[place].epoch);
                }
            }
            // Behind the slider, which keeps its place however long the number is.
            ui.strong(text::after_epoch(looks[place].epoch));
        });
        place
    }
}

/// Words in the place of samples.
fn none(ui: &mut Ui, run: &Run) {
    ui.add_space(EYE * ui.available_height());
    ui.vertical_centered(|ui| {
        ui.weak(if run.put_aside { text::SAMPLES_PUT_ASIDE } else { text::NO_SAMPLES });
        if let Some(headline) = run.headline() {
            ui.label(headline);
        }
    });
}

#[cfg(test)]
mod tests {
    use cartwheel_trainer::supervised::{self, Answer, Picture, Sample};
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::model::{Model, Update};
    use crate::panels::testing::{PanelHarness, panel_harness};
    use crate::state::State;

    fn answer(text: &str, score: f32) -> Answer {
        Answer { text: text.into(), score: Some(score) }
    }

    /// A run that was looked at after epochs 1, 2 and 5, with other answers each time.
    fn looked_at(sample: &Sample, answers: [Vec<Answer>; 3]) -> Model {
        let mut model = Model::default();
        model.apply(Update::Opened("runs/fitted".into()));
        model.apply(Update::Fit(0, Vec::new()));
        let look = |(epoch, answers)| Look { epoch, answers: vec![answers] };
        let samples = supervised::Samples {
            part: "validation".into(),
            samples: vec![sample.clone()],
            looks: [1, 2, 5].into_iter().zip(answers).map(look).collect(),
        };
        model.apply(Update::Samples(0, Box::new(samples)));
        model
    }

    fn picture() -> Sample {
        let picture = Picture { width: 8, channels: 1, pixels: (0..64).map(|i| 4 * i).collect() };
        Sample { given: Given::Picture(picture), expected: "3".into() }
    }

    fn shown<'a>(model: Model) -> Harness<'a, PanelHarness<Samples>> {
        let mut harness = panel_harness(Samples::default(), model, State { run: Some(0), ..State::default() });
        harness.run();
        harness
    }

    #[test]
    fn a_picture_has_its_class_and_what_it_was_taken_for() {
        let answers = [
            vec![answer("8", 0.5), answer("3", 0.25)],
            vec![answer("3", 0.75)],
            vec![answer("3", 0.98), answer("8", 0.02)],
        ];
        let mut harness = shown(looked_at(&picture(), answers));
        harness.get_by_label("After epoch 5");
        harness.get_by_label("validation: 1 of 1 right");
        harness.get_by_label("3, 98 %");
        // Back by a key, as the slider is a widget like any other.
        harness.get_by_label("Epoch").focus();
        harness.run();
        for _ in 0..2 {
            harness.key_press(eframe::egui::Key::ArrowLeft);
            harness.run();
        }
        harness.get_by_label("After epoch 1");
        harness.get_by_label("8, is 3, 50 %");
        harness.get_by_label("validation: 0 of 1 right");
        // What is new does not take one away from what is looked back at.
        let model = &mut harness.state_mut().model;
        let mut samples = model.runs[0].samples.clone().expect("there are some");
        samples.looks.push(Look { epoch: 6, answers: vec![vec![answer("3", 1.0)]] });
        model.apply(Update::Samples(0, Box::new(samples)));
        harness.run();
        harness.get_by_label("After epoch 1");
    }

    #[test]
    fn a_text_has_what_was_written_and_what_was_to_be() {
        let sample = Sample { given: Given::Text("1 2".into()), expected: "twelve".into() };
        let texts = ["one one", "twelve one", "twelve"].map(|text| vec![Answer { text: text.into(), score: None }]);
        let harness = shown(looked_at(&sample, texts.clone()));
        harness.get_by_label("1 2");
        harness.get_by_label("twelve");
        assert!(harness.query_by_label(text::EXPECTED).is_none(), "it is what was written");
        let [wrong, ..] = texts;
        let harness = shown(looked_at(&sample, [wrong.clone(), wrong.clone(), wrong]));
        harness.get_by_label("one one");
        harness.get_by_label(text::EXPECTED);
        harness.get_by_label("twelve");
    }

    #[test]
    fn a_user_has_a_history_and_a_list() {
        let given = Given::User { name: "u7".into(), history: vec!["Alien".into(), "Heat".into()] };
        let sample = Sample { given, expected: "Ronin".into() };
        let list = vec![answer("Speed", 2.5), answer("Ronin", 1.25)];
        let harness = shown(looked_at(&sample, [list.clone(), list.clone(), list]));
        for words in ["u7", "Alien \u{b7} Heat", "Ronin", "1. Speed (2.500)", "2. Ronin (1.250)"] {
            harness.get_by_label(words);
        }
        harness.get_by_label("validation: what 1 of 1 users chose then is in their list");
    }

    #[test]
    fn absence_is_told_in_words() {
        let mut model = looked_at(&picture(), [const { Vec::new() }; 3]);
        model.runs[0].samples = None;
        let mut harness = shown(model);
        harness.get_by_label(text::NO_SAMPLES);
        harness.state_mut().model.runs[0].put_aside = true;
        harness.run();
        harness.get_by_label(text::SAMPLES_PUT_ASIDE);
        harness.state_mut().model.runs[0].fit = false;
        harness.run();
        assert!(harness.query_by_label(text::SAMPLES_PUT_ASIDE).is_none(), "it is an agent's");
    }
}
