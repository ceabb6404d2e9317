//! Viewers of a run: what they see and do, and that training needs none of them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use cartwheel::envs::OwnedAction;
use cartwheel::trainer::watch::{
    ChosenBy, Command, Connection, EnvFrame, Interest, Judgement, MAGIC, Observation, Reply, Request, RunFile, Status,
    VERSION, WatchError, WatchFile, Welcome,
};

use crate::support::{CART_POLE, Folder, Run, Running, SCRIPTED};

/// How long a test waits for what should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// Far longer than a test takes.
const ENDLESS: &str = "--n-envs 4 --actors 2 --steps 400000000 --checkpoint-every 0 --set eval.eval_freq=0";

/// A viewer that remembers what it saw.
struct Viewer {
    connection: Connection,
    welcome: Welcome,
    status: Status,
    frames: Vec<EnvFrame>,
    ended: bool,
    ids: u32,
}

impl Viewer {
    /// Attaches to `run` as soon as it can be.
    fn attach(run: &Run, running: &mut Running) -> Self {
        let mut connection = None;
        assert!(running.until(|| {
            connection = Connection::open(&run.path).ok();
            connection.is_some()
        }));
        let mut viewer = Self {
            connection: connection.unwrap(),
            welcome: Welcome::default(),
            status: Status::default(),
            frames: Vec::new(),
            ended: false,
            ids: 0,
        };
        let Reply::Welcome(welcome) = viewer.receive() else { panic!("the first message is the welcome") };
        viewer.welcome = welcome;
        viewer
    }

    /// The next message, noted.
    fn receive(&mut self) -> Reply {
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
    fn until<T>(&mut self, mut found: impl FnMut(&Self, &Reply) -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            assert!(begin.elapsed() < PATIENCE, "waited too long; {:?}", self.status);
            let reply = self.receive();
            if let Some(found) = found(self, &reply) {
                return found;
            }
        }
    }

    fn send(&mut self, request: Request) {
        self.connection.send(&request).unwrap();
    }

    /// Wants frames of all environments.
    fn look(&mut self, hz: f32) {
        let interest = Interest { envs: 0..self.welcome.n_envs, hz, inspected: Some(1), lanes: true };
        self.send(Request::Watch(interest));
    }

    /// Gives a command and waits until it is done.
    fn command(&mut self, command: Command) -> Option<String> {
        self.ids += 1;
        let id = self.ids;
        self.send(Request::Command { id, command });
        self.until(move |_, reply| match reply {
            Reply::Done { id: done, problem, .. } if *done == id => Some(problem.clone()),
            _ => None,
        })
    }

    fn ok(&mut self, command: Command) {
        assert_eq!(self.command(command), None);
    }

    /// Waits until the run stands still, and answers at which environment step.
    fn at_rest(&mut self) -> u64 {
        let (mut last, mut times) = (u64::MAX, 0);
        self.until(|viewer, reply| {
            if matches!(reply, Reply::Status(_)) {
                times = if viewer.status.step == last { times + 1 } else { 0 };
                last = viewer.status.step;
            }
            (times >= 3).then_some(last)
        })
    }
}

#[test]
fn a_viewer_sees_environments_and_can_pause_step_and_stop() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a --json"));
    let run = folder.run("a");
    let mut viewer = Viewer::attach(&run, &mut running);
    assert_eq!((viewer.welcome.run.as_str(), viewer.welcome.n_envs), ("a", 4));
    assert_eq!(viewer.welcome.lanes, ["learner, actor 0", "actor 1"]);
    assert_eq!(run.file("watch.json").metadata().unwrap().permissions().mode() & 0o777, 0o600);

    viewer.look(60.0);
    viewer.until(|viewer, _| (0..4).all(|env| viewer.frames.iter().any(|f| f.env == env)).then_some(()));
    for frame in &viewer.frames {
        assert!(!frame.scene.shapes.is_empty());
        assert!(matches!(&frame.judgement, Judgement::QValues(values) if values.len() == 2), "{frame:?}");
        assert!(matches!(frame.action, Some(OwnedAction::Discrete(0 | 1))), "{frame:?}");
        assert_eq!(frame.observation.is_some(), frame.env == 1);
    }
    viewer.until(|_, reply| match reply {
        Reply::Lanes(lanes) => (lanes.seen.len() == 2 && lanes.seen.iter().all(|seen| seen.len() > 3)).then_some(()),
        _ => None,
    });

    viewer.ok(Command::Pause);
    let before = viewer.at_rest();
    assert!(viewer.status.paused && viewer.status.step < 400_000_000);
    for (count, more) in [(1, 4), (3, 12), (10, 40)] {
        let at = viewer.status.step;
        viewer.frames.clear();
        viewer.ok(Command::Step(count));
        assert_eq!(viewer.at_rest(), at + more);
        // Each state on the way was seen, in every environment.
        for env in 0..4 {
            let mut steps: Vec<u64> = viewer.frames.iter().filter(|f| f.env == env).map(|f| f.step).collect();
            steps.dedup();
            assert_eq!(steps.len() as u32, count, "environment {env}: {steps:?}");
        }
    }
    assert_eq!(viewer.status.step, before + 56);

    viewer.ok(Command::Speed(Some(20.0)));
    viewer.ok(Command::Resume);
    viewer.until(|viewer, _| (viewer.status.step > before + 100).then_some(()));
    assert!(viewer.status.measured_speed < 40.0, "{:?}", viewer.status);
    viewer.ok(Command::Speed(None));
    viewer.until(|viewer, _| (viewer.status.step > before + 10_000).then_some(()));

    viewer.ok(Command::Stop);
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    let output = running.wait();
    assert_eq!((output.code, &output.json["interrupted"]), (0, &true.into()), "{}", output.stderr);
    assert!(!run.file("watch.json").exists() && !run.states().is_empty());
}
