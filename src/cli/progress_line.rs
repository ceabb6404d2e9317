//! How far something is, on stderr: a bar on a terminal, and a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Drawing takes longer than a step of a small network.
const REDRAW: Duration = Duration::from_millis(50);

/// See the module's documentation.
pub(super) struct ProgressLine {
    bar: ProgressBar,
    terminal: bool,
    /// When it was last drawn or written.
    last: Instant,
    /// How often a log file, which cannot be redrawn, gets a line.
    every: Duration,
}

impl ProgressLine {
    /// One of which a log file gets a line so often.
    pub(super) fn new(every: Duration) -> Self {
        let style = ProgressStyle::with_template("{bar:24.cyan/blue} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─");
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
        Self { bar, terminal: std::io::stderr().is_terminal(), last: Instant::now(), every }
    }

    /// So many of `total` are done.
    pub(super) fn begin(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// Whether it is on a terminal.
    pub(super) fn is_redrawn(&self) -> bool {
        self.terminal
    }

    /// Whether it is time to show how far it is.
    pub(super) fn is_due(&self) -> bool {
        self.last.elapsed() >= if self.terminal { REDRAW } else { self.every }
    }

    /// Shows that so many are `done`.
    pub(super) fn show(&mut self, done: u64, text: String) {
        self.last = Instant::now();
        if self.terminal {
            self.bar.set_position(done);
            self.bar.set_message(text);
        } else {
            self.line(&text);
        }
    }

    /// Writes a line that stays.
    pub(super) fn line(&self, text: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{text}");
        });
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
