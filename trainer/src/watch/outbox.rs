//! What waits to be written to a viewer. Replies are kept; pictures of the present give way to newer ones, so that a
//! viewer that reads slowly sees less, not later, and the run's memory does not grow.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of replies that may wait before whoever makes more of them must.
const REPLIES: usize = 8 << 20;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    replies: VecDeque<Vec<u8>>,
    pictures: VecDeque<Vec<u8>>,
    /// Whether a message is being written.
    writing: bool,
    closed: bool,
}

impl Queue {
    fn is_busy(&self) -> bool {
        !self.closed && (self.writing || !self.replies.is_empty() || !self.pictures.is_empty())
    }
}

impl Outbox {
    /// Adds a reply without waiting.
    pub(super) fn reply(&self, message: Vec<u8>) {
        self.queue().replies.push_back(message);
        self.changed.notify_all();
    }

    /// Waits until there is room for replies.
    pub(super) fn wait_for_room(&self) {
        let full = |queue: &mut Queue| !queue.closed && queue.replies.iter().map(Vec::len).sum::<usize>() > REPLIES;
        drop(self.changed.wait_while(self.queue(), full));
    }

    /// Adds a picture of the present; the oldest of more than `room` go.
    pub(super) fn show(&self, message: Vec<u8>, room: usize) {
        let mut queue = self.queue();
        queue.pictures.push_back(message);
        while queue.pictures.len() > room {
            queue.pictures.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.changed.notify_all();
    }

    /// Pictures that gave way.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The writer's side: the next message, replies first; nothing once it is closed.
    pub(super) fn next(&self) -> Option<Vec<u8>> {
        let mut queue = self.queue();
        queue.writing = false;
        self.changed.notify_all();
        let empty = |queue: &mut Queue| !queue.closed && queue.replies.is_empty() && queue.pictures.is_empty();
        let mut queue = self.changed.wait_while(queue, empty).unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            return None;
        }
        queue.writing = true;
        queue.replies.pop_front().or_else(|| queue.pictures.pop_front())
    }

    /// Whether there is something to write.
    pub(super) fn is_busy(&self) -> bool {
        self.queue().is_busy()
    }

    /// Waits until all is written, but no longer than `patience`.
    pub(super) fn drain(&self, patience: Duration) {
        drop(self.changed.wait_timeout_while(self.queue(), patience, |queue| queue.is_busy()));
    }

    /// Nothing is written any more.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.changed.notify_all();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_give_way_and_replies_do_not() {
        let outbox = Outbox::default();
        for n in 0..5 {
            outbox.show(vec![n], 2);
            outbox.reply(vec![100 + n]);
        }
        assert_eq!(outbox.dropped(), 3);
        let order: Vec<_> = (0..7).filter_map(|_| outbox.next()).map(|message| message[0]).collect();
        assert_eq!(order, [100, 101, 102, 103, 104, 3, 4]);
        outbox.show(vec![9], 2);
        outbox.close();
        assert_eq!(outbox.next(), None);
        // Nobody waits for what is never written.
        outbox.wait_for_room();
        outbox.drain(Duration::from_secs(60));
    }

    #[test]
    fn who_makes_replies_waits_for_who_writes_them() {
        let outbox = Outbox::default();
        outbox.reply(vec![0; REPLIES]);
        outbox.reply(vec![1]);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| outbox.wait_for_room());
            assert_eq!(outbox.next().map(|message| message.len()), Some(REPLIES));
            assert!(waiting.join().is_ok());
        });
    }
}
