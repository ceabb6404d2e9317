//! What a run shows to viewers while it trains, and what they can do to it.
//!
//! Training never waits for a viewer that nobody asked it to wait for, and never draws: one relaxed load a vector step
//! says whether anybody watches at all. If so, an actor looks, between the choice of its actions and their step, what is
//! wanted: frames of its environments, other actions, or that it waits (`Gate`). What threads do is a plain store to
//! a cache line of their own (`ThreadActivity`), in the midst of vector steps only while somebody watches. Everything else, encoding included, happens on the server's threads.
//!
//! | module | holds |
//! |---|---|
//! | `protocol`, `wire` | the messages, and how they are put on a stream |
//! | `gate`, `overrides`, `holds` | pausing, stepping and slowing down; ε and environments that people take over; whose it is |
//! | `thread_activity`, `slot`, `numbers`, `published`, `lent_replay` | what threads leave for the server to look at |
//! | `server`, `viewer`, `outbox`, `pump`, `files`, `replay_map` | the run's end of the connections |
//! | `client` | a viewer's end |

mod client;
mod files;
mod gate;
mod holds;
mod lent_replay;
mod numbers;
mod outbox;
mod overrides;
mod protocol;
mod published;
mod pump;
mod replay_map;
mod server;
mod slot;
mod thread_activity;
mod viewer;
mod wire;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

pub use client::{Connection, Receiver, Sender, WatchError};
pub(crate) use gate::Shown;
pub(crate) use lent_replay::LentReplay;
pub(crate) use numbers::{Numbers, Phase};
pub use protocol::*;
pub(crate) use server::{Agent, Facts, Server};
pub(crate) use slot::Wanted;

use crate::actor::Weights;
use cartwheel_agents::Critic;
use gate::Gate;
use holds::{Held, Holds};
pub(crate) use overrides::Intervention;
use overrides::Overrides;
use published::{GradientNorms, PublishedWeights};
use slot::Slot;
use thread_activity::ThreadActivity;

/// A run's side of being watched: a handle that its threads share. Every run has one, watched or not.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    hub: Arc<Hub>,
}

#[derive(Debug, Default)]
struct Hub {
    attention: Attention,
    learner: Arc<ThreadActivity>,
    slots: Mutex<Vec<Arc<Slot>>>,
    gate: Gate,
    overrides: Overrides,
    holds: Mutex<Holds>,
    weights: PublishedWeights,
    gradients: GradientNorms,
    /// The value functions that the learner last left for frames.
    critic: Mutex<Option<Arc<Critic>>>,
    numbers: Numbers,
    viewers: AtomicUsize,
    refreshing: Mutex<()>,
    /// The server's thread that takes frames, to be woken when there are some.
    pump: OnceLock<Thread>,
    /// What the run's owner stops it with, and what a viewer does.
    stop: Arc<AtomicBool>,
    stopped: AtomicBool,
}

impl Hub {
    /// Locked while a command is carried out, so that who gave the last one is who holds.
    fn holds(&self) -> MutexGuard<'_, Holds> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether anybody watches: read in every vector step, so alone in its cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Attention(AtomicBool);

impl Watch {
    /// For a run that also ends when `stop` becomes true.
    pub fn new(stop: Arc<AtomicBool>) -> Self {
        Self { hub: Arc::new(Hub { stop, ..Hub::default() }) }
    }

    /// Whether anybody watches.
    #[inline]
    pub fn attended(&self) -> bool {
        self.hub.attention.0.load(Ordering::Relaxed)
    }

    /// What the learner's thread does from now on.
    #[inline]
    pub(crate) fn doing(&self, activity: Activity) {
        self.hub.learner.doing(activity);
    }

    /// The place of an actor with the `envs` environments from the run's number `first_env` on. It runs on the
    /// learner's thread, or on one of its own.
    pub fn seat(&self, first_env: usize, envs: usize, own_thread: bool) -> Seat {
        let thread_activity = if own_thread { Arc::default() } else { self.hub.learner.clone() };
        let slot = Arc::new(Slot::new(first_env as u32, envs as u32, thread_activity));
        self.hub.slots.lock().unwrap_or_else(PoisonError::into_inner).push(slot.clone());
        Seat { watch: self.clone(), slot }
    }

    /// Whether the run is asked to end.
    #[inline]
    pub(crate) fn stopping(&self) -> bool {
        self.hub.stop.load(Ordering::Relaxed) || self.hub.stopped.load(Ordering::Relaxed)
    }

    /// Holds no actor from now on, whatever viewers want.
    pub(crate) fn open(&self) {
        self.hub.gate.open();
    }

    /// Holds the run before its first step until a viewer wants frames, but no longer than `patience`. To be called before
    /// viewers can come.
    pub(crate) fn await_viewer(&self, patience: Duration) {
        self.hub.gate.await_viewer(patience);
        self.refresh();
    }

    /// How long the first actor was held so far.
    #[inline]
    pub(crate) fn held(&self) -> Duration {
        self.hub.gate.held()
    }

    /// The chance of exploring that a viewer decided on.
    pub(crate) fn epsilon(&self) -> Option<f64> {
        self.hub.overrides.epsilon().map(f64::from)
    }

    /// What people decided since this was last asked.
    #[inline]
    pub(crate) fn intervention(&self) -> Option<Intervention> {
        self.hub.overrides.news()
    }

    /// Where the learner tells how far it is.
    #[inline]
    pub(crate) fn numbers(&self) -> &Numbers {
        &self.hub.numbers
    }

    /// Where the learner leaves the norms of its gradients.
    #[inline]
    pub(crate) fn gradients(&self) -> &GradientNorms {
        &self.hub.gradients
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.hub.slots.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The most vector steps that an actor has done.
    fn most_steps(&self) -> u64 {
        self.slots().iter().map(|slot| slot.thread_activity.steps()).max().unwrap_or_default()
    }

    /// Environment steps that all actors have done; of who has no environments, its own.
    fn env_steps(&self) -> u64 {
        self.slots().iter().map(|slot| slot.thread_activity.steps() * u64::from(slot.envs.max(1))).sum()
    }

    /// A viewer came.
    fn enter(&self) {
        self.hub.viewers.fetch_add(1, Ordering::Relaxed);
        self.refresh();
    }

    /// A viewer left: what it held goes on, and with the last one goes everything that viewers had decided.
    fn leave(&self, viewer: u32) {
        self.hub.overrides.give_back(viewer);
        {
            let mut holds = self.hub.holds();
            let Held { pause, speed, epsilon } = holds.release(viewer);
            if pause {
                self.hub.gate.resume();
            }
            if speed {
                self.hub.gate.limit_speed(None);
            }
            if epsilon {
                self.hub.overrides.set_epsilon(None);
            }
        }
        if self.hub.viewers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.hub.gradients.forget();
            self.hub.overrides.set_epsilon(None);
            self.hub.gate.reset();
            self.slots().iter().for_each(|slot| slot.forget());
        }
        self.refresh();
    }

    /// The learner's side: leaves its value functions for frames.
    pub(crate) fn leave_critic(&self, critic: Option<Critic>) {
        *self.hub.critic.lock().unwrap_or_else(PoisonError::into_inner) = critic.map(Arc::new);
    }

    /// Works out whether anybody watches. One at a time, so that what was found last is what is stored last.
    fn refresh(&self) {
        let _alone = self.hub.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let attended = self.hub.viewers.load(Ordering::Relaxed) > 0 || self.hub.gate.awaits_viewer();
        self.hub.attention.0.store(attended, Ordering::Relaxed);
    }
}

/// An actor's place: what it tells of itself, and what it is told.
#[derive(Clone, Debug, Default)]
pub struct Seat {
    watch: Watch,
    slot: Arc<Slot>,
}

impl Seat {
    /// Whether anybody watches.
    #[inline]
    pub fn attended(&self) -> bool {
        self.watch.attended()
    }

    /// Whether the run is asked to end.
    #[inline]
    pub(crate) fn stopping(&self) -> bool {
        self.watch.stopping()
    }

    /// What the actor's thread does from now on. In every vector step it is told only while somebody watches.
    #[inline]
    pub fn doing(&self, activity: Activity) {
        self.slot.thread_activity.doing(activity);
    }

    /// What it does by what was told.
    #[cfg(test)]
    pub(crate) fn activity(&self) -> u8 {
        self.slot.thread_activity.activity()
    }

    /// The actor has done so many vector steps: told after each rollout, and before each step that somebody may watch.
    pub(crate) fn has_done(&self, steps: u64) {
        self.slot.thread_activity.stepped(steps);
    }

    /// Asks for frames of the actor's first environments, as the server does for a viewer; they are there after the
    /// actor's next vector step. From then on the run counts as attended.
    pub fn ask(&self, envs: usize) {
        self.watch.hub.attention.0.store(true, Ordering::Relaxed);
        self.slot.ask((0..envs).map(|index| Wanted { index, inspected: index == 0 }));
    }

    /// Takes the frames that were asked for, for older ones to be filled again; false while there are none.
    pub fn frames(&self, frames: &mut Vec<EnvFrame>) -> bool {
        self.slot.take(frames)
    }

    /// Whether frames are asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.slot.is_asked()
    }

    /// Fills a frame for each environment that is asked for.
    pub(crate) fn fill(&self, show: impl FnMut(Wanted, &mut EnvFrame)) {
        self.slot.fill(show);
        if let Some(pump) = self.watch.hub.pump.get() {
            pump.unpark();
        }
    }

    /// Where the actor's environments begin among the run's.
    pub(crate) fn first_env(&self) -> u32 {
        self.slot.first_env
    }

    /// The run's numbers of the actor's environments.
    pub(crate) fn envs(&self) -> std::ops::Range<u32> {
        self.slot.first_env..self.slot.first_env + self.slot.envs
    }

    pub(crate) fn epsilon(&self) -> Option<f64> {
        self.watch.epsilon()
    }

    pub(crate) fn overrides(&self) -> &Overrides {
        &self.watch.hub.overrides
    }

    /// Rises when a viewer wants something else.
    pub(crate) fn generation(&self) -> u64 {
        self.watch.hub.gate.generation()
    }

    /// Waits until the next vector step may be done; false if there is something to look at before.
    pub(crate) fn pass(&self, shown: Shown) -> bool {
        let passed = self.watch.hub.gate.pass(&self.slot, shown, || self.watch.stopping());
        if self.watch.hub.viewers.load(Ordering::Relaxed) == 0 {
            // Nobody came.
            self.watch.refresh();
        }
        passed
    }

    /// Waits while the run is held, of who shows nothing and takes nothing over.
    pub(crate) fn wait(&self) {
        while !self.pass(Shown { generation: self.generation(), done: true }) {}
    }

    /// Leaves `weights` for the server, if it wants them and this is the actor that gives them.
    pub(crate) fn publish(&self, weights: &Weights) {
        if self.slot.first_env == 0 {
            self.watch.hub.weights.publish(weights);
        }
    }

    /// The value functions that the learner last left for frames.
    pub(crate) fn critic(&self) -> Option<Arc<Critic>> {
        self.watch.hub.critic.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The actor failed: nobody waits for it.
    pub(crate) fn failed(&self) {
        self.watch.open();
    }
}
