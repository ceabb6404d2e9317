//! What is wrong with the runs that are shown, with the evidence and what to try.

use cartwheel_trainer::doctor::{Complaint, Finding};
use eframe::egui::{RichText, ScrollArea, Ui};

use super::{Context, Panel, Place};
use crate::command::Commands;
use crate::model::Run;
use crate::text;
use crate::theme::Theme;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Doctor;

impl Panel for Doctor {
    fn name(&self) -> &'static str {
        text::DOCTOR
    }

    fn place(&self) -> Place {
        Place::Bottom
    }

    fn is_for_agents(&self) -> bool {
        true
    }

    fn ui(&mut self, ui: &mut Ui, context: Context<'_>, _commands: &mut Commands) {
        ScrollArea::vertical().id_salt("doctor").auto_shrink(false).show(ui, |ui| {
            let mut ill = context.model.runs.iter().filter(|run| run.shown && !run.findings.is_empty()).peekable();
            if ill.peek().is_none() {
                ui.label(text::NOTHING_FOUND);
                ui.weak(text::LOOKED_FOR);
                for complaint in Complaint::ALL {
                    ui.weak(format!("\u{2022} {complaint}"));
                }
            }
            for run in ill {
                findings(ui, run);
            }
        });
    }
}

fn findings(ui: &mut Ui, run: &Run) {
    ui.strong(&run.name);
    for Finding { complaint, step, evidence } in &run.findings {
        let words = format!("{complaint} ({} {step})", text::STEP);
        ui.label(RichText::new(words).color(Theme::of(ui).problem));
        ui.indent(complaint.name(), |ui| {
            ui.label(format!("{evidence}."));
            ui.weak(format!("{}.", complaint.advice()));
        });
    }
}

#[cfg(test)]
mod tests {
    use cartwheel_trainer::run::MetricsRow;
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::model::Update;
    use crate::panels::testing::{opened, panel_harness};
    use crate::state::State;

    #[test]
    fn what_is_found_is_told_with_evidence_and_advice() {
        let mut model = opened("CartPole-v1");
        let mut harness = panel_harness(Doctor, opened("CartPole-v1"), State::default());
        harness.run();
        harness.get_by_label(text::NOTHING_FOUND);
        let row = |step, share| {
            let metrics = [("rollout/outside_space".to_owned(), share)].into();
            MetricsRow { step, metrics, ..MetricsRow::default() }
        };
        model.apply(Update::Metrics(0, vec![row(1000, 0.0), row(2000, 0.25)]));
        assert_eq!(model.runs[0].findings.len(), 1);
        let mut harness = panel_harness(Doctor, model, State::default());
        harness.run();
        harness.get_by_label("observations are outside of their space (step 2000)");
        harness.get_by_label_contains("25 % of the observations");
        harness.get_by_label_contains("cartwheel env check");
        // A run that begins anew is healthy until more is known.
        harness.state_mut().model.apply(Update::Restarted(0));
        harness.run();
        harness.get_by_label(text::NOTHING_FOUND);
        harness.state_mut().model.apply(Update::Metrics(0, vec![row(500, 0.5)]));
        harness.run();
        harness.get_by_label("observations are outside of their space (step 500)");
    }
}
