//! What wakes the window when there is something new, so that it sleeps while there is not.

use std::time::Duration;

use crossbeam::channel::{Receiver, Select};
use eframe::egui::Context;

use crate::model::Update;

/// Between two rings: until then the window has taken in what there was, and a burst wakes it once.
const REST: Duration = Duration::from_millis(30);

/// Starts to ring for what comes from `sources`. To be called once the window has been painted: one that is woken while it
/// is being made may never be shown.
pub(super) fn hang_up(sources: Vec<Receiver<Update>>, window: Context) {
    let ring = move || {
        let mut any = Select::new();
        for source in &sources {
            any.recv(source);
        }
        loop {
            any.ready();
            window.request_repaint();
            std::thread::sleep(REST);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("bell".to_owned()).spawn(ring) {
        tracing::warn!("the window shows what is new only when it is touched: {error}");
    }
}
