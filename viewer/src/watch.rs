//! `cartwheel watch`: from what was asked for to a window or a terminal that shows it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crossbeam::channel::unbounded;

use crate::app::App;
use crate::model::{Mirrored, Model};
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
    let mirrored = view.remote.map(|(address, token)| Mirrored {
        folder: folder.clone(),
        arguments: format!("--address {address} --token {token}"),
    });
    if !folder.is_dir() && folder != Path::new(DEFAULT) {
        return Err(ViewerError::Nothing(format!(
            "there is no folder {}: give a run's, or one with runs in it",
            folder.display()
        )));
    }
    if !source::may_hold_runs(&folder) {
        return Err(ViewerError::Nothing(format!(
            "{} is not a run, and has no runs in it: give a run's folder, or one with runs in it",
            folder.display()
        )));
    }
    let (orders, inbox) = unbounded();
    let updates = source::open(inbox)?;
    // The channels end with this function.
    let _ = orders.send(Order::Follow(folder));
    if view.tui {
        return tui::run(&updates, &orders, Model::mirroring(mirrored), view.episode, view.speed);
    }
    window::open(text::TITLE, SIZE, move |context, software| {
        context.egui_ctx.all_styles_mut(|style| style.animation_time = 0.0);
        App::new(updates, orders)
            .with_software_renderer(software)
            .mirroring(mirrored)
            .opening(view.episode)
            .slowing(view.speed)
            .woken()
            .remembering()
    })
}
