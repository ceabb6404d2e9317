//! What the user has chosen of how curves look, and the row of widgets that changes it.

use eframe::egui::{ComboBox, Slider, SliderClamping, Ui};

use super::scales::Scales;
use crate::number;
use crate::panels::break_unless;
use crate::series::Axis;
use crate::text;

/// Width of the choice of an axis, in points.
const COMBO: f32 = 84.0;
/// Width of the slider, in points.
const SLIDER: f32 = 70.0;

/// Curves are smoothed by no more than one of so many parts of their axis where nothing else was chosen.
const SHARE: f64 = 50.0;

/// Width of the slider with its name and its value, in points.
const SMOOTHING: f32 = 210.0;

/// What may be saved of the plots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Save {
    /// How they look.
    Picture,
    /// The points of their curves.
    Table,
}

/// How all plots look.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) scales: Scales,
    /// By how much curves are smoothed, in the units of each axis, where that was chosen; 0 for not at all.
    smoothing: [Option<f64>; 3],
    /// By how much they are else.
    own_smoothing: [f64; 3],
    /// Whether runs that differ in no more than their seeds are averaged.
    pub(super) grouped: bool,
}

impl Look {
    /// By how much curves are smoothed along the axis that is shown, in its units.
    pub(super) fn smoothing(&self) -> f64 {
        let axis = self.scales.axis as usize;
        self.smoothing[axis].unwrap_or(self.own_smoothing[axis])
    }

    /// Smooths by so much along the axis that is shown.
    #[cfg(test)]
    pub(super) fn smooth_by(&mut self, scale: f64) {
        self.smoothing[self.scales.axis as usize] = Some(scale);
    }

    /// Curves go so far along the axis now.
    pub(super) fn follow(&mut self, extent: f64) {
        self.own_smoothing[self.scales.axis as usize] = own_smoothing(extent);
    }

    /// The row of widgets. `extent` is how far curves go along the axis. Answers what was asked for with them.
    pub(super) fn ui(&mut self, ui: &mut Ui, extent: f64) -> Option<Save> {
        let axis = &mut self.scales.axis;
        ComboBox::from_label(text::X_AXIS).width(COMBO).selected_text(name(*axis)).show_ui(ui, |ui| {
            for choice in Axis::ALL {
                ui.selectable_value(axis, choice, name(choice));
            }
        });
        ui.checkbox(&mut self.scales.log_x, text::LOG_X);
        ui.checkbox(&mut self.scales.log_y, text::LOG_Y);
        let (axis, most) = (*axis, (extent / 2.0).max(1.0));
        let mut smoothing = self.smoothing();
        let slider = Slider::new(&mut smoothing, 0.0..=most)
            .logarithmic(true)
            // What was chosen stays, though curves are shorter now, or along another axis.
            .clamping(SliderClamping::Edits)
            .smallest_positive(most / 1e4)
            .custom_formatter(
                move |value, _| if axis == Axis::WallTime { number::seconds(value) } else { number::compact(value) },
            );
        ui.spacing_mut().slider_width = SLIDER;
        break_unless(ui, SMOOTHING);
        let label = ui.label(text::SMOOTHING);
        if ui.add(slider).labelled_by(label.id).on_hover_text(text::SMOOTHING_HINT).changed() {
            self.smoothing[axis as usize] = Some(smoothing);
        }
        ui.checkbox(&mut self.grouped, text::GROUPED).on_hover_text(text::GROUPED_HINT);
        let buttons = [
            (Save::Picture, text::SAVE_PICTURE, text::SAVE_PICTURE_HINT),
            (Save::Table, text::SAVE_TABLE, text::SAVE_TABLE_HINT),
        ];
        // All of them are painted, whichever is clicked.
        let clicked = buttons.map(|(save, name, hint)| ui.button(name).on_hover_text(hint).clicked().then_some(save));
        clicked.into_iter().flatten().next()
    }
}

/// By how much curves that go so far are smoothed where nothing else was chosen: the returns of thousands of episodes are else
/// one block of color, while curves of few points stay as they are. A power of two, so that a curve that grows is seldom
/// smoothed from its start again.
fn own_smoothing(extent: f64) -> f64 {
    let share = extent / SHARE;
    if share >= 1.0 { 2_f64.powf(share.log2().floor()) } else { 0.0 }
}

/// What an axis is called.
pub(super) fn name(axis: Axis) -> &'static str {
    match axis {
        Axis::Steps => text::AXIS_STEPS,
        Axis::Episodes => text::AXIS_EPISODES,
        Axis::WallTime => text::AXIS_WALL_TIME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_are_smoothed_in_steps_of_a_power_of_two() {
        assert_eq!([0.0, 49.0, 50.0, 199.0, 200.0, 1e6].map(own_smoothing), [0.0, 0.0, 1.0, 2.0, 4.0, 16_384.0]);
    }
}
