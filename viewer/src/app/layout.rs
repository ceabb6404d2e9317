//! Where everything is.

use eframe::egui::{CentralPanel, Frame, Panel as Side, Ui, UiBuilder};

use super::App;
use super::preferences::Preferences;
use crate::command::Command;
use crate::panels::{Context, Panel, Place};

/// A window that is narrower has panels of its own sizes, in points: those of a wide one would leave no room between.
const NARROW: f32 = 1150.0;

/// A window that is narrower than this begins without what is on the left, and than that without what is on the right: its
/// room is for the pictures.
const WITHOUT: [f32; 2] = [1000.0, 720.0];
/// A window that is lower has a larger share of its height for the pictures.
const LOW: f32 = 700.0;

/// The least width and height of what is in the middle, and the least height of what is under it, in points: panels around
/// them that were larger in a larger window give way. In a very low one the middle takes no larger share than this.
const MIDDLE: [f32; 2] = [380.0, 230.0];
const SHARE: f32 = 0.39;
const UNDER: f32 = 122.0;
/// The height of the bars at the top and at the bottom, in points.
const BARS: f32 = 56.0;
/// The least of a panel, in points, however small the window is.
const LEAST: f32 = 80.0;

impl Preferences {
    /// A panel of the size that it was dragged to in the last session, or else of this one, and of at most `most` points.
    fn panel(&self, panel: Side, name: &str, size: f32, most: f32) -> Side {
        let most = most.max(LEAST);
        panel.resizable(true).default_size(self.sizes.get(name).copied().unwrap_or(size)).max_size(most)
    }

    /// A panel has this size now: kept if it was dragged there.
    fn note(&mut self, ui: &Ui, name: &str, size: f32, before: f32) {
        let known = self.sizes.get(name).copied().unwrap_or(before);
        if ui.input(|input| input.pointer.primary_down()) && (size - known).abs() > 0.5 {
            self.sizes.insert(name.to_owned(), size);
        }
    }
}

impl App {
    /// Whether the left and the right are shown in a window so wide: what the user asked for stays however wide it becomes,
    /// and until then it goes by its width; and a side without panels is not there.
    pub(super) fn sides(&self, width: f32) -> [bool; 2] {
        let asked = |side: usize| self.preferences.sides[side].unwrap_or(width >= WITHOUT[side]);
        [asked(0), asked(1) && self.has_right_side()]
    }

    /// Whether there are panels on the right for what is looked at.
    pub(super) fn has_right_side(&self) -> bool {
        let fits = self.fits();
        self.panels.iter().any(|panel| is_in(panel.as_ref(), Place::Right, fits))
    }

    /// Shows or hides the left (0) or the right (1).
    pub(super) fn toggle(&mut self, side: usize, width: f32) {
        self.preferences.sides[side] = Some(!self.sides(width)[side]);
    }

    /// Whether the run that is looked at fits a model to data.
    pub(super) fn fits(&self) -> bool {
        Context { model: &self.model, state: &self.state }.fit().is_some()
    }

    pub(super) fn lay_out(&mut self, ui: &mut Ui) {
        let size = ui.available_size();
        let names = if size.x < NARROW { ["narrow left", "narrow right"] } else { ["left", "right"] };
        let [left, right] = [(0.17 * size.x).clamp(150.0, 230.0), (0.27 * size.x).clamp(332.0, 352.0)];
        let share = if size.y < LOW { 0.32 } else { 0.36 };
        let [bottom, under] = [(share * size.y).clamp(150.0, 400.0), (0.19 * size.y).clamp(UNDER, 220.0)];
        let [with_left, with_right] = self.sides(size.x);
        let middle = [MIDDLE[0], MIDDLE[1].min(SHARE * size.y)];
        let most = [size.x - middle[0] - if with_left { left } else { 0.0 }, size.y - BARS - middle[1] - UNDER];
        Side::top("toolbar").show(ui, |ui| self.toolbar(ui));
        Side::bottom("status").show(ui, |ui| self.status_bar(ui));
        if with_right {
            let panel = self.preferences.panel(Side::right(names[1]), names[1], right, most[0]);
            let shown = panel.show(ui, |ui| self.tabs(ui, Place::Right)).response.rect.width();
            self.preferences.note(ui, names[1], shown, right);
        }
        // Before the left one, so that curves have the room under it.
        let panel = self.preferences.panel(Side::bottom("bottom"), "bottom", bottom, most[1]);
        let shown = panel.show(ui, |ui| self.tabs(ui, Place::Bottom)).response.rect.height();
        self.preferences.note(ui, "bottom", shown, bottom);
        if with_left {
            let most = ui.available_width() - middle[0];
            let panel = self.preferences.panel(Side::left(names[0]), names[0], left, most);
            let shown = panel.show(ui, |ui| self.stacked(ui, Place::Left)).response.rect.width();
            self.preferences.note(ui, names[0], shown, left);
        }
        // What is fitted to data has no episodes that time could be gone through in.
        if !self.fits() {
            let most = ui.available_height() - middle[1];
            let panel = self.preferences.panel(Side::bottom("under"), "under", under, most);
            let shown = panel.show(ui, |ui| self.stacked(ui, Place::Under)).response.rect.height();
            self.preferences.note(ui, "under", shown, under);
        }
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
        let fits = self.fits();
        let Some((_, front)) = self.front.iter_mut().find(|(of, _)| *of == place) else { return };
        let here = || self.panels.iter().filter(|panel| is_in(panel.as_ref(), place, fits));
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
            // What it has no room for is cut: a place that grew with it would push others aside.
            let room = ui.available_rect_before_wrap();
            let mut inside = ui.new_child(UiBuilder::new().id_salt(panel.name()).max_rect(room));
            inside.shrink_clip_rect(room);
            panel.ui(&mut inside, context, &mut self.commands);
        }
        ui.take_available_space();
    }
}

/// Whether a panel is in a place: one about agents is in none while a run that fits a model to data is looked at.
fn is_in(panel: &dyn Panel, place: Place, fits: bool) -> bool {
    panel.place() == place && !(fits && panel.is_for_agents())
}
