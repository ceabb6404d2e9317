//! What a person sees while samples go through a model, on stderr.

use std::time::Duration;

use crate::trainer::supervised::{SamplesPhase, SamplesSeen};

use super::progress_line::ProgressLine;

/// How often a log file gets a line.
const LINE: Duration = Duration::from_secs(10);

/// A progress bar for each phase on a terminal; a line now and then elsewhere.
pub(super) struct Display {
    bar: ProgressLine,
    phase: Option<SamplesPhase>,
}

impl Display {
    pub(super) fn new() -> Self {
        Self { bar: ProgressLine::new(LINE), phase: None }
    }

    pub(super) fn show(&mut self, SamplesSeen { phase, done, total }: SamplesSeen) {
        let doing = match phase {
            SamplesPhase::Calibrating => "calibrating int8",
            SamplesPhase::Judging => "asking f32 and int8",
            SamplesPhase::Looking => "looking whether f16 has room",
            SamplesPhase::Scanning => "compressing one layer after the other",
        };
        let is_new = self.phase.replace(phase) != Some(phase);
        if is_new {
            self.bar.begin(0, total as u64);
        }
        if self.bar.is_due() || is_new && self.bar.is_redrawn() {
            self.bar.show(done as u64, format!("{doing}: {done} of {total} samples"));
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.bar.end();
    }
}
