//! The numbers of a branch's last state, to be changed.

use eframe::egui::{Button, DragValue, Grid, Ui};

use crate::source::Branch;
use crate::text;

/// The numbers as a person left them, for the state that they were read from.
#[derive(Debug, Default)]
pub(super) struct StateEditor {
    /// The branch's number and its state's.
    of: (u32, Vec<f64>),
    values: Vec<f64>,
}

impl StateEditor {
    /// Shows them, and answers those that are to be set.
    pub(super) fn show(&mut self, ui: &mut Ui, branch: &Branch) -> Option<Vec<f64>> {
        ui.separator();
        if branch.variables.is_empty() {
            ui.weak(text::NO_STATE_VARIABLES);
            return None;
        }
        let present: Vec<f64> = branch.variables.iter().map(|variable| variable.value).collect();
        let of = (branch.question.branch, present);
        if self.of != of {
            (self.values, self.of) = (of.1.clone(), of);
        }
        ui.strong(text::STATE);
        Grid::new(text::STATE).num_columns(2).show(ui, |ui| {
            for (variable, value) in branch.variables.iter().zip(&mut self.values) {
                let name = ui.label(&*variable.name);
                let width = variable.range.end() - variable.range.start();
                // A state may be beyond the range that one would set it to, and is left there.
                let number = DragValue::new(value).range(variable.range.clone()).clamp_existing_to_range(false);
                let number = if variable.is_integer {
                    number.fixed_decimals(0).speed(0.05)
                } else {
                    number.max_decimals(5).speed(width / 300.0)
                };
                let changed = ui.add(number).labelled_by(name.id).changed();
                if changed && variable.is_integer {
                    *value = value.round();
                }
                ui.end_row();
            }
        });
        let set = ui.add_enabled(self.values != self.of.1, Button::new(text::SET_STATE));
        set.on_hover_text(text::SET_STATE_HINT).clicked().then(|| self.values.clone())
    }
}
