//! A viewer that remembers what it saw.

use std::time::{Duration, Instant};

use cartwheel::trainer::watch::{Command, Connection, EnvFrame, Interest, Reply, Request, Status, Welcome};

use crate::support::{Run, Running};

/// How long a test waits for what should come at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// See the module's documentation.
pub(super) struct Viewer {
    connection: Connection,
    pub(super) welcome: Welcome,
    pub(super) status: Status,
    pub(super) frames: Vec<EnvFrame>,
    pub(super) ended: bool,
    ids: u32,
}

impl Viewer {
    /// Attaches to `run`, if it can be.
    pub(super) fn open(run: &Run) -> Option<Self> {
        let mut viewer = Self {
            connection: Connection::open(&run.path).ok()?,
            welcome: Welcome::default(),
            status: Status::default(),
            frames: Vec::new(),
            ended: false,
            ids: 0,
        };
        let Reply::Welcome(welcome) = viewer.receive() else { panic!("the first message is the welcome") };
        viewer.welcome = welcome;
        Some(viewer)
    }

    /// Attaches to `run` as soon as it can be.
    pub(super) fn attach(run: &Run, running: &mut Running) -> Self {
        let mut viewer = None;
        let alive = running.until(|| {
            viewer = Self::open(run);
            viewer.is_some()
        });
        assert!(alive, "the run ended too soon");
        viewer.unwrap()
    }

    /// The next message, noted.
    pub(super) fn receive(&mut self) -> Reply {
        let reply = self.connection.receive(PATIENCE).unwrap().expect("a message within a minute");
        match &reply {
            Reply::Status(status) => self.status = status.clone(),
            Reply::Frames(frames) => self.frames.extend(frames.iter().cloned()),
            Reply::Ended => self.ended = true,
            _ => {}
        }
        reply
    }

    /// Receives until `found` finds something.
    #[track_caller]
    pub(super) fn until<T>(&mut self, mut found: impl FnMut(&mut Self, &Reply) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            assert!(begin.elapsed() < PATIENCE, "waited too long; {:?}", self.status);
            let reply = self.receive();
            if let Some(found) = found(self, &reply) {
                return found;
            }
        }
    }

    /// Receives until the run has done more than so many environment steps.
    #[track_caller]
    pub(super) fn past(&mut self, step: u64) {
        self.until(|viewer, _| (viewer.status.step > step).then_some(()));
    }

    pub(super) fn send(&mut self, request: Request) {
        self.connection.send(&request).unwrap();
    }

    /// The connection, to do with it what no viewer should.
    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }

    /// Wants frames of all environments, and the observations of number 1.
    pub(super) fn look(&mut self, hz: f32) {
        let interest = Interest { envs: 0..self.welcome.n_envs, hz, inspected: Some(1), lanes: true };
        self.send(Request::Watch(interest));
    }

    /// Gives a command and waits until it is done; answers why not.
    #[track_caller]
    pub(super) fn command(&mut self, command: Command) -> Option<String> {
        self.ids += 1;
        let id = self.ids;
        self.send(Request::Command { id, command });
        self.until(move |_, reply| match reply {
            Reply::Done { id: done, problem, .. } if *done == id => Some(problem.clone()),
            _ => None,
        })
    }

    #[track_caller]
    pub(super) fn ok(&mut self, command: Command) {
        assert_eq!(self.command(command), None);
    }

    /// Waits until the run stands still, and answers at which environment step.
    #[track_caller]
    pub(super) fn at_rest(&mut self) -> u64 {
        let (mut last, mut times) = (u64::MAX, 0);
        self.until(|viewer, reply| {
            if matches!(reply, Reply::Status(_)) {
                times = if viewer.status.step == last { times + 1 } else { 0 };
                last = viewer.status.step;
            }
            (times >= 3).then_some(last)
        })
    }

    /// The newest frame of an environment for which `holds`, of those that came since they were last forgotten or are
    /// still to come.
    #[track_caller]
    pub(super) fn frame(&mut self, env: u32, holds: impl Fn(&EnvFrame) -> bool) -> EnvFrame {
        let fits = |frame: &&EnvFrame| frame.env == env && holds(frame);
        let newest = |viewer: &Self| viewer.frames.iter().rev().find(fits).cloned();
        newest(self).unwrap_or_else(|| self.until(|viewer, _| newest(viewer)))
    }

    /// Forgets all frames and gives a command, so that only what follows from it is seen.
    #[track_caller]
    pub(super) fn afresh(&mut self, command: Command) {
        self.frames.clear();
        self.ok(command);
    }
}
