//! `cartwheel watch`: from what was asked for to a window or a terminal that shows it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam::channel::{Receiver, Select, unbounded};
use eframe::egui::Context;

use crate::app::App;
use crate::model::Update;
use crate::source::{self, Mirror, Order};
use crate::window::{self, ViewerError};
use crate::{text, tui};

/// Where runs are unless one is named: they may be to come.
const DEFAULT: &str = "runs";
/// The window's size at first, in points.
const SIZE: [f32; 2] = [1360.0, 860.0];

/// What is to be shown, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    /// A run's folder, or a folder of runs.
    pub what: PathBuf,
    /// Where a run without a folder here listens, and its token.
    pub remote: Option<(SocketAddr, String)>,
    /// The episode to open, by its place among the run's, and its step.
    pub episode: Option<(usize, u32)>,
    /// The vector steps a second that a live run is slowed down to.
    pub speed: Option<f32>,
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
    let mirror = view.remote.as_ref().map(|(address, token)| Mirror::start(*address, token)).transpose()?;
    let folder = mirror.as_ref().map_or_else(|| view.what.clone(), Mirror::path);
    if !folder.is_dir() && folder != Path::new(DEFAULT) {
        return Err(ViewerError::Nothing(format!(
            "there is no folder {}: give a run's, or one with runs in it",
            folder.display()
        )));
    }
    let (orders, inbox) = unbounded();
    let updates = source::open(inbox)?;
    // The channels end with this function.
    let _ = orders.send(Order::Follow(folder));
    if view.tui {
        return tui::run(&updates, &orders);
    }
    let bell = updates.clone();
    window::open(text::TITLE, SIZE, move |context, software| {
        let window = context.egui_ctx.clone();
        // Without it the window still shows what is new, with what is touched next.
        let ringing = std::thread::Builder::new().name("bell".to_owned()).spawn(move || ring(&bell, &window));
        if let Err(error) = ringing {
            tracing::warn!("the window will not wake for what is new: {error}");
        }
        context.egui_ctx.all_styles_mut(|style| style.animation_time = 0.0);
        App::new(updates, orders).with_software_renderer(software).opening(view.episode).slowing(view.speed)
    })
}

/// Wakes the window whenever there is something new for it, so that it sleeps while there is not.
fn ring(updates: &[Receiver<Update>], window: &Context) {
    let mut any = Select::new();
    for source in updates {
        any.recv(source);
    }
    loop {
        any.ready();
        window.request_repaint();
        // Until then the window has taken in what there was, and a burst wakes it once.
        std::thread::sleep(Duration::from_millis(30));
    }
}
