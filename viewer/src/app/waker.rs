//! What wakes the window when there is something new, so that it sleeps while there is not.

use std::time::Duration;

use crossbeam::channel::{Receiver, Select};
use eframe::egui::Context;

use crate::model::Update;

/// Starts a thread that wakes the window for what comes from `sources`, with a `rest` between two times: until then the window
/// has taken in what there was, and a burst wakes it once. To be called once the window has been painted: one that is woken
/// while it is being made may never be shown.
pub(super) fn start(sources: Vec<Receiver<Update>>, window: Context, rest: Duration) {
    let wake = move || {
        let mut any = Select::new();
        for source in &sources {
            any.recv(source);
        }
        loop {
            any.ready();
            // Not at once: egui would paint that twice.
            window.request_repaint_after(Duration::from_millis(1));
            std::thread::sleep(rest);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("waker".to_owned()).spawn(wake) {
        tracing::warn!("the window shows what is new only when it is touched: {error}");
    }
}
