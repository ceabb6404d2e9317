//! What a person sees while a model is fitted, all on stderr.

use std::time::{Duration, Instant};

use crate::trainer::supervised::{EpochEnd, FitEvent, FitProgress};

use super::progress_line::ProgressLine;

/// How often a log file gets a line within an epoch.
const LINE: Duration = Duration::from_secs(10);

/// A progress bar on a terminal, and a line an epoch everywhere.
pub(crate) struct Display {
    bar: ProgressLine,
    /// When this process began, and how many samples had been learnt from then; and how many there are in all.
    begun: (Instant, u64),
    total: u64,
    headed: bool,
    /// What the share of samples that came out right is called, and whether training counts it.
    score: &'static str,
    scores_training: bool,
}

impl Display {
    pub(crate) fn new() -> Self {
        let (bar, begun) = (ProgressLine::new(LINE), (Instant::now(), 0));
        Self { bar, begun, total: 0, headed: false, score: "accuracy", scores_training: true }
    }

    pub(crate) fn show(&mut self, event: &FitEvent<'_>) {
        match event {
            FitEvent::Started { run, samples, total, score, scores_training } => {
                (self.score, self.scores_training) = (score, *scores_training);
                self.bar.line(&format!("run: {}", run.display()));
                self.begun = (Instant::now(), *samples);
                self.total = *total;
                self.bar.begin(*samples, *total);
            }
            FitEvent::Notice(text) => self.bar.line(text),
            FitEvent::Warning(text) => self.bar.line(&format!("warning: {text}")),
            FitEvent::Progress(now) => self.progress(now),
            FitEvent::Epoch(end) => self.epoch(end),
            FitEvent::Ended => self.bar.end(),
            _ => {}
        }
    }

    fn progress(&mut self, now: &FitProgress) {
        if !self.bar.is_due() {
            return;
        }
        let (begun, before) = self.begun;
        let speed = now.samples.saturating_sub(before) as f64 / begun.elapsed().as_secs_f64().max(1e-9);
        let left = self.total.saturating_sub(now.samples) as f64 / speed.max(1e-9);
        let score = match self.scores_training {
            true => format!(" · {} {:.2} %", self.score, 100.0 * now.tally.accuracy()),
            false => String::new(),
        };
        let (epoch, loss) = (now.epoch, now.tally.mean_loss());
        let text = format!("epoch {epoch} · loss {loss:.4}{score} · {speed:.0} samples/s · {} left", clock(left));
        self.bar.show(now.samples, text);
    }

    fn epoch(&mut self, end: &EpochEnd) {
        // Numbers stand below their names, however long those are.
        let score = self.score.replace('_', " ");
        let judged = if score == "accuracy" { "val acc".into() } else { format!("val {score}") };
        let (wide, wider) = (score.len().max(10), judged.len().max(10));
        if !std::mem::replace(&mut self.headed, true) {
            self.bar.line(&format!(
                "   epoch       loss {score:>wide$}   val loss {judged:>wider$}         lr  grad norm    seconds"
            ));
        }
        let optional = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
        let epoch = format!("{}/{}", end.epoch, end.epochs);
        self.bar.line(&format!(
            "{epoch:>8} {:>10.4} {:>wide$} {:>10} {:>wider$} {:>10.3e} {:>10.4} {:>10.2}{}",
            end.train.mean_loss(),
            optional(self.scores_training.then(|| end.train.accuracy())),
            optional(end.validation.map(|tally| tally.mean_loss())),
            optional(end.validation.map(|tally| tally.accuracy())),
            end.learning_rate,
            end.grad_norm,
            end.time.as_secs_f64(),
            if end.best { "  best" } else { "" }
        ));
    }
}

/// Seconds as a clock shows them.
fn clock(seconds: f64) -> String {
    // A speed that is not known yet gives more than any run takes.
    let seconds = seconds.min(359_999.0) as u64;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::clock;

    #[test]
    fn times_are_a_clocks() {
        assert_eq!([5.9, 65.0, 3661.0, f64::INFINITY].map(clock), ["0:05", "1:05", "1:01:01", "99:59:59"]);
    }
}
