//! `cartwheel watch`: from what was asked for to a window or a terminal that shows it.

use std::net::SocketAddr;
use std::path::PathBuf;

use crossbeam::channel::unbounded;

use crate::app::App;
use crate::source::{self, Order};
use crate::window::{self, ViewerError};
use crate::{text, tui};

/// What is to be shown, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    /// A run's folder, or a folder of runs.
    pub what: PathBuf,
    /// Where a run without a folder here listens, and its token.
    pub remote: Option<(SocketAddr, String)>,
    /// The episode to open, by its place among the run's, and its step.
    pub episode: Option<(usize, u32)>,
    /// In the terminal instead of a window.
    pub tui: bool,
}

/// Shows runs until the user has seen enough.
///
/// # Errors
/// If there is nothing to show them on, or what was named is not there.
pub fn watch(view: Watch) -> Result<(), ViewerError> {
    if !view.tui {
        window::check_display()?;
    }
    let (updates, inbox) = unbounded();
    let (orders, outbox) = unbounded();
    let folder = match &view.remote {
        None => view.what.clone(),
        Some((address, token)) => source::mirror(*address, token, updates.clone())?,
    };
    source::check(&folder)?;
    let sources = source::spawn(outbox, updates);
    // The channel is open: the sources end by an order.
    let _ = orders.send(Order::Follow(folder));
    let shown = if view.tui {
        tui::run(&inbox, &orders)
    } else {
        let orders = orders.clone();
        window::open(text::TITLE, [1360.0, 860.0], move |context, software| {
            let mut app = App::new(inbox, orders).with_software_renderer(software);
            app.open_when_known(view.episode);
            context.egui_ctx.all_styles_mut(|style| style.animation_time = 0.0);
            app
        })
    };
    let _ = orders.send(Order::End);
    drop(sources);
    shown
}
