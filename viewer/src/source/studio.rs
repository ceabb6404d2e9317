//! The threads that play episodes again.

use std::io;

use crossbeam::channel::Sender;

use super::Order;
use super::checkpoint::Checkpoint;
use super::latest::latest;
use super::replayer::{EpisodeOf, Replayer};
use crate::model::Update;

/// See the module's documentation. They end when it is dropped.
pub(crate) struct Studio {
    judge: Checkpoint,
    films: Sender<EpisodeOf>,
}

impl Studio {
    /// Starts the threads; what they make, they `tell`.
    ///
    /// # Errors
    /// If the operating system has no more threads.
    pub(crate) fn open(tell: impl Fn(Update) + Send + Clone + 'static) -> io::Result<Self> {
        let mut replayer = Replayer::default();
        let films = latest("replayer", move |wanted: EpisodeOf, overtaken| {
            if let Some(film) = replayer.film(&wanted, overtaken) {
                tell(Update::Film(film));
            }
        })?;
        Ok(Self { judge: Checkpoint::default(), films })
    }

    /// Does what is asked for, if it is the studio's to do; else hands it back.
    pub(crate) fn obey(&mut self, order: Order) -> Option<Order> {
        match order {
            Order::JudgeBy(checkpoint) => self.judge = checkpoint,
            Order::Replay(run, folder, episode) => {
                // A thread ends only with the studio.
                let _ = self.films.send(EpisodeOf { run, folder, episode, judge: self.judge.clone() });
            }
            other => return Some(other),
        }
        None
    }
}
