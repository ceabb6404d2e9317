//! Texts with what was written for them, and users with what they are told to choose.

use cartwheel_trainer::supervised::{Answer, Given, Sample};
use eframe::egui::{Align, Label, Layout, RichText, Ui};

use crate::number::short;
use crate::text;
use crate::theme::Theme;

/// Width of what words are called, in points.
const NAMES: f32 = 64.0;

/// Shows all of them, one under the other.
pub(super) fn show(ui: &mut Ui, samples: &[Sample], answers: &[Vec<Answer>]) {
    for (sample, answers) in samples.iter().zip(answers) {
        match &sample.given {
            Given::Text(source) => translation(ui, source, sample, answers),
            Given::User { name, history } => user(ui, name, history, sample, answers),
            Given::Picture(_) => {}
        }
        ui.separator();
    }
}

fn translation(ui: &mut Ui, source: &str, sample: &Sample, answers: &[Answer]) {
    let theme = Theme::of(ui);
    let written = answers.first().map_or("", |answer| &answer.text);
    let right = sample.is_right(answers);
    row(ui, text::SOURCE, RichText::new(source));
    let words = RichText::new(if written.is_empty() { text::NOTHING_WRITTEN } else { written });
    let words = if written.is_empty() { words.italics() } else { words };
    row(ui, text::WRITTEN, words.color(if right { theme.gain } else { theme.problem }));
    if !right {
        row(ui, text::EXPECTED, RichText::new(&sample.expected));
    }
}

fn user(ui: &mut Ui, name: &str, history: &[String], sample: &Sample, answers: &[Answer]) {
    let theme = Theme::of(ui);
    row(ui, text::USER, RichText::new(name).strong());
    row(ui, text::CHOSE_LAST, RichText::new(history.join(" \u{b7} ")));
    let color = if sample.is_right(answers) { theme.gain } else { theme.problem };
    row(ui, text::CHOSE_THEN, RichText::new(&sample.expected).color(color));
    named(ui, text::TOP_LIST, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().interact_size.y = 0.0;
            for (i, answer) in answers.iter().enumerate() {
                let score = answer.score.map_or(String::new(), |score| format!(" ({})", short(score.into())));
                let words = RichText::new(format!("{}. {}{score}", i + 1, answer.text));
                let hit = answer.text == sample.expected;
                ui.add(Label::new(if hit { words.strong().color(theme.gain) } else { words }).extend());
            }
        });
    });
}

/// Words with what they are.
fn row(ui: &mut Ui, name: &str, words: RichText) {
    named(ui, name, |ui| drop(ui.add(Label::new(words).wrap())));
}

fn named(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui)) {
    ui.horizontal_top(|ui| {
        let size = [NAMES, ui.spacing().interact_size.y].into();
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Min), |ui| {
            ui.set_min_width(NAMES);
            ui.weak(name);
        });
        ui.vertical(add);
    });
}
