//! The window in which a person plays. Every key is the environment's but Esc, which opens the menu.

mod screen;
mod table;

use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use eframe::egui::{CentralPanel, Context, Ui, ViewportCommand};

pub use table::{PlayOptions, Played};

use self::screen::{Screen, Wish};
use self::table::Table;
use crate::window::{self, ViewerError};

/// Opens a window to play in, and answers what was played once it is closed.
///
/// # Errors
/// If the environment or the run cannot be had, there is no display, or the recording could not be written.
pub fn play(options: &PlayOptions) -> Result<Played, ViewerError> {
    let table = Table::new(options).map_err(ViewerError::Nothing)?;
    let (done, played) = channel();
    let size = if table.rival().is_some() { [1200.0, 620.0] } else { [800.0, 620.0] };
    let title = format!("{} - Cartwheel", table.id());
    window::open(&title, size, |_, _| Player {
        table: Some(table),
        screen: Screen::default(),
        start: Instant::now(),
        done,
    })?;
    played
        .recv()
        .unwrap_or_else(|_| Err("the window was closed before it was open".into()))
        .map_err(ViewerError::Nothing)
}

/// The window's contents.
struct Player {
    /// There until the window is closed.
    table: Option<Table>,
    screen: Screen,
    start: Instant,
    done: Sender<Result<Played, String>>,
}

impl eframe::App for Player {
    fn logic(&mut self, ctx: &Context, _: &mut eframe::Frame) {
        if let Some(table) = &mut self.table {
            self.screen.logic(ctx, table, self.start.elapsed());
        }
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        let Some(table) = &mut self.table else { return };
        let wish = CentralPanel::default().show(ui, |ui| self.screen.ui(ui, table, self.start.elapsed())).inner;
        if wish == Some(Wish::Quit) {
            ui.ctx().send_viewport_cmd(ViewportCommand::Close);
        }
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        if let Some(table) = self.table.take() {
            // Nobody waits if the window could not be opened.
            let _ = self.done.send(table.finish());
        }
    }
}
