//! The window without a display: clicks by accessible names, and pictures in both themes.

#![allow(clippy::unwrap_used, reason = "a failed test should panic")]

mod support;

use cartwheel_viewer::{App, Order, Update};
use crossbeam::channel::{Receiver, Sender, unbounded};
use eframe::egui::{Key, Modifiers, Theme};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use support::Painter;

/// A window, a way to tell it things, and what it asks for.
struct Window {
    harness: Harness<'static, App>,
    updates: Sender<Update>,
    orders: Receiver<Order>,
}

impl Window {
    fn open(theme: Theme) -> Self {
        let (updates, inbox) = unbounded();
        let (outbox, orders) = unbounded();
        let harness = Harness::builder()
            .with_size([1280.0, 800.0])
            .with_theme(theme)
            .with_max_steps(8)
            .renderer(Painter::default())
            .build_ui_state(
                |ui, app: &mut App| {
                    app.logic(&ui.ctx().clone());
                    app.ui(ui);
                },
                App::new(vec![inbox], outbox),
            );
        Self { harness, updates, orders }
    }
}

#[test]
fn the_palette_is_typed_into_and_enter_does_the_first() {
    let mut window = Window::open(Theme::Dark);
    window.harness.run_steps(2);
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    window.harness.run_steps(3);
    assert_eq!(window.harness.state().state.palette.as_deref(), Some(""));
    window.harness.event(eframe::egui::Event::Text("keys".into()));
    window.harness.run_steps(2);
    window.harness.key_press(Key::Enter);
    window.harness.run_steps(2);
    assert!(window.harness.state().state.help && window.harness.state().state.palette.is_none());
    window.harness.get_by_label("Step forward");
    window.harness.key_press(Key::Escape);
    window.harness.run_steps(2);
    assert!(!window.harness.state().state.help);
    assert!(window.orders.is_empty());
    drop(window.updates);
    if let Some(path) = std::env::var_os("SHOT") {
        window.harness.render().unwrap().save(path).unwrap();
    }
}
