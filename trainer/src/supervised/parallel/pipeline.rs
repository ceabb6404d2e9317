//! What goes from stage to stage while they work: activations forward, gradients back.
//!
//! Threads send and receive, so that no stage waits for another to listen, and what is on its way is worked on meanwhile.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Scope, ScopedJoinHandle};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::ParallelError;
use super::group::Group;
use super::link::{Kind, Link, decode, encode};
use crate::TrainError;

/// What a stage does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A forward pass of the micro-batch of this number.
    Forward(usize),
    /// The way back of the oldest micro-batch that has not gone it yet.
    Backward,
}

/// What the stage `stage` of `stages` does for `batches` micro-batches: as many forward passes as there are stages behind it, then a way back
/// after each forward pass (1F1B, Narayanan et al. 2021), so that it holds activations of no more micro-batches than there are stages.
/// Ways back are in the order of the micro-batches, as in a model that is whole.
pub(crate) fn schedule(stage: usize, stages: usize, batches: usize) -> impl Iterator<Item = Work> {
    let ahead = (stages - 1 - stage).min(batches);
    let first = (0..ahead).map(Work::Forward);
    let pairs = (ahead..batches).flat_map(|batch| [Work::Forward(batch), Work::Backward]);
    first.chain(pairs).chain(std::iter::repeat_n(Work::Backward, ahead))
}

/// The share of a step in which a stage waits for others, where all take as long: (p - 1) / (m + p - 1) of p stages and m micro-batches.
pub(crate) fn bubble(stages: usize, batches: usize) -> f64 {
    (stages - 1) as f64 / (batches + stages - 1) as f64
}

/// The ways to the stages beside this one.
pub(crate) struct Flow {
    to_next: Option<Sender<Message>>,
    to_previous: Option<Sender<Message>>,
    from_next: Option<Receiver<Result<Message, ParallelError>>>,
    from_previous: Option<Receiver<Result<Message, ParallelError>>>,
}

/// Numbers, and what is to be known of them.
struct Message {
    about: Vec<u8>,
    values: Vec<f32>,
}

impl Flow {
    /// Does `work`, in which `batches` messages come from each neighbour and go to it, one for each micro-batch.
    pub(crate) fn run<R>(
        group: &Group,
        batches: usize,
        work: impl FnOnce(&Self) -> Result<R, TrainError>,
    ) -> Result<R, TrainError> {
        let (stage, wanted) = (group.rank(), AtomicBool::new(true));
        let next = if stage + 1 < group.size() { group.link(stage + 1) } else { None };
        let previous = stage.checked_sub(1).and_then(|previous| group.link(previous));
        std::thread::scope(|scope| {
            let [(to_next, next_told), (to_previous, previous_told)] =
                [next, previous].map(|link| link.map(|link| sender(scope, link, &wanted)).unzip());
            let [from_next, from_previous] =
                [next, previous].map(|link| link.map(|link| receiver(scope, link, batches)));
            let flow = Self { to_next, to_previous, from_next, from_previous };
            let mut stop = Stop { links: [next, previous], wanted: &wanted, is_wanted: true };
            let result = work(&flow);
            drop(flow);
            stop.is_wanted = result.is_err();
            drop(stop);
            let lost = |_| Err(io::Error::other("a thread that sends broke down"));
            let sent = [(next, next_told), (previous, previous_told)].into_iter().filter_map(|(link, told)| {
                let sent = told?.join().unwrap_or_else(lost);
                link.zip(sent.err())
            });
            // All of them have ended before what one says counts.
            let failed = sent.collect::<Vec<_>>();
            let result = result?;
            match failed.first() {
                Some((link, error)) => Err(link.why(error).into()),
                None => Ok(result),
            }
        })
    }

    /// Gives the next stage `values` of a micro-batch, and what is to be known of it.
    pub(crate) fn forward(&self, about: &impl Serialize, values: Vec<f32>) {
        // Who sends no more says why at the end.
        self.to_next.as_ref().map(|next| next.send(Message { about: encode(about), values }));
    }

    /// The same of the stage before this one, as it comes.
    pub(crate) fn arrived<T: DeserializeOwned>(&self) -> Result<(T, Vec<f32>), ParallelError> {
        let Message { about, values } = next_of(self.from_previous.as_ref())?;
        let about = decode(&about).ok_or_else(|| ParallelError::Apart("a stage sent what is no message".into()))?;
        Ok((about, values))
    }

    /// Gives the stage before this one the gradient by what came from it.
    pub(crate) fn back(&self, grad: Vec<f32>) {
        self.to_previous.as_ref().map(|previous| previous.send(Message { about: Vec::new(), values: grad }));
    }

    /// The gradient by what the next stage was given, as it comes.
    pub(crate) fn grad(&self) -> Result<Vec<f32>, ParallelError> {
        Ok(next_of(self.from_next.as_ref())?.values)
    }
}

/// The next message of a neighbour.
fn next_of(from: Option<&Receiver<Result<Message, ParallelError>>>) -> Result<Message, ParallelError> {
    let message = from.and_then(|from| from.recv().ok());
    let nothing = "nothing more comes from a stage where something was due; please report this as a bug";
    message.unwrap_or_else(|| Err(ParallelError::Apart(nothing.into())))
}

/// Ends what threads wait for when it is dropped: a stage that fails or panics leaves nobody waiting for what will not come.
struct Stop<'env> {
    links: [Option<&'env Link>; 2],
    wanted: &'env AtomicBool,
    is_wanted: bool,
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        if self.is_wanted {
            self.wanted.store(false, Ordering::Relaxed);
            self.links.into_iter().flatten().for_each(Link::stop_reading);
        }
    }
}

/// Sends messages to a neighbour.
fn sender<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    link: &'env Link,
    wanted: &'env AtomicBool,
) -> (Sender<Message>, ScopedJoinHandle<'scope, io::Result<()>>) {
    let (sender, messages) = channel();
    let send = move || {
        messages.into_iter().try_for_each(|Message { about, values }| {
            link.send_while(Kind::Value, &about, wanted)?;
            link.send_while(Kind::Floats, bytemuck::cast_slice(&values), wanted)
        })
    };
    (sender, scope.spawn(send))
}

/// Receives so many messages from a neighbour, or until one fails.
fn receiver<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    link: &'env Link,
    count: usize,
) -> Receiver<Result<Message, ParallelError>> {
    let (messages, receiver) = channel();
    scope.spawn(move || {
        for _ in 0..count {
            let message = receive(link);
            let is_last = message.is_err();
            if messages.send(message).is_err() || is_last {
                break;
            }
        }
    });
    receiver
}

fn receive(link: &Link) -> Result<Message, ParallelError> {
    Ok(Message { about: link.receive_bytes()?, values: link.receive_floats()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_back_begin_as_soon_as_they_can() {
        use Work::{Backward as B, Forward as F};
        let of = |stage, stages, batches| schedule(stage, stages, batches).collect::<Vec<_>>();
        assert_eq!(of(0, 1, 2), [F(0), B, F(1), B]);
        assert_eq!(of(0, 2, 3), [F(0), F(1), B, F(2), B, B]);
        assert_eq!(of(1, 2, 3), [F(0), B, F(1), B, F(2), B]);
        assert_eq!(of(0, 4, 2), [F(0), F(1), B, B]);
        for (stages, batches) in [(1, 1), (3, 1), (3, 2), (4, 9)] {
            for stage in 0..stages {
                let (mut held, mut most, mut next) = (0_usize, 0, 0);
                for work in schedule(stage, stages, batches) {
                    match work {
                        F(batch) => {
                            assert_eq!(batch, next);
                            (next, held) = (next + 1, held + 1);
                        }
                        B => held = held.checked_sub(1).expect("a way back follows its forward pass"),
                    }
                    most = most.max(held);
                }
                assert_eq!((next, held, most), (batches, 0, batches.min(stages - stage)));
            }
        }
    }
}
