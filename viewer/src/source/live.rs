//! The thread that is attached to the live run that is looked at.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cartwheel_trainer::watch::{Connection, Reply, Request, WatchError, WatchFile};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError};

use crate::model::{RunId, Update};
use crate::text;

/// How often it looks whether the run has become live.
const LOOK: Duration = Duration::from_millis(200);
/// How long it listens to the run before it looks for requests.
const LISTEN: Duration = Duration::from_millis(4);

/// Pictures of the present that may wait for the window beside those in its queue: the oldest of more give way, so that a
/// window that is slow shows less, not later.
const WAITING: usize = 64;

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
    let mut waiting = Waiting::default();
    loop {
        let attached = target.as_ref().is_some_and(|target| target.connection.is_some());
        let told = if attached {
            // To wait for no time would still yield the processor before each reply, and on a busy machine fewer are then
            // read than come.
            match inbox.try_recv() {
                Err(TryRecvError::Disconnected) => return,
                told => told.ok(),
            }
        } else {
            match inbox.recv_timeout(if waiting.0.is_empty() { LOOK } else { LISTEN }) {
                Err(RecvTimeoutError::Disconnected) => return,
                told => told.ok(),
            }
        };
        match told {
            Some(Message::Attach(run, folder)) if target.as_ref().is_some_and(|target| target.is(run, &folder)) => {}
            Some(Message::Attach(run, folder)) => {
                if target.as_ref().is_some_and(|old| old.connection.is_some()) {
                    waiting.push(Update::Detached(String::new()));
                }
                target = Some(Target { run, folder, connection: None, told: String::new(), over: None });
            }
            Some(Message::Send(request)) => {
                if let Some(target) = &mut target {
                    target.send(&request);
                }
            }
            None => {}
        }
        if let Some(target) = &mut target {
            target.listen().into_iter().for_each(|update| waiting.push(update));
        }
        if !waiting.hand_over(updates) {
            return;
        }
    }
}

/// What the window has no room for yet.
#[derive(Default)]
struct Waiting(VecDeque<Update>);

impl Waiting {
    /// Adds one at the end; in the place of the oldest picture if there are too many.
    fn push(&mut self, update: Update) {
        self.0.push_back(update);
        let is_picture =
            |update: &Update| matches!(update, Update::Reply(Reply::Frames(_) | Reply::Lanes(_) | Reply::Status(_)));
        if self.0.len() > WAITING
            && let Some(oldest) = self.0.iter().position(is_picture)
        {
            self.0.remove(oldest);
        }
    }

    /// Hands over what there is room for; false if nobody listens any more.
    fn hand_over(&mut self, updates: &Sender<Update>) -> bool {
        while let Some(update) = self.0.pop_front() {
            match updates.try_send(update) {
                Ok(()) => {}
                Err(TrySendError::Full(update)) => {
                    self.0.push_front(update);
                    return true;
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        true
    }
}

/// The run that is looked at.
struct Target {
    run: RunId,
    folder: PathBuf,
    connection: Option<Connection>,
    /// The last problem that was told: each is told once.
    told: String,
    /// Where a run listened that has said farewell, as long as its folder still says so.
    over: Option<WatchFile>,
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
            Ok(Some(Reply::Ended)) => {
                self.over = WatchFile::load(&self.folder).ok();
                self.detach(String::new())
            }
            Ok(Some(reply)) => vec![Update::Reply(reply)],
            Err(error) => self.detach(error.to_string()),
        }
    }

    fn attach(&mut self) -> Vec<Update> {
        if self.over.is_some() && self.over == WatchFile::load(&self.folder).ok() {
            return Vec::new();
        }
        match Connection::open(&self.folder) {
            Ok(connection) => {
                self.connection = Some(connection);
                self.told.clear();
                vec![Update::Attached(self.run)]
            }
            Err(WatchError::NotLive(_)) => Vec::new(),
            Err(error) => {
                let told = match error {
                    // How it goes on is told with what it came to, by whether it learns or fits.
                    WatchError::Nobody { address, pid, .. } => text::nobody(address, pid),
                    error => error.to_string(),
                };
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

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_trainer::watch::Status;
    use crossbeam::channel::bounded;

    #[test]
    fn a_slow_window_is_shown_less_and_not_later() {
        let (sender, updates) = bounded(2);
        let mut waiting = Waiting::default();
        let status = |step| Update::Reply(Reply::Status(Status { step, ..Status::default() }));
        waiting.push(Update::Detached("kept".into()));
        for step in 0..1000 {
            waiting.push(status(step));
            assert!(waiting.hand_over(&sender));
        }
        assert_eq!(waiting.0.len(), WAITING);
        let mut steps = Vec::new();
        let mut words = 0;
        while !waiting.0.is_empty() || !updates.is_empty() {
            match updates.try_recv() {
                Ok(Update::Reply(Reply::Status(status))) => steps.push(status.step),
                other => words += usize::from(other.is_ok()),
            }
            waiting.hand_over(&sender);
        }
        assert_eq!((words, steps[0], steps[1], steps.last()), (1, 0, 1000 - WAITING as u64, Some(&999)));
        drop(updates);
        waiting.push(status(0));
        assert!(!waiting.hand_over(&sender), "nobody listens");
    }
}
