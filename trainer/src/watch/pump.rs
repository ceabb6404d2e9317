//! The thread that looks at the run for all viewers: it asks actors for frames, takes them, samples what threads do,
//! and tells where the run is.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use super::protocol::{EnvFrame, Lanes, LayerNorms, Reply, Status, WeightsReply};
use super::server::Inner;
use super::slot::Wanted;
use super::viewer::Viewer;
use super::wire;
use crate::actor::Weights;

/// From one look at what threads do to the next.
const LOOK: Duration = Duration::from_millis(5);
/// From one status, and one message of looks, to the next.
const STATUS: Duration = Duration::from_millis(100);
/// What the measured speed is averaged over, and from one status to the next of a run that stands still: a window in which
/// nothing moves is not to be painted again.
const SECOND: Duration = Duration::from_secs(1);
/// Messages that wait for a viewer to read them, for each actor: while every step is shown, and else.
const ROOM: (usize, usize) = (256, 4);

/// See the module's documentation.
struct Pump<'a> {
    inner: &'a Inner,
    begin: Instant,
    frames: Vec<EnvFrame>,
    next_status: Instant,
    next_look: Instant,
    first_look: Option<Instant>,
    seen: Vec<Vec<u8>>,
    /// Vector steps at moments of the last second.
    paces: Vec<(Instant, f64)>,
    layers: (u64, Vec<LayerNorms>),
    told: Told,
}

/// Where a run is that stands still: its step, the limit of its speed, the ε and the environments that are overridden, and how
/// many watch.
type Standing = (u64, Option<f32>, Option<f32>, Vec<u32>, usize);

/// When a status was last told, and of what; of nothing while the run moves.
struct Told(Instant, Option<Standing>);

impl Told {
    /// Whether a status now tells anything; if so, it counts as told.
    fn is_news(&mut self, standing: Option<Standing>, now: Instant) -> bool {
        let news = standing.is_none() || standing != self.1 || now - self.0 >= SECOND;
        if news {
            *self = Self(now, standing);
        }
        news
    }
}

/// Serves viewers until the server ends.
pub(super) fn pump(inner: &Inner) {
    inner.is_pump();
    let now = Instant::now();
    let mut pump = Pump {
        inner,
        begin: now,
        frames: Vec::new(),
        next_status: now,
        next_look: now,
        first_look: None,
        seen: inner.lanes().iter().map(|_| Vec::new()).collect(),
        paces: Vec::new(),
        layers: (u64::MAX, Vec::new()),
        told: Told(now, None),
    };
    while !inner.has_ended() {
        let viewers = inner.viewers().clone();
        if viewers.is_empty() {
            thread::park();
            continue;
        }
        let now = Instant::now();
        pump.deliver(&viewers);
        let mut next = pump.ask(&viewers, now);
        if viewers.iter().any(|viewer| viewer.wishes().interest.lanes) {
            pump.look(now);
            next = next.min(pump.next_look);
        }
        if now >= pump.next_status {
            pump.next_status = now + STATUS;
            pump.tell(&viewers, now);
        }
        thread::park_timeout(next.min(pump.next_status).saturating_duration_since(Instant::now()));
    }
}

impl Pump<'_> {
    /// Hands frames that wait to the viewers that they were asked for.
    fn deliver(&mut self, viewers: &[Arc<Viewer>]) {
        for (i, slot) in self.inner.slots().iter().enumerate() {
            if !slot.take(&mut self.frames) {
                continue;
            }
            for viewer in viewers {
                let mut wishes = viewer.wishes();
                if !std::mem::take(&mut wishes.owed[i]) {
                    continue;
                }
                let own: Vec<_> = self.frames.iter().filter(|frame| wishes.wants(frame.env)).collect();
                let room = if self.shows_each(wishes.interest.hz) { ROOM.0 } else { ROOM.1 };
                let room = room * self.inner.slots().len();
                drop(wishes);
                if let Some(message) = wire::encode(&FramesReply(&own)).filter(|_| !own.is_empty()) {
                    viewer.outbox.show(message, room);
                }
            }
            self.inner.watch().hub.gate.nudge();
        }
    }

    /// Asks for the frames that are due, and answers when the next are.
    fn ask(&self, viewers: &[Arc<Viewer>], now: Instant) -> Instant {
        let mut next = now + SECOND;
        for viewer in viewers {
            let mut wishes = viewer.wishes();
            let hz = wishes.interest.hz;
            if hz <= 0.0 {
                continue;
            }
            let each = self.shows_each(hz);
            if each || now >= wishes.due {
                wishes.owed.fill(true);
                let period = Duration::from_secs_f32(1.0 / hz.max(1e-3));
                wishes.due = next_due(wishes.due, now, period, each);
            }
            if !each {
                next = next.min(wishes.due);
            }
        }
        for (i, slot) in self.inner.slots().iter().enumerate() {
            if !slot.watched.load(Ordering::Relaxed) {
                continue;
            }
            let owed: Vec<_> = viewers.iter().map(|viewer| viewer.wishes()).filter(|wishes| wishes.owed[i]).collect();
            if owed.is_empty() {
                continue;
            }
            let wanted = (0..slot.envs).filter_map(|index| {
                let env = slot.first_env + index;
                let inspected = owed.iter().any(|wishes| wishes.interest.inspected == Some(env));
                let wanted = owed.iter().any(|wishes| wishes.wants(env));
                wanted.then_some(Wanted { index: index as usize, inspected })
            });
            slot.ask(wanted);
        }
        next
    }

    fn shows_each(&self, hz: f32) -> bool {
        self.inner.watch().hub.gate.shows_each(self.inner.watch().most_steps(), hz)
    }

    /// Looks at what the threads do, if it is time.
    fn look(&mut self, now: Instant) {
        if now < self.next_look {
            return;
        }
        // Looks are evenly spaced for who draws them: those that were missed are like this one.
        let missed = if self.first_look.is_none() {
            0
        } else {
            ((now - self.next_look).as_secs_f64() / LOOK.as_secs_f64()) as usize
        };
        let looks = 1 + missed.min(100);
        self.first_look.get_or_insert(now);
        for (seen, (_, thread_activity)) in self.seen.iter_mut().zip(self.inner.lanes()) {
            seen.extend(std::iter::repeat_n(thread_activity.activity(), looks));
        }
        self.next_look = (self.next_look + LOOK * looks as u32).max(now);
    }

    /// Tells every viewer where the run is.
    fn tell(&mut self, viewers: &[Arc<Viewer>], now: Instant) {
        let weights = self.inner.watch().hub.weights.latest();
        if let Some(weights) = &weights {
            viewers.iter().for_each(|viewer| give(viewer, weights));
        }
        let standing = self.standing(viewers.len());
        if !self.told.is_news(standing, now) {
            return;
        }
        let mut status = self.status(now, weights.as_deref());
        let lanes = self.first_look.take().map(|first| Lanes {
            start: (first - self.begin).as_secs_f64(),
            interval: LOOK.as_secs_f32(),
            seen: self.seen.iter_mut().map(std::mem::take).collect(),
        });
        for viewer in viewers {
            status.dropped = viewer.outbox.dropped();
            let show = |reply: &Reply| {
                if let Some(message) = wire::encode(reply) {
                    viewer.outbox.show(message, ROOM.0 * self.inner.slots().len());
                }
            };
            show(&Reply::Status(status.clone()));
            if let Some(lanes) = lanes.as_ref().filter(|_| viewer.wishes().interest.lanes) {
                show(&Reply::Lanes(lanes.clone()));
            }
        }
    }

    /// Where the run is, if it stands still.
    fn standing(&self, viewers: usize) -> Option<Standing> {
        let hub = &self.inner.watch().hub;
        let (paused, speed) = hub.gate.setting();
        let of = || (self.inner.step(), speed, hub.overrides.epsilon(), hub.overrides.taken_over(), viewers);
        paused.then(of)
    }

    fn status(&mut self, now: Instant, weights: Option<&Weights>) -> Status {
        let (watch, facts) = (self.inner.watch(), self.inner.facts());
        let hub = &watch.hub;
        let (step, (paused, speed), phase) = (self.inner.step(), hub.gate.setting(), hub.numbers.phase());
        let agent = facts.agent.as_ref();
        let epsilon = watch.epsilon().unwrap_or_else(|| agent.map_or(0.0, |agent| agent.epsilon.at(step)));
        if let Some(weights) = weights.filter(|weights| weights.version != self.layers.0) {
            self.layers = (weights.version, self.norms(weights));
        }
        Status {
            step,
            updates: hub.numbers.updates(),
            episodes: hub.numbers.episodes(),
            mean_return: hub.numbers.mean_return(),
            epsilon: epsilon as f32,
            paused,
            speed,
            measured_speed: self.speed(now),
            replay: (phase.replay as u64, agent.map_or(0, |agent| agent.replay_capacity)),
            queue: (phase.queue.0 as u32, phase.queue.1 as u32),
            policy_lag: phase.policy_lag,
            memory: resident_bytes(),
            dropped: 0,
            overrides: (hub.overrides.epsilon(), hub.overrides.taken_over()),
            layers: self.layers.1.clone(),
        }
    }

    /// Vector steps a second over the last second.
    fn speed(&mut self, now: Instant) -> f32 {
        let steps = self.inner.watch().env_steps() as f64 / f64::from(self.inner.facts().n_envs.max(1));
        self.paces.retain(|(at, _)| now - *at <= SECOND);
        self.paces.push((now, steps));
        let (first, before) = self.paces[0];
        let seconds = (now - first).as_secs_f64();
        if seconds > 0.0 { ((steps - before) / seconds) as f32 } else { 0.0 }
    }

    fn norms(&self, weights: &Weights) -> Vec<LayerNorms> {
        let Some(agent) = &self.inner.facts().agent else { return Vec::new() };
        let mlp = &agent.acting.mlp;
        if weights.parameters.len() != mlp.flat_len() {
            return Vec::new();
        }
        let gradients = self.inner.watch().hub.gradients.latest();
        let names = mlp.names().into_iter().zip(mlp.norms(&weights.parameters)).enumerate();
        let layers = names.map(|(i, (name, parameters))| {
            let gradient = gradients.get(i).copied().unwrap_or_default();
            LayerNorms { name, parameters, gradient }
        });
        layers.collect()
    }
}

/// When frames are next due after they were asked for at `now`. Where each step is shown they are asked for far more often
/// than once a `period`: that must not push what follows ever further off.
fn next_due(due: Instant, now: Instant, period: Duration, each: bool) -> Instant {
    if each { now + period } else { (due + period).max(now) }
}

/// Gives a viewer the weights, if it waits for newer ones than it has.
fn give(viewer: &Viewer, weights: &Weights) {
    let mut wishes = viewer.wishes();
    if wishes.weights.is_none_or(|newer_than| newer_than.is_some_and(|version| version >= weights.version)) {
        return;
    }
    wishes.weights = None;
    drop(wishes);
    let reply = WeightsReply { version: weights.version, parameters: weights.parameters.clone() };
    if let Some(message) = wire::encode(&Reply::Weights(reply)) {
        viewer.outbox.reply(message);
    }
}

/// [`Reply::Frames`] of frames that belong to others.
struct FramesReply<'a>(&'a [&'a EnvFrame]);

impl Serialize for FramesReply<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_variant("Reply", 2, "Frames", self.0)
    }
}

/// Bytes of this process in memory; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrowed_frames_are_written_as_owned_ones() {
        let frames =
            [EnvFrame { env: 1, ..EnvFrame::default() }, EnvFrame { env: 7, reward: 1.0, ..EnvFrame::default() }];
        let owned = wire::encode(&Reply::Frames(frames.to_vec())).unwrap();
        assert_eq!(wire::encode(&FramesReply(&frames.iter().collect::<Vec<_>>())).unwrap(), owned);
    }

    #[test]
    fn frames_come_soon_once_not_each_step_is_shown_any_more() {
        let (begin, period) = (Instant::now(), Duration::from_millis(16));
        let mut due = begin;
        for woken in 0..1000 {
            due = next_due(due, begin + Duration::from_millis(woken), period, true);
        }
        let now = begin + Duration::from_secs(1);
        assert!(due <= now + period, "{:?} ahead", due - now);
        // In step with the clock, and after a standstill at once.
        assert_eq!(next_due(now, now, period, false), now + period);
        assert_eq!(next_due(begin, now, period, false), now);
    }

    /// A window that heard of it ten times a second would be painted as often, though nothing in it moves.
    #[test]
    fn little_is_told_of_a_run_that_stands_still() {
        let begin = Instant::now();
        let mut told = Told(begin, None);
        let mut news = |standing: Option<Standing>, ms: u64| told.is_news(standing, begin + Duration::from_millis(ms));
        let still = |step| Some((step, None, None, Vec::new(), 1));
        assert!(news(None, 100) && news(None, 200), "it moves");
        assert!(news(still(8), 300) && !news(still(8), 400) && !news(still(8), 1200));
        assert!(news(still(8), 1300), "a second later");
        assert!(news(still(16), 1400) && !news(still(16), 1500), "it was stepped");
        assert!(news(None, 1600), "it goes on");
    }

    #[test]
    fn the_process_takes_memory() {
        assert!(resident_bytes() > 1 << 20);
    }
}
