//! Where the learner leaves its replay while it waits for rollouts or evaluates, so that viewers can look into it. It
//! does so only while somebody watches, and takes it back when it goes on, waiting for a look that is under way.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::replay::Replay;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct LentReplay {
    place: Mutex<Place>,
    changed: Condvar,
}

#[derive(Debug)]
struct Place {
    /// The learner's, or a small one that is in its place.
    replay: Replay,
    lent: bool,
}

impl LentReplay {
    /// `stand_in` is left with the learner while its own replay is here.
    pub(crate) fn new(stand_in: Replay) -> Self {
        Self { place: Mutex::new(Place { replay: stand_in, lent: false }), changed: Condvar::new() }
    }

    /// The learner does not need `replay` until it takes it back.
    pub(crate) fn lend(&self, replay: &mut Replay) {
        self.swap(replay, true);
    }

    /// The learner takes its replay back, if it had lent it.
    pub(crate) fn take_back(&self, replay: &mut Replay) {
        self.swap(replay, false);
    }

    fn swap(&self, replay: &mut Replay, lend: bool) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.lent != lend {
            std::mem::swap(&mut place.replay, replay);
            place.lent = lend;
            self.changed.notify_all();
        }
    }

    /// Looks into the replay as soon as it is here; nothing if that takes longer than `patience`.
    pub(super) fn look<T>(&self, patience: Duration, look: impl FnOnce(&Replay) -> T) -> Option<T> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(place, patience, |place| !place.lent);
        let place = waited.unwrap_or_else(PoisonError::into_inner).0;
        place.lent.then(|| look(&place.replay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::{ActionRows, Row, Space};

    #[test]
    fn what_is_lent_can_be_seen_and_comes_back() {
        let new = |envs| Replay::new(&Space::discrete(3), &ActionRows::default(), envs, 10, None).unwrap();
        let (lent_replay, mut own) = (LentReplay::new(new(1)), new(4));
        own.begin(2, Row::I32(&[1]));
        assert_eq!(lent_replay.look(Duration::ZERO, Replay::envs), None);
        lent_replay.lend(&mut own);
        lent_replay.lend(&mut own);
        assert_eq!(lent_replay.look(Duration::ZERO, |replay| (replay.envs(), replay.len())), Some((4, 1)));
        lent_replay.take_back(&mut own);
        lent_replay.take_back(&mut own);
        assert_eq!((own.envs(), own.len()), (4, 1));
        assert_eq!(lent_replay.look(Duration::ZERO, Replay::envs), None);
    }
}
