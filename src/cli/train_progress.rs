//! What a person sees while a run trains, all on stderr.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::trainer::{Callback, Event, Progress};

use super::output::{digits, percent};
use super::progress_line::ProgressLine;

/// How often a log file gets a line.
const LINE: Duration = Duration::from_secs(5);

/// What speeds are measured over: a viewer that slows a run down is soon seen in them.
const WINDOW: Duration = Duration::from_secs(2);

/// A progress bar on a terminal; a line now and then elsewhere.
pub(crate) struct Display {
    bar: ProgressLine,
    total: u64,
    pace: Pace,
}

/// How fast a run is now, by the clock on the wall.
#[derive(Default)]
struct Pace {
    /// Steps and updates at moments of the last while, the oldest first.
    seen: VecDeque<(Instant, [u64; 2])>,
}

impl Pace {
    /// So many steps and updates are done; answers how many are done a second.
    fn at(&mut self, now: Instant, done: [u64; 2]) -> [f64; 2] {
        while self.seen.get(1).is_some_and(|(at, _)| now - *at >= WINDOW) {
            self.seen.pop_front();
        }
        self.seen.push_back((now, done));
        let (first, before) = self.seen[0];
        let seconds = (now - first).as_secs_f64().max(1e-9);
        [0, 1].map(|i| done[i].saturating_sub(before[i]) as f64 / seconds)
    }
}

impl Display {
    pub(crate) fn new() -> Self {
        Self { bar: ProgressLine::new(LINE), total: 0, pace: Pace::default() }
    }

    fn progress(&mut self, now: &Progress) {
        if self.pace.seen.is_empty() {
            self.pace.at(Instant::now(), [now.steps, now.updates]);
        }
        if !self.bar.is_due() {
            return;
        }
        let [steps, updates] = self.pace.at(Instant::now(), [now.steps, now.updates]);
        let text = format!(
            "{}/{} steps · {:.0} steps/s · {:.0} updates/s · {}return {} · {}{:.1} s of training",
            now.steps,
            self.total,
            steps,
            updates,
            // Many algorithms have none.
            if now.epsilon > 0.0 { format!("ε {:.2} · ", now.epsilon) } else { String::new() },
            now.mean_return.map_or("–".into(), |mean| format!("{mean:.*}", digits(mean))),
            // Few environments tell.
            now.success_rate.map_or(String::new(), |share| format!("success {} · ", percent(share))),
            now.elapsed.as_secs_f64()
        );
        self.bar.show(now.steps, text);
    }
}

impl Callback for Display {
    fn on_event(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Started { steps, total_timesteps, run } => {
                self.bar.line(&format!("run: {}", run.display()));
                self.total = *total_timesteps;
                self.bar.begin(*steps, self.total);
            }
            Event::Notice(text) => self.bar.line(text),
            Event::Warning(text) => self.bar.line(&format!("warning: {text}")),
            Event::Finding(finding) => self.bar.line(&format!("doctor: {finding}")),
            Event::Progress(now) => self.progress(now),
            Event::Ended(_) => self.bar.end(),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_the_present_one() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        let at = |ms: u64| begin + Duration::from_millis(ms);
        pace.at(begin, [0, 0]);
        assert_eq!(pace.at(at(1000), [80_000, 10_000]), [80_000.0, 10_000.0]);
        // A viewer holds it at 30 a second.
        let mut speed = [0.0; 2];
        for i in 1..=50 {
            speed = pace.at(at(1000 + 100 * i), [80_000 + 3 * i, 10_000]);
        }
        assert!((speed[0] - 30.0).abs() < 0.5 && speed[1] == 0.0, "{speed:?}");
    }
}
