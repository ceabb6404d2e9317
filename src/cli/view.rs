//! A window beside training, in a process of its own: whatever becomes of it, training goes on.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use crate::trainer::{Callback, Event, Settings};
use crate::viewer::check_display;

use super::output::Failure;
use super::signals::Signals;

/// How long training waits for its window.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a whole run takes at most to be seen, in seconds: runs that learn early end long before.
const WHOLE_RUN: f32 = 600.0;
/// Steps a second at least: people play slower than they can watch.
const SLOWEST: f32 = 30.0;

/// See the module's documentation.
pub(crate) struct View {
    /// Vector steps a second at first.
    speed: f32,
    window: RefCell<Option<Child>>,
}

impl View {
    /// For a run with these settings, at a pace at which a person sees it learn.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        check_display()?;
        let steps = settings.train.total_timesteps as f32 / settings.env.n_envs as f32;
        Ok(Self { speed: SLOWEST.max(steps / WHOLE_RUN), window: RefCell::default() })
    }

    /// Opens the window once the run has a folder.
    pub(crate) fn callback(&self) -> impl Callback + '_ {
        |event: &Event<'_>| {
            if let Event::Started { run, .. } = event {
                match self.open(run) {
                    Ok(window) => drop(self.window.replace(Some(window))),
                    Err(error) => eprintln!("warning: no window: {error}"),
                }
            }
            ControlFlow::Continue(())
        }
    }

    fn open(&self, run: &Path) -> std::io::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("watch").arg(run).args(["--speed", &self.speed.to_string()]);
        // Ctrl-C in the terminal is for training, which then closes the window.
        command.process_group(0).spawn()
    }

    /// Waits until the window is closed; closes it if this process is asked to stop. A run that had nothing left to train
    /// has no window yet, and gets one.
    pub(crate) fn wait(self, run: &Path, signals: &Signals) {
        let opened = self.window.take().map_or_else(|| self.open(run), Ok);
        let mut window = match opened {
            Ok(window) => window,
            Err(error) => return eprintln!("warning: no window: {error}"),
        };
        while let Ok(None) = window.try_wait() {
            if signals.exit_code().is_some() {
                // It may have been closed meanwhile.
                let _ = window.kill();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
