//! The run's end: a port of this machine alone, and `watch.json`, by which viewers find it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cartwheel_agents::{Acting, EpsilonSchedule, Returns};
use cartwheel_envs::Space;

use super::lent_replay::LentReplay;
use super::protocol::{Reply, VERSION, WatchFile, Welcome};
use super::pump::pump;
use super::slot::Slot;
use super::viewer::{Viewer, serve};
use super::wire::{self, Token};
use super::{ThreadActivity, Watch};
use crate::run::{RunDir, write_atomic_private};

/// So many viewers may be attached.
const VIEWERS: usize = 4;
/// So many connections may be open, those included that have not said who they are.
const CONNECTIONS: usize = 16;
/// How long the run's end waits for what viewers have not read yet.
const FAREWELL: Duration = Duration::from_millis(250);
/// How long it waits for viewers that copy the last of the run's files, and how often it looks for them.
const COPIES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(5));

/// What of a run does not change while it trains.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) run: RunDir,
    pub(crate) n_envs: u32,
    pub(crate) total_timesteps: u64,
    /// Environment steps that were done before.
    pub(crate) first_step: u64,
    pub(crate) device: String,
    /// Of a run that trains an agent; a model that is fitted to data has no environments, and its steps are the optimizer's.
    pub(crate) agent: Option<Agent>,
}

/// The same of an agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) epsilon: EpsilonSchedule,
    pub(crate) acting: Acting,
    pub(crate) action_space: Space,
    /// Transitions that replay holds at most.
    pub(crate) replay_capacity: u64,
    /// Where the learner leaves its replay, and how returns are summed that are drawn from it.
    pub(crate) lent_replay: Arc<LentReplay>,
    pub(crate) returns: Returns,
}

/// Serves viewers until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    inner: Arc<Inner>,
    address: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

/// What the server's threads share.
#[derive(Debug)]
pub(super) struct Inner {
    watch: Watch,
    facts: Facts,
    token: Token,
    slots: Vec<Arc<Slot>>,
    viewers: Mutex<Vec<Arc<Viewer>>>,
    ids: AtomicU32,
    connections: AtomicUsize,
    ended: AtomicBool,
}

impl Server {
    /// Listens, once all actors have their seats.
    pub(crate) fn start(watch: Watch, facts: Facts) -> io::Result<Self> {
        let mut token = Token::default();
        fs::File::open("/dev/urandom")?.read_exact(&mut token)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let file = WatchFile { protocol: VERSION, address, token: wire::token_text(&token), pid: std::process::id() };
        let inner = Arc::new(Inner {
            slots: watch.slots(),
            watch,
            facts,
            token,
            viewers: Mutex::default(),
            ids: AtomicU32::default(),
            connections: AtomicUsize::default(),
            ended: AtomicBool::default(),
        });
        let mut server = Self { inner: inner.clone(), address, threads: Vec::new() };
        let (for_pump, for_listening) = (inner.clone(), inner.clone());
        server.threads.push(thread::Builder::new().name("watch-pump".into()).spawn(move || pump(&for_pump))?);
        let listen = move || listen(&for_listening, &listener);
        server.threads.push(thread::Builder::new().name("watch-listen".into()).spawn(listen)?);
        let json = serde_json::to_vec_pretty(&file)?;
        write_atomic_private(&inner.facts.run.watch(), |out| out.write_all(&json))?;
        Ok(server)
    }
}

impl Drop for Server {
    /// Says farewell, and ends all threads.
    fn drop(&mut self) {
        let inner = &self.inner;
        // Where it was never written there is none.
        let _ = fs::remove_file(inner.facts.run.watch());
        inner.ended.store(true, Ordering::Relaxed);
        let farewell = Instant::now();
        let words = wire::encode(&Reply::Ended).unwrap_or_default();
        inner.viewers().iter().for_each(|viewer| viewer.outbox.reply(words.clone()));
        for viewer in inner.viewers().clone() {
            viewer.outbox.drain((farewell + FAREWELL).saturating_duration_since(Instant::now()));
        }
        while farewell.elapsed() < COPIES.0 && inner.viewers().iter().any(|viewer| viewer.is_copying(farewell)) {
            thread::sleep(COPIES.1);
        }
        inner.viewers().clone().iter().for_each(|viewer| viewer.hang_up());
        inner.wake();
        // The listener looks at the flag when somebody comes.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        for thread in self.threads.drain(..).take(if woken { 2 } else { 1 }) {
            // Nothing is left to be told of one that panicked.
            let _ = thread.join();
        }
    }
}

/// Takes connections in until the server ends.
fn listen(inner: &Arc<Inner>, listener: &TcpListener) {
    loop {
        let accepted = listener.accept();
        if inner.ended.load(Ordering::Relaxed) {
            return;
        }
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors: later, perhaps.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        if inner.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS {
            inner.connections.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let own = inner.clone();
        let spawned = thread::Builder::new().name("watch-viewer".into()).spawn(move || {
            if let Err(error) = serve(&own, stream) {
                tracing::debug!("a viewer's connection: {error}");
            }
            own.connections.fetch_sub(1, Ordering::Relaxed);
        });
        if let Err(error) = spawned {
            inner.connections.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!("no thread could be started for a viewer: {error}");
        }
    }
}

impl Inner {
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn run(&self) -> &RunDir {
        &self.facts.run
    }

    pub(super) fn token(&self) -> &Token {
        &self.token
    }

    pub(super) fn slots(&self) -> &[Arc<Slot>] {
        &self.slots
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// The weights that actors acted with last, of this run's network.
    pub(super) fn parameters(&self) -> Option<Vec<f32>> {
        let (latest, agent) = (self.watch.hub.weights.latest()?, self.facts.agent.as_ref()?);
        (latest.parameters.len() == agent.acting.mlp.flat_len()).then(|| latest.parameters.clone())
    }

    /// Environment steps of the run, or the optimizer's.
    pub(super) fn step(&self) -> u64 {
        self.facts.first_step + self.watch.env_steps()
    }

    /// The threads that lanes are of, and their names.
    pub(super) fn lanes(&self) -> Vec<(String, &Arc<ThreadActivity>)> {
        let own = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| !Arc::ptr_eq(&slot.thread_activity, &self.watch.hub.learner));
        let actors: Vec<_> = own.map(|(i, slot)| (format!("actor {i}"), &slot.thread_activity)).collect();
        let acts = self.facts.agent.is_some() && actors.len() < self.slots.len();
        let learner = if acts { "learner, actor 0" } else { "learner" };
        std::iter::once((learner.to_string(), &self.watch.hub.learner)).chain(actors).collect()
    }

    pub(super) fn welcome(&self) -> Welcome {
        Welcome {
            run: self.facts.run.name(),
            n_envs: self.facts.n_envs,
            total_timesteps: self.facts.total_timesteps,
            device: self.facts.device.clone(),
            lanes: self.lanes().into_iter().map(|(name, _)| name).collect(),
        }
    }

    pub(super) fn viewers(&self) -> MutexGuard<'_, Vec<Arc<Viewer>>> {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a viewer in, if there is room for one.
    pub(super) fn enter(&self, make: impl FnOnce(u32) -> io::Result<Viewer>) -> Option<io::Result<Arc<Viewer>>> {
        let mut viewers = self.viewers();
        if viewers.len() >= VIEWERS || self.has_ended() {
            return None;
        }
        let viewer = make(self.ids.fetch_add(1, Ordering::Relaxed)).map(Arc::new);
        if let Ok(viewer) = &viewer {
            viewers.push(viewer.clone());
            self.watch.enter();
            self.wake();
        }
        Some(viewer)
    }

    pub(super) fn leave(&self, viewer: &Viewer) {
        self.viewers().retain(|other| other.id() != viewer.id());
        self.watch.leave(viewer.id());
        self.wishes_changed();
    }

    /// Works out what is wanted by anybody, and has everybody look at it.
    pub(super) fn wishes_changed(&self) {
        let viewers = self.viewers();
        let mut most = 0.0_f32;
        for slot in &self.slots {
            let own = slot.first_env..slot.first_env + slot.envs;
            let watched = viewers.iter().any(|viewer| {
                let wishes = viewer.wishes();
                most = most.max(wishes.interest.hz);
                wishes.interest.hz > 0.0 && own.clone().any(|env| wishes.wants(env))
            });
            slot.watched.store(watched, Ordering::Relaxed);
        }
        drop(viewers);
        self.watch.hub.gate.wishes_changed(most);
        self.wake();
    }

    /// Has the pump look at once.
    pub(super) fn wake(&self) {
        if let Some(pump) = self.watch.hub.pump.get() {
            pump.unpark();
        }
    }

    /// The calling thread is the pump.
    pub(super) fn is_pump(&self) {
        // There is only one.
        let _ = self.watch.hub.pump.set(thread::current());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{Connection, Request, RunFile};

    /// A run of a model that is fitted to data, in `folder`.
    fn server(folder: &std::path::Path) -> Server {
        let fill = |run: &RunDir| {
            fs::write(run.config(), "").unwrap();
            fs::write(run.manifest(), "{}").unwrap();
            Ok(())
        };
        let run = RunDir::create(folder, "a", &fill).unwrap();
        let facts = Facts { run, n_envs: 0, total_timesteps: 1, first_step: 0, device: String::new(), agent: None };
        Server::start(Watch::default(), facts).unwrap()
    }

    /// Else the run would count as watched for ever.
    #[test]
    fn a_viewer_that_cannot_be_answered_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let server = server(folder.path());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut stranger = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stranger.write_all(&wire::greeting(&server.inner.token)).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(serve(&server.inner, stream).is_err());
        assert!(server.inner.viewers().is_empty() && !server.inner.watch.attended());
    }

    /// However many parts that takes.
    #[test]
    fn who_copies_files_gets_the_last_of_them_after_the_farewell() {
        let folder = tempfile::tempdir().unwrap();
        let server = server(folder.path());
        let manifest = server.inner.facts.run.manifest();
        let mut copier = Connection::open(server.inner.facts.run.path()).unwrap();
        let length = |copier: &mut Connection| {
            copier.send(&Request::Read { file: RunFile::Manifest, offset: 0, limit: 9 }).unwrap();
            loop {
                if let Some(Reply::Bytes { length, .. }) = copier.receive(Duration::from_secs(60)).unwrap() {
                    return length;
                }
            }
        };
        assert_eq!(length(&mut copier), 2);
        fs::write(manifest, "final").unwrap();
        let ending = thread::spawn(move || drop(server));
        while copier.receive(Duration::from_secs(60)).unwrap() != Some(Reply::Ended) {}
        (0..200).for_each(|part| assert_eq!(length(&mut copier), 5, "part {part}"));
        drop(copier);
        ending.join().unwrap();
    }
}
