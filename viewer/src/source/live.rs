//! The thread that is attached to the live run that is looked at.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cartwheel_trainer::watch::{Connection, Reply, Request, WatchError};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};

use crate::model::{RunId, Update};

/// How often it looks whether the run has become live.
const LOOK: Duration = Duration::from_millis(200);
/// How long it listens to the run before it looks for requests.
const LISTEN: Duration = Duration::from_millis(4);

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Attaches to this run whenever it is live, and to no other.
    Attach(RunId, PathBuf),
    /// Something for the run.
    Send(Request),
}

/// The thread. It ends when nobody is left to tell it anything, or to listen.
pub(super) fn stay_attached(inbox: &Receiver<Message>, updates: &Sender<Update>) {
    let mut target: Option<Target> = None;
    loop {
        let wait =
            if target.as_ref().is_some_and(|target| target.connection.is_some()) { Duration::ZERO } else { LOOK };
        match inbox.recv_timeout(wait) {
            Ok(Message::Attach(run, folder)) if target.as_ref().is_some_and(|target| target.is(run, &folder)) => {}
            Ok(Message::Attach(run, folder)) => {
                if target.as_ref().is_some_and(|old| old.connection.is_some()) {
                    let _ = updates.send(Update::Detached(String::new()));
                }
                target = Some(Target { run, folder, connection: None, told: String::new() });
            }
            Ok(Message::Send(request)) => {
                if let Some(target) = &mut target {
                    target.send(&request);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let Some(target) = &mut target else { continue };
        for update in target.listen() {
            if updates.send(update).is_err() {
                return;
            }
        }
    }
}

/// The run that is looked at.
struct Target {
    run: RunId,
    folder: PathBuf,
    connection: Option<Connection>,
    /// The last problem that was told: each is told once.
    told: String,
}

impl Target {
    fn is(&self, run: RunId, folder: &Path) -> bool {
        self.run == run && self.folder == folder
    }

    fn send(&mut self, request: &Request) {
        // A connection that ended is noticed by listening to it.
        let _ = self.connection.as_mut().map(|connection| connection.send(request));
    }

    /// What the run says now; attaches to it if that is possible.
    fn listen(&mut self) -> Vec<Update> {
        let Some(connection) = &mut self.connection else { return self.attach() };
        match connection.receive(LISTEN) {
            Ok(None) => Vec::new(),
            Ok(Some(Reply::Ended)) => self.detach(String::new()),
            Ok(Some(reply)) => vec![Update::Reply(reply)],
            Err(error) => self.detach(error.to_string()),
        }
    }

    fn attach(&mut self) -> Vec<Update> {
        match Connection::open(&self.folder) {
            Ok(connection) => {
                self.connection = Some(connection);
                self.told.clear();
                vec![Update::Attached(self.run)]
            }
            Err(WatchError::NotLive(_)) => Vec::new(),
            Err(error) => {
                let told = error.to_string();
                if self.told == told {
                    return Vec::new();
                }
                self.told.clone_from(&told);
                vec![Update::Detached(told)]
            }
        }
    }

    fn detach(&mut self, reason: String) -> Vec<Update> {
        self.connection = None;
        vec![Update::Detached(reason)]
    }
}
