//! Where everything is.

use eframe::egui::{CentralPanel, Frame, Panel as Side, Ui};

use super::App;
use crate::command::Command;
use crate::panels::{Context, Place};

/// A window that is narrower has panels of its own sizes, in points: those of a wide one would leave no room between.
const NARROW: f32 = 1150.0;

/// A window that is narrower than this begins without what is on the left, and than that without what is on the right: its
/// room is for the pictures.
const WITHOUT: [f32; 2] = [1000.0, 720.0];
/// A window that is lower has a larger share of its height for the pictures.
const LOW: f32 = 700.0;

/// Which sides are shown.
#[derive(Debug, Default)]
pub(super) struct Sides {
    /// What the user asked for, which stays however wide the window becomes; until then it goes by its width.
    asked: [Option<bool>; 2],
}

impl Sides {
    /// Whether the left and the right are shown in a window so wide.
    pub(super) fn shown(&self, width: f32) -> [bool; 2] {
        std::array::from_fn(|side| self.asked[side].unwrap_or(width >= WITHOUT[side]))
    }

    pub(super) fn toggle_left(&mut self, width: f32) {
        self.asked[0] = Some(!self.shown(width)[0]);
    }

    pub(super) fn toggle_right(&mut self, width: f32) {
        self.asked[1] = Some(!self.shown(width)[1]);
    }
}

impl App {
    pub(super) fn lay_out(&mut self, ui: &mut Ui) {
        let size = ui.available_size();
        let names = if size.x < NARROW { ["narrow left", "narrow right"] } else { ["left", "right"] };
        let [left, right] = [(0.17 * size.x).clamp(150.0, 230.0), (0.27 * size.x).clamp(332.0, 352.0)];
        let share = if size.y < LOW { 0.32 } else { 0.36 };
        let [bottom, under] = [(share * size.y).clamp(150.0, 400.0), (0.19 * size.y).clamp(100.0, 220.0)];
        let [with_left, with_right] = self.sides.shown(size.x);
        Side::top("toolbar").show(ui, |ui| self.toolbar(ui));
        Side::bottom("status").show(ui, |ui| self.status_bar(ui));
        if with_right {
            Side::right(names[1]).default_size(right).show(ui, |ui| self.tabs(ui, Place::Right));
        }
        // Before the left one, so that curves have the room under it.
        Side::bottom("bottom").resizable(true).default_size(bottom).show(ui, |ui| self.tabs(ui, Place::Bottom));
        if with_left {
            Side::left(names[0]).default_size(left).show(ui, |ui| self.stacked(ui, Place::Left));
        }
        Side::bottom("under").resizable(true).default_size(under).show(ui, |ui| self.stacked(ui, Place::Under));
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
                ui.spacing_mut().item_spacing.x = 2.0;
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
