//! A viewer's connection, at the run's end: one thread reads its requests and carries them out, another writes.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::files;
use super::outbox::Outbox;
use super::protocol::{Command, Interest, MAX_ENVS, MAX_HZ, MIN_SPEED, ReplayQuery, Reply, Request, SILENCE, Verdict};
use super::replay_map::{self, Draft, Ranges};
use super::server::Inner;
use super::wire::{self, GREETING, Inbox};
use crate::replay::Replay;

/// How long a stranger may take to say who it is, in all.
const GREET: Duration = Duration::from_secs(1);
/// How long a viewer may leave what is written to it unread.
const UNREAD: Duration = Duration::from_secs(2);
/// Who copies the run's files asks for the next part of them within this time.
const COPYING: Duration = Duration::from_secs(2);
/// How long a request waits for the learner to lend its replay: an update may take a while.
const REPLAY: Duration = Duration::from_secs(5);

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Viewer {
    id: u32,
    stream: TcpStream,
    pub(super) outbox: Outbox,
    wishes: Mutex<Wishes>,
}

/// What a viewer wants, and what it is owed of that.
#[derive(Debug)]
pub(super) struct Wishes {
    pub(super) interest: Interest,
    /// The replay map that it has: what it answers, and between which values.
    map: Option<(ReplayQuery, Ranges)>,
    /// Weights newer than this version.
    pub(super) weights: Option<Option<u64>>,
    /// When the next frames are due.
    pub(super) due: Instant,
    /// Of which actors frames were asked for it.
    pub(super) owed: Vec<bool>,
    /// When it last asked for a part of a file.
    read: Option<Instant>,
}

impl Viewer {
    pub(super) fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection.
    pub(super) fn hang_up(&self) {
        self.outbox.close();
        // Its threads notice; it may be gone already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Whether it copies the run's files and, after the run's `farewell`, may ask for more of them.
    pub(super) fn is_copying(&self, farewell: Instant) -> bool {
        let read = self.wishes().read;
        read.is_some_and(|read| read.max(farewell).elapsed() < COPYING || self.outbox.is_busy())
    }

    fn reply(&self, reply: &Reply) {
        if let Some(message) = wire::encode(reply) {
            self.outbox.reply(message);
        }
    }
}

impl Wishes {
    pub(super) fn wants(&self, env: u32) -> bool {
        self.interest.envs.contains(&env) || self.interest.inspected == Some(env)
    }
}

/// Whom a connection turns out to be, and its requests until it ends.
pub(super) fn serve(inner: &Arc<Inner>, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(UNREAD))?;
    let Some(mut verdict) = greet(&stream, inner)? else { return Ok(()) };
    stream.set_read_timeout(Some(SILENCE))?;
    let entered = if verdict == Verdict::Welcome { inner.enter(|id| viewer(inner, id, &stream)) } else { None };
    if verdict == Verdict::Welcome && entered.is_none() {
        verdict = Verdict::Full;
    }
    let guest = entered.transpose()?.map(|viewer| Guest { inner, viewer });
    (&stream).write_all(&wire::answer(verdict))?;
    guest.map_or(Ok(()), |guest| converse(inner, &guest.viewer, stream))
}

/// A viewer that has entered, and leaves when this goes.
struct Guest<'a> {
    inner: &'a Inner,
    viewer: Arc<Viewer>,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.viewer.hang_up();
        self.inner.leave(&self.viewer);
    }
}

fn viewer(inner: &Inner, id: u32, stream: &TcpStream) -> io::Result<Viewer> {
    let wishes = Wishes {
        interest: Interest::default(),
        map: None,
        weights: None,
        due: Instant::now(),
        owed: vec![false; inner.slots().len()],
        read: None,
    };
    let viewer = Viewer { id, stream: stream.try_clone()?, outbox: Outbox::default(), wishes: Mutex::new(wishes) };
    viewer.reply(&Reply::Welcome(inner.welcome()));
    Ok(viewer)
}

/// Reads a greeting; nothing if it is none.
fn greet(mut stream: &TcpStream, inner: &Inner) -> io::Result<Option<Verdict>> {
    let (mut greeting, mut read, by) = ([0; GREETING], 0, Instant::now() + GREET);
    while read < GREETING {
        let left = by.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut greeting[read..])? {
            0 => return Ok(None),
            n => read += n,
        }
    }
    Ok(wire::judge(&greeting, inner.token()))
}

/// Both threads of a viewer, until either side ends it.
fn converse(inner: &Arc<Inner>, viewer: &Arc<Viewer>, mut stream: TcpStream) -> io::Result<()> {
    let writer = viewer.clone();
    let writing = thread::Builder::new().name("watch-writer".into()).spawn(move || {
        while let Some(message) = writer.outbox.next() {
            if (&writer.stream).write_all(&message).is_err() {
                break;
            }
        }
        writer.hang_up();
    })?;
    let mut inbox = Inbox::default();
    // What is no request ends the connection as its end does, and so does silence: there is nobody to talk to.
    while let Ok(Some(request)) = inbox.read(&mut stream) {
        viewer.outbox.wait_for_room();
        carry_out(inner, viewer, request);
    }
    viewer.hang_up();
    // It has nothing left to do.
    let _ = writing.join();
    Ok(())
}

fn carry_out(inner: &Inner, viewer: &Viewer, request: Request) {
    match request {
        Request::Watch(mut interest) => {
            interest.hz = if interest.hz.is_finite() { interest.hz.clamp(0.0, MAX_HZ) } else { 0.0 };
            interest.envs.end = interest.envs.end.min(interest.envs.start.saturating_add(MAX_ENVS));
            let frames = interest.hz > 0.0;
            {
                let mut wishes = viewer.wishes();
                (wishes.interest, wishes.due) = (interest, Instant::now());
            }
            inner.wishes_changed();
            if frames {
                inner.watch().hub.gate.viewer_came();
            }
        }
        Request::Command { id, command } => {
            let problem = {
                let mut holds = inner.watch().hub.holds();
                let obeyed = obey(inner, viewer.id, command.clone());
                obeyed.map(|()| holds.note(viewer.id, &command)).err()
            };
            viewer.reply(&Reply::Done { id, step: inner.step(), problem });
            inner.wake();
        }
        Request::Read { file, offset, limit } => {
            viewer.wishes().read = Some(Instant::now());
            viewer.reply(&files::read(inner.run(), file, offset, limit));
        }
        Request::Weights { newer_than } => {
            viewer.wishes().weights = Some(newer_than);
            inner.wake();
        }
        Request::ReplayMap(query) => {
            let Some(agent) = &inner.facts().agent else { return };
            let draft =
                agent.lent_replay.look(REPLAY, |replay| replay_map::draft(replay, query.clone(), agent.returns));
            let map = draft.unwrap_or_else(|| Draft::empty(query)).finish(&agent.acting, inner.parameters().as_deref());
            viewer.wishes().map = Some((map.query.clone(), map.ranges));
            viewer.reply(&Reply::ReplayMap(map));
        }
        Request::Transitions { query, cell, limit } => {
            let Some(agent) = &inner.facts().agent else { return };
            let map = viewer.wishes().map.clone();
            let same = |(of, _): &(ReplayQuery, Ranges)| (of.axes, of.bins) == (query.axes, query.bins);
            let ranges = map.filter(same).map(|(_, ranges)| ranges);
            let list = |replay: &Replay| replay_map::list(replay, query, ranges, cell, limit, agent.returns);
            let transitions = agent.lent_replay.look(REPLAY, list).unwrap_or_default();
            let transitions = transitions.finish(&agent.acting, inner.parameters().as_deref());
            viewer.reply(&Reply::Transitions { cell, transitions });
        }
        // That it came is all that it says.
        Request::Ping => {}
    }
}

/// Carries a command out, or says why not.
fn obey(inner: &Inner, viewer: u32, command: Command) -> Result<(), String> {
    let (watch, hub) = (inner.watch(), &inner.watch().hub);
    match command {
        Command::Pause => hub.gate.pause(watch.most_steps()),
        Command::Resume => hub.gate.resume(),
        Command::Step(count) => hub.gate.step(count, watch.most_steps()),
        Command::Speed(Some(speed)) if !(speed >= MIN_SPEED && speed.is_finite()) => {
            return Err(format!("a speed of {speed} vector steps a second: give {MIN_SPEED} or more, or no limit"));
        }
        Command::Speed(speed) => hub.gate.limit_speed(speed),
        Command::Epsilon(Some(epsilon)) if !(0.0..=1.0).contains(&epsilon) => {
            return Err(format!("ε of {epsilon}: give a chance between 0 and 1"));
        }
        Command::Epsilon(epsilon) => hub.overrides.set_epsilon(epsilon),
        Command::TakeOver { env, action } => {
            let n_envs = inner.facts().n_envs;
            if env >= n_envs {
                return Err(format!("environment {env}: there are {n_envs}, counted from 0"));
            }
            if let (Some(action), Some(agent)) = (&action, &inner.facts().agent)
                && !agent.action_space.accepts(action.as_action())
            {
                return Err(format!("{action:?} is not in {}", agent.action_space));
            }
            hub.overrides.take_over(viewer, env, action);
            inner.wishes_changed();
        }
        Command::Stop => hub.stopped.store(true, Ordering::Relaxed),
    }
    Ok(())
}

impl Viewer {
    /// Its number, by which what it takes over is its own.
    pub(super) fn id(&self) -> u32 {
        self.id
    }
}
