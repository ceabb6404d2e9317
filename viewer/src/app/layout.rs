//! Where everything is.

use eframe::egui::{CentralPanel, Frame, Panel as Side, Ui};

use super::App;
use crate::command::Command;
use crate::panels::{Context, Place};

impl App {
    pub(super) fn lay_out(&mut self, ui: &mut Ui) {
        Side::top("toolbar").show(ui, |ui| self.toolbar(ui));
        Side::bottom("status").show(ui, |ui| self.status_bar(ui));
        Side::left("left").default_size(230.0).show(ui, |ui| self.stacked(ui, Place::Left));
        Side::right("right").default_size(340.0).show(ui, |ui| self.tabs(ui, Place::Right));
        Side::bottom("bottom").resizable(true).default_size(260.0).show(ui, |ui| self.tabs(ui, Place::Bottom));
        Side::bottom("under").resizable(true).default_size(165.0).show(ui, |ui| self.stacked(ui, Place::Under));
        let frame = Frame::central_panel(ui.style()).inner_margin(4);
        CentralPanel::default().frame(frame).show(ui, |ui| self.stacked(ui, Place::Center));
        self.palette(ui.ctx());
        self.help(ui.ctx());
    }

    /// The panels of a place, one under the other.
    fn stacked(&mut self, ui: &mut Ui, place: Place) {
        let context = Context { model: &self.model, state: &self.state };
        for panel in self.panels.iter_mut().filter(|panel| panel.place() == place) {
            panel.ui(ui, context, &mut self.commands);
        }
        // A place keeps its size, however much its panels have to show.
        ui.take_available_space();
    }

    /// The panels of a place, one in front.
    fn tabs(&mut self, ui: &mut Ui, place: Place) {
        let context = Context { model: &self.model, state: &self.state };
        let Some((_, front)) = self.front.iter_mut().find(|(of, _)| *of == place) else { return };
        let here = || self.panels.iter().filter(|panel| panel.place() == place);
        if !here().any(|panel| panel.name() == *front) {
            *front = here().next().map_or("", |panel| panel.name());
        }
        if here().count() > 1 {
            ui.horizontal_wrapped(|ui| {
                for panel in here() {
                    if ui.selectable_value(front, panel.name(), panel.name()).clicked() {
                        self.commands.push(Command::Drive(panel.driven()));
                    }
                }
            });
            ui.separator();
        }
        if let Some(panel) = self.panels.iter_mut().find(|panel| panel.place() == place && panel.name() == *front) {
            panel.ui(ui, context, &mut self.commands);
        }
        ui.take_available_space();
    }
}
