//! Processes that have met, and what they do together.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ParallelError;
use super::link::{Kind, Link, decode, encode};
use super::processes::Workers;
use crate::TrainError;

/// What each sends at once is written by the thread itself up to this length, for which sockets have room; more by threads of
/// their own, as two processes that both write and do not read would wait for each other.
const AT_ONCE: usize = 4 << 10;

/// See the module's documentation. All processes call the same functions in the same order.
#[derive(Debug)]
pub(crate) struct Group {
    rank: usize,
    /// By rank; none at its own.
    links: Vec<Option<Arc<Link>>>,
    workers: Workers,
}

impl Group {
    /// The process `rank`, with its connections to all others by their ranks.
    pub(super) fn new(rank: usize, links: Vec<Option<Link>>, workers: Workers) -> Self {
        let links = links.into_iter().map(|link| link.map(Arc::new)).collect();
        Self { rank, links, workers }
    }

    /// Some of the processes by themselves, this one among them: their ranks there are in the order of `ranks`.
    pub(super) fn some(&self, ranks: impl Iterator<Item = usize> + Clone) -> Self {
        let rank = ranks.clone().position(|rank| rank == self.rank).expect("this process is among them");
        Self { rank, links: ranks.map(|rank| self.links[rank].clone()).collect(), workers: Workers::default() }
    }

    /// Its number, from 0.
    pub(crate) fn rank(&self) -> usize {
        self.rank
    }

    /// How many processes there are.
    pub(crate) fn size(&self) -> usize {
        self.links.len()
    }

    /// The connection to another process.
    pub(super) fn link(&self, rank: usize) -> Option<&Link> {
        self.links[rank].as_deref()
    }

    /// What each process has, by rank.
    pub(crate) fn gather<T: Serialize + DeserializeOwned>(&self, own: &T) -> Result<Vec<T>, ParallelError> {
        let bytes = encode(own);
        let mut all = Vec::with_capacity(self.size());
        self.exchange(
            Kind::Value,
            |_| &bytes,
            || {
                for rank in 0..self.size() {
                    all.push(match self.link(rank) {
                        Some(link) => link.receive(Kind::Value)?,
                        None => decode(&bytes).expect("what was encoded is decoded"),
                    });
                }
                Ok(())
            },
        )?;
        Ok(all)
    }

    /// Whether any process says so.
    pub(crate) fn any(&self, own: bool) -> Result<bool, ParallelError> {
        Ok(self.gather(&own)?.contains(&true))
    }

    /// Sends the others what rank 0 has, which they are answered.
    pub(crate) fn share<T: DeserializeOwned>(&self, own: &impl Serialize) -> Result<Option<T>, ParallelError> {
        if let Some(link) = self.link(0) {
            return link.receive(Kind::Value).map(Some);
        }
        // It may be large.
        if self.size() == 1 {
            return Ok(None);
        }
        let bytes = encode(own);
        self.exchange(Kind::Value, |_| &bytes, || Ok(()))?;
        Ok(None)
    }

    /// What each of the other processes has, by rank, at rank 0, and nothing at those others.
    pub(crate) fn collect<T: Serialize + DeserializeOwned>(
        &self,
        own: impl FnOnce() -> T,
    ) -> Result<Vec<T>, ParallelError> {
        match self.link(0) {
            Some(link) => {
                link.send(Kind::Value, &encode(&own())).map(|()| Vec::new()).map_err(|error| link.why(&error))
            }
            None => self.links.iter().flatten().map(|link| link.receive(Kind::Value)).collect(),
        }
    }

    /// Gives what the process `from` has to `to`, which is answered it.
    pub(crate) fn hand<T: DeserializeOwned>(
        &self,
        from: usize,
        to: usize,
        own: &impl Serialize,
    ) -> Result<Option<T>, ParallelError> {
        match (self.link(from), self.link(to)) {
            (None, Some(link)) => {
                link.send(Kind::Value, &encode(own)).map_err(|error| link.why(&error))?;
                Ok(None)
            }
            (Some(link), None) => link.receive(Kind::Value).map(Some),
            _ => Ok(None),
        }
    }

    /// Gives numbers to the process `to`, which takes them by [`take_floats`](Self::take_floats); or none, which is another thing than 0 of them.
    pub(crate) fn hand_floats(&self, to: usize, values: Option<&[f32]>) -> Result<(), ParallelError> {
        let Some(link) = self.link(to) else { return Ok(()) };
        let sent = link.send(Kind::Value, &encode(&values.is_some()));
        let sent = sent.and_then(|()| link.send(Kind::Floats, bytemuck::cast_slice(values.unwrap_or_default())));
        sent.map_err(|error| link.why(&error))
    }

    /// Takes the numbers that the process `from` gives.
    pub(crate) fn take_floats(&self, from: usize) -> Result<Option<Vec<f32>>, ParallelError> {
        let Some(link) = self.link(from) else { return Ok(None) };
        let is_some: bool = link.receive(Kind::Value)?;
        let values = link.receive_floats()?;
        Ok(is_some.then_some(values))
    }

    /// Makes `values` those of rank 0, everywhere as many.
    pub(crate) fn broadcast(&self, values: &mut [f32]) -> Result<(), ParallelError> {
        if let Some(link) = self.link(0) {
            link.await_exactly(Kind::Floats, size_of_val(values))?;
            return link.read(bytemuck::cast_slice_mut(values));
        }
        self.exchange(Kind::Floats, |_| bytemuck::cast_slice(values), || Ok(()))
    }

    /// Sends each other process what `to` says of its rank, while `read` reads what they send.
    pub(super) fn exchange<'a>(
        &self,
        kind: Kind,
        to: impl Fn(usize) -> &'a [u8],
        read: impl FnOnce() -> Result<(), ParallelError>,
    ) -> Result<(), ParallelError> {
        let others = || (0..self.size()).filter_map(|rank| Some((rank, self.link(rank)?)));
        let is_short = others().all(|(rank, _)| to(rank).len() <= AT_ONCE);
        let (sent, received) = if is_short {
            let sent: Vec<io::Result<()>> = others().map(|(rank, link)| link.send(kind, to(rank))).collect();
            (sent, read())
        } else {
            let wanted = AtomicBool::new(true);
            std::thread::scope(|scope| {
                let send = |link: &'_ Link, bytes: &'_ [u8]| link.send_while(kind, bytes, &wanted);
                let threads: Vec<_> = others()
                    .map(|(rank, link)| {
                        let bytes = to(rank);
                        scope.spawn(move || send(link, bytes))
                    })
                    .collect();
                let received = read();
                // Who lives has heard the same and reads no more, so that what is sent would wait for ever.
                wanted.store(received.is_ok(), Ordering::Relaxed);
                let lost = |_| Err(io::Error::other("a thread that sends broke down"));
                (threads.into_iter().map(|thread| thread.join().unwrap_or_else(lost)).collect(), received)
            })
        };
        // Who reads hears why somebody ended; who writes only that.
        received?;
        match others().zip(sent).find_map(|((_, link), sent)| Some((link, sent.err()?))) {
            Some((link, error)) => Err(link.why(&error)),
            None => Ok(()),
        }
    }

    /// Tells all others why this process ends.
    pub(crate) fn fail(&self, error: &TrainError) {
        let cause = match error {
            TrainError::Parallel(cause) => cause.clone(),
            error => ParallelError::Failed { rank: self.rank, error: error.to_string() },
        };
        let others = || self.links.iter().flatten();
        others().for_each(|link| link.fail(&cause));
        let until = Link::farewell();
        others().for_each(|link| link.drain(until));
    }

    /// Fails if a process that this one has started has failed: it may have said before that it goes on.
    pub(crate) fn check(&self) -> Result<(), ParallelError> {
        self.workers.first_failed().map_or(Ok(()), Err)
    }

    /// The error with what is known of a process of this machine that is gone.
    pub(crate) fn explain(&self, error: TrainError) -> TrainError {
        match error {
            TrainError::Parallel(ParallelError::Gone { rank, how }) => {
                TrainError::Parallel(self.workers.fate(rank).unwrap_or(ParallelError::Gone { rank, how }))
            }
            error => error,
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.links.clear();
        self.workers.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::testing::together;
    use super::*;

    /// More is sent than sockets have room for, to one that has stopped reading because a third is gone.
    #[test]
    fn nobody_waits_for_who_reads_no_more() {
        let begun = Instant::now();
        let much = vec![0; 64 << 20];
        let failed = together(3, |group| {
            let Some(lost) = group.link(2) else { return true };
            let read = || lost.await_exactly(Kind::Floats, much.len());
            group.exchange(Kind::Floats, |_| &much, read).is_err()
        });
        assert_eq!(failed, [true; 3]);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }
}
