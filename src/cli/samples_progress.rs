//! What a person sees while samples go through a model, on stderr.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::trainer::supervised::{SamplesPhase, SamplesSeen};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Drawing takes longer than a batch of a small model.
const REDRAW: Duration = Duration::from_millis(50);
/// How often a log file, which cannot be redrawn, gets a line.
const LINE: Duration = Duration::from_secs(10);

/// A progress bar on a terminal; a line now and then elsewhere.
pub(super) struct Display {
    /// That of a phase.
    bar: Option<(SamplesPhase, ProgressBar)>,
    terminal: bool,
    told: Instant,
}

impl Display {
    pub(super) fn new() -> Self {
        Self { bar: None, terminal: std::io::stderr().is_terminal(), told: Instant::now() }
    }

    pub(super) fn show(&mut self, SamplesSeen { phase, done, total }: SamplesSeen) {
        let doing = match phase {
            SamplesPhase::Calibrating => "calibrating int8",
            SamplesPhase::Judging => "asking f32 and int8",
            SamplesPhase::Looking => "looking whether f16 has room",
            SamplesPhase::Scanning => "compressing one layer after the other",
        };
        let text = format!("{doing}: {done} of {total} samples");
        let is_new = self.terminal && self.bar.as_ref().is_none_or(|(of, _)| *of != phase);
        if !is_new && self.told.elapsed() < if self.terminal { REDRAW } else { LINE } {
            return;
        }
        self.told = Instant::now();
        if is_new {
            self.clear();
            self.bar = Some((phase, bar(total as u64)));
        }
        match &self.bar {
            Some((_, bar)) => {
                bar.set_message(text);
                bar.set_position(done as u64);
            }
            None => {
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        }
    }

    fn clear(&self) {
        self.bar.iter().for_each(|(_, bar)| bar.finish_and_clear());
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24.cyan/blue} {msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─");
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style)
}
