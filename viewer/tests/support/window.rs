//! The window of a test, with hands.

use cartwheel_trainer::watch::{self, Request};
use cartwheel_viewer::{App, Order, Update};
use crossbeam::channel::{Receiver, Sender, unbounded};
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::fixture;

/// A window, and what it asks for.
pub(crate) struct Window {
    pub(crate) harness: Harness<'static, App>,
    pub(crate) orders: Receiver<Order>,
    pub(crate) told: Sender<Update>,
}

impl Window {
    pub(crate) fn showing(updates: Vec<Update>) -> Self {
        Self::of_size([1280.0, 800.0], updates)
    }

    pub(crate) fn of_size(size: [f32; 2], updates: Vec<Update>) -> Self {
        let (told, inbox) = unbounded();
        let (outbox, orders) = unbounded();
        updates.into_iter().for_each(|update| told.send(update).unwrap());
        let harness = Harness::builder().with_size(size).with_max_steps(8).build_ui_state(
            |ui, app: &mut App| {
                app.logic(&ui.ctx().clone());
                app.ui(ui);
            },
            App::new(vec![inbox], outbox),
        );
        cartwheel_viewer::Theme::dress(&harness.ctx);
        let mut window = Self { harness, orders, told };
        window.settle();
        window
    }

    /// What comes once the run is looked at.
    pub(crate) fn tell(&mut self, updates: impl IntoIterator<Item = Update>) {
        updates.into_iter().for_each(|update| fixture::tell(&mut self.harness.state_mut().model, update));
        self.settle();
    }

    /// What comes from a source.
    pub(crate) fn hear(&mut self, update: Update) {
        self.told.send(update).unwrap();
        self.settle();
    }

    /// Lets commands be carried out and their pictures painted. A live run's window never comes to rest by itself.
    pub(crate) fn settle(&mut self) {
        self.harness.run_steps(4);
    }

    pub(crate) fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle();
    }

    pub(crate) fn click(&mut self, name: &str) {
        self.harness.get_by_label(name).click();
        self.settle();
    }

    /// What was asked of the live run since the last look.
    pub(crate) fn sent(&self) -> Vec<Request> {
        let request = |order| if let Order::Send(request) = order { Some(request) } else { None };
        self.orders.try_iter().filter_map(request).collect()
    }

    pub(crate) fn commands(&self) -> Vec<watch::Command> {
        let command = |request| if let Request::Command { command, .. } = request { Some(command) } else { None };
        self.sent().into_iter().filter_map(command).collect()
    }
}
