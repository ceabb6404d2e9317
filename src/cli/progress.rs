//! What a person sees while a run trains, all on stderr.

use std::io::{IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::trainer::{Callback, Event, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Drawing takes longer than an update of a small network.
const REDRAW: Duration = Duration::from_millis(50);
/// How often a log file, which cannot be redrawn, gets a line.
const LINE: Duration = Duration::from_secs(5);

/// A progress bar on a terminal; a line now and then elsewhere.
pub(crate) struct Display {
    bar: ProgressBar,
    terminal: bool,
    drawn: Instant,
}

impl Display {
    pub(crate) fn new() -> Self {
        let style = "{bar:24.cyan/blue} {pos}/{len} steps · {msg}";
        let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar =
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style.progress_chars("━╸─"));
        Self { bar, terminal: std::io::stderr().is_terminal(), drawn: Instant::now() }
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{text}");
        });
    }

    fn progress(&mut self, now: &Progress) {
        let wait = if self.terminal { REDRAW } else { LINE };
        if self.drawn.elapsed() < wait {
            return;
        }
        self.drawn = Instant::now();
        let seconds = now.elapsed.as_secs_f64().max(1e-9);
        let text = format!(
            "{:.0} steps/s · {:.0} updates/s · ε {:.2} · return {} · {:.1} s",
            now.steps as f64 / seconds,
            now.updates as f64 / seconds,
            now.epsilon,
            now.mean_return.map_or("–".into(), |mean| format!("{mean:.1}")),
            seconds
        );
        if self.terminal {
            self.bar.set_position(now.steps);
            self.bar.set_message(text);
        } else {
            self.line(&format!("{} steps · {text}", now.steps));
        }
    }
}

impl Callback for Display {
    fn on_event(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Started { steps, total_timesteps, run } => {
                self.line(&format!("run: {}", run.display()));
                self.bar.set_length(*total_timesteps);
                self.bar.set_position(*steps);
            }
            Event::Notice(text) => self.line(text),
            Event::Warning(text) => self.line(&format!("warning: {text}")),
            Event::Progress(now) => self.progress(now),
            Event::Ended(_) => self.bar.finish_and_clear(),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
