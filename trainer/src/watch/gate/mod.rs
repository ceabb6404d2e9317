//! Where actors wait between two vector steps: paused, let through step by step, or at a limited speed.
//!
//! All actors come to rest after the same number of vector steps. A pause sets that number to the most that any has
//! done, and those behind go on until there. An actor that was past its look at the flags when the pause came is a step
//! ahead: then it raises the number.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::protocol::Activity;
use super::slot::Slot;

/// How often who waits looks whether the run is asked to stop.
const LOOK: Duration = Duration::from_millis(20);
/// How far a run may be behind a speed limit and still catch up: as much as a thread oversleeps.
const SLACK: Duration = Duration::from_millis(20);
/// With so few vector steps to go until the next rest, each is shown.
const EACH_SHOWN: u64 = 100;
/// How long an actor waits for the server to take a step that must be shown.
const HANDOVER: Duration = Duration::from_secs(1);

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Nobody has to wait.
    free: AtomicBool,
    /// Counts what those who wait must look at anew: other wishes of viewers.
    generation: AtomicU64,
    /// Nanoseconds that the first actor has waited.
    held: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Nobody waits here ever again.
    open: bool,
    paused: bool,
    /// While paused: vector steps that each actor may have done.
    limit: u64,
    /// Vector steps a second.
    speed: Option<f32>,
    /// With a speed limit: the steps that have a time, and that of the last of them.
    scheduled: u64,
    due: Instant,
    /// The most frames a second that a viewer wants.
    hz: f32,
    /// Until when the first viewer is waited for.
    first_viewer_by: Option<Instant>,
}

/// What an actor has shown of its present state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// The wishes that it was shown by: see [`Gate::generation`].
    pub(crate) generation: u64,
    /// Whether it was asked for, and shown.
    pub(crate) done: bool,
}

impl Default for Gate {
    fn default() -> Self {
        let state = State {
            open: false,
            paused: false,
            limit: 0,
            speed: None,
            scheduled: 0,
            due: Instant::now(),
            hz: 0.0,
            first_viewer_by: None,
        };
        Self {
            free: AtomicBool::new(true),
            generation: AtomicU64::default(),
            held: AtomicU64::default(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }
}

impl Gate {
    /// Rises when a viewer wants something else to be shown or done.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Lets the actor of `slot` on to its next vector step, after waiting for as long as it must. False if there is
    /// something to look at before. `stop` ends all waiting.
    pub(crate) fn pass(&self, slot: &Slot, shown: Shown, stop: impl Fn() -> bool) -> bool {
        if self.free.load(Ordering::Relaxed) {
            return true;
        }
        let begin = Instant::now();
        let passed = self.wait(slot, shown, begin, stop);
        if slot.first_env == 0 {
            self.held.fetch_add(begin.elapsed().as_nanos() as u64, Ordering::Relaxed);
        }
        passed
    }

    fn wait(&self, slot: &Slot, shown: Shown, begin: Instant, stop: impl Fn() -> bool) -> bool {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            if state.first_viewer_by.is_some_and(|by| now >= by) {
                self.change(&mut state, State::resume);
            }
            if state.open || stop() {
                return true;
            }
            if shown.generation != self.generation() || (!shown.done && slot.is_asked()) {
                return false;
            }
            let Some(wait) = state.wait(slot, shown, now, now - begin) else { return true };
            slot.thread_activity.doing(Activity::Held);
            let waited = self.changed.wait_timeout(state, wait.min(LOOK));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nanoseconds that the first actor has waited so far.
    pub(crate) fn held(&self) -> Duration {
        Duration::from_nanos(self.held.load(Ordering::Relaxed))
    }

    /// Holds every actor once it has done as many vector steps as the one that has done the most, `steps`.
    pub(super) fn pause(&self, steps: u64) {
        self.change(&mut self.state(), |state| state.pause(steps));
    }

    /// Lets everybody on.
    pub(super) fn resume(&self) {
        self.change(&mut self.state(), State::resume);
    }

    /// Lets every actor do `count` more vector steps than it may now, and holds it then.
    pub(super) fn step(&self, count: u32, steps: u64) {
        self.change(&mut self.state(), |state| {
            if !state.paused {
                state.pause(steps);
            }
            state.first_viewer_by = None;
            state.limit = state.limit.saturating_add(count.into());
        });
    }

    /// Limits the vector steps a second, to 0.001 or more.
    pub(super) fn limit_speed(&self, speed: Option<f32>) {
        self.change(&mut self.state(), |state| {
            (state.speed, state.scheduled, state.due) = (speed, 0, Instant::now());
        });
    }

    /// Holds everybody before the first step until [`Self::viewer_came`] is called, but no longer than `patience`.
    pub(super) fn await_viewer(&self, patience: Duration) {
        self.change(&mut self.state(), |state| {
            state.pause(0);
            state.first_viewer_by = Some(Instant::now() + patience);
        });
    }

    /// Whether the first viewer is waited for.
    pub(super) fn awaits_viewer(&self) -> bool {
        self.state().first_viewer_by.is_some()
    }

    pub(super) fn viewer_came(&self) {
        self.change(&mut self.state(), |state| {
            if state.first_viewer_by.is_some() {
                state.resume();
            }
        });
    }

    /// Nobody watches any more: everything is as if nobody ever had.
    pub(super) fn reset(&self) {
        self.change(&mut self.state(), |state| {
            state.resume();
            (state.speed, state.hz) = (None, 0.0);
        });
    }

    /// Nobody waits here ever again.
    pub(crate) fn open(&self) {
        self.change(&mut self.state(), |state| state.open = true);
    }

    /// Viewers want to see or to do something else; the most frames a second that one wants are `hz`.
    pub(super) fn wishes_changed(&self, hz: f32) {
        let mut state = self.state();
        self.generation.fetch_add(1, Ordering::Release);
        self.change(&mut state, |state| state.hz = hz);
    }

    /// Who waits is to look again: frames were taken.
    pub(super) fn nudge(&self) {
        drop(self.state());
        self.changed.notify_all();
    }

    /// Whether the run is paused, and its speed limit.
    pub(super) fn setting(&self) -> (bool, Option<f32>) {
        let state = self.state();
        (state.paused, state.speed)
    }

    /// Whether every vector step is shown to who wants `hz` frames a second, when so many are `done`.
    pub(super) fn shows_each(&self, done: u64, hz: f32) -> bool {
        !self.free.load(Ordering::Relaxed) && self.state().shows_each(done, hz)
    }

    fn change(&self, state: &mut State, change: impl FnOnce(&mut State)) {
        change(state);
        self.free.store(state.open || (!state.paused && state.speed.is_none()), Ordering::Relaxed);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pause(&mut self, steps: u64) {
        (self.paused, self.limit, self.first_viewer_by) = (true, steps, None);
    }

    fn resume(&mut self) {
        (self.paused, self.first_viewer_by) = (false, None);
    }

    fn shows_each(&self, done: u64, hz: f32) -> bool {
        let slow = self.speed.is_some_and(|speed| speed < hz);
        hz > 0.0 && (slow || (self.paused && self.limit.saturating_sub(done) <= EACH_SHOWN))
    }

    /// How long the actor of `slot` waits at most before it looks again; nothing if it may go on.
    fn wait(&mut self, slot: &Slot, shown: Shown, now: Instant, waited: Duration) -> Option<Duration> {
        let done = slot.thread_activity.steps();
        if self.paused {
            self.limit = self.limit.max(done);
            if done >= self.limit {
                return Some(LOOK);
            }
        } else if let Some(speed) = self.speed {
            if done >= self.scheduled {
                self.scheduled = done + 1;
                let next = self.due + Duration::from_secs_f64(1.0 / f64::from(speed));
                self.due = next.max(now.checked_sub(SLACK).unwrap_or(now));
            }
            // Who is behind the others catches up.
            if done + 1 == self.scheduled && now < self.due {
                return Some(self.due - now);
            }
        }
        let seen = !slot.watched.load(Ordering::Relaxed) || (shown.done && !slot.is_filled());
        (self.shows_each(done, self.hz) && !seen && waited < HANDOVER).then_some(LOOK)
    }
}

#[cfg(test)]
mod tests;
