//! Where the time of steps goes: spans of each process, in the format that Chrome's `about:tracing` and <https://ui.perfetto.dev> show.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::session::Session;
use crate::TrainError;
use crate::run::{RunError, write_atomic};
use crate::supervised::events::FitEvent;

/// Steps before the first that is looked at: caches are warm then, and files are being read ahead.
const WARM_UP: u64 = 3;

/// What a process did from when to when.
#[derive(Serialize, Deserialize)]
struct Span {
    name: Cow<'static, str>,
    /// Nanoseconds since 1970, which all processes of a machine agree on.
    begun: u64,
    /// Nanoseconds.
    took: u64,
}

/// Spans of this process, by one clock.
struct Spans {
    begun: Instant,
    /// Nanoseconds since 1970 at that time.
    at: u64,
    all: Vec<Span>,
}

impl Spans {
    fn new() -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        Self { begun: Instant::now(), at, all: Vec::new() }
    }

    fn now(&self) -> u64 {
        self.at + self.begun.elapsed().as_nanos() as u64
    }
}

thread_local! {
    /// Those of this process, which does all of a step in one thread, while they are wanted.
    static SPANS: RefCell<Option<Spans>> = const { RefCell::new(None) };
}

/// What is being done, until it is dropped; nothing while nobody wants to know.
pub(crate) struct Timed(Option<(&'static str, u64)>);

/// Notes how long something takes that is called `name`.
pub(crate) fn timed(name: &'static str) -> Timed {
    Timed(SPANS.with_borrow(|spans| spans.as_ref().map(|spans| (name, spans.now()))))
}

impl Drop for Timed {
    fn drop(&mut self) {
        let Some((name, begun)) = self.0.take() else { return };
        SPANS.with_borrow_mut(|spans| {
            if let Some(spans) = spans {
                let took = spans.now() - begun;
                spans.all.push(Span { name: name.into(), begun, took });
            }
        });
    }
}

/// Notes nothing any more, whatever a fit before has left.
pub(crate) fn forget() {
    SPANS.set(None);
}

impl Session<'_> {
    /// Begins to note spans if the next step is the first that is looked at.
    pub(crate) fn profile_step(&self) {
        if self.settings.fit.profile_steps > 0 && self.counters.steps - self.first_step == WARM_UP {
            SPANS.set(Some(Spans::new()));
        }
    }

    /// Writes the spans of all processes if the last step that is looked at is done, or `is_over`.
    ///
    /// # Errors
    /// If another process is lost. A disk that refuses is warned of.
    pub(crate) fn end_profile(&mut self, is_over: bool) -> Result<(), TrainError> {
        let done = self.counters.steps - self.first_step;
        let wanted = self.settings.fit.profile_steps;
        if is_over && wanted > 0 && done <= WARM_UP {
            self.tell(&FitEvent::Notice(&format!(
                "no profile.json was written: it is of steps from number {} on, and there were {done}",
                WARM_UP + 1
            )));
        }
        if wanted == 0 || done <= WARM_UP || !(is_over || done == WARM_UP + wanted) {
            return Ok(());
        }
        let Some(Spans { all: mut spans, .. }) = SPANS.take() else { return Ok(()) };
        let others = self.mesh.all.collect(|| std::mem::take(&mut spans))?;
        if !self.mesh.leads() {
            return Ok(());
        }
        let text = rendered(&std::iter::once(spans).chain(others).collect::<Vec<_>>(), self.mesh.replicas.size());
        let path = self.run.profile();
        let written = write_atomic(&path, |file| file.write_all(text.as_bytes())).map_err(RunError::io("write", &path));
        match written {
            Ok(_) => self.tell(&FitEvent::Notice(&format!("{}: open it in ui.perfetto.dev", path.display()))),
            Err(error) => self.tell(&FitEvent::Warning(&format!("{error}; training goes on"))),
        }
        Ok(())
    }
}

/// Chrome's trace events, a process a rank, from the first span on.
fn rendered(ranks: &[Vec<Span>], replicas: usize) -> String {
    let first = ranks.iter().flatten().map(|span| span.begun).min().unwrap_or(0);
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let mut events = Vec::new();
    for (rank, spans) in ranks.iter().enumerate() {
        let name = match (ranks.len(), replicas) {
            (1, _) => "cartwheel fit".into(),
            (all, replicas) if all == replicas => format!("rank {rank}"),
            _ => format!("rank {rank}, stage {} of replica {}", rank / replicas, rank % replicas),
        };
        events.push(json!({"ph": "M", "name": "process_name", "pid": rank, "args": {"name": name}}));
        events.extend(spans.iter().map(|Span { name, begun, took }| {
            json!({"ph": "X", "name": name, "pid": rank, "tid": 0, "ts": micros(begun - first), "dur": micros(*took)})
        }));
    }
    json!({"traceEvents": events, "displayTimeUnit": "ms"}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_noted_while_they_are_wanted() {
        drop(timed("before"));
        SPANS.set(Some(Spans::new()));
        {
            let _outer = timed("step");
            drop(timed("forward"));
        }
        let spans = SPANS.take().expect("they were wanted").all;
        drop(timed("after"));
        assert!(SPANS.take().is_none());
        assert_eq!(spans.iter().map(|span| span.name.as_ref()).collect::<Vec<_>>(), ["forward", "step"]);
        let [inner, outer] = &spans[..] else { unreachable!("there are two") };
        assert!(outer.begun <= inner.begun && inner.begun + inner.took <= outer.begun + outer.took);
    }

    #[test]
    fn ranks_are_processes_of_a_trace() {
        let span = |begun| vec![Span { name: "forward".into(), begun, took: 2000 }];
        let text = rendered(&[span(1000), span(6000), span(2000), span(3000)], 2);
        let trace: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let events = trace["traceEvents"].as_array().expect("a list");
        assert_eq!(events.len(), 8);
        assert_eq!(events[6]["args"]["name"], "rank 3, stage 1 of replica 1");
        assert_eq!((&events[3]["ts"], &events[3]["dur"], &events[3]["pid"]), (&5.0.into(), &2.0.into(), &1.into()));
        assert!(rendered(&[span(0), span(0)], 2).contains("\"rank 1\""));
        assert!(rendered(&[span(0)], 1).contains("cartwheel fit"));
    }
}
