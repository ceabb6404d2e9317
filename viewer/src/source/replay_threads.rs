//! The threads that play episodes again.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam::channel::Sender;

use super::Order;
use super::checkpoint::Checkpoint;
use super::contest::{self, Contender};
use super::latest::latest;
use super::replayer::{EpisodeOf, Replayer};
use super::what_if::{self, Question};
use crate::model::Update;

/// See the module's documentation. They end when it is dropped.
pub(crate) struct ReplayThreads {
    judge: Checkpoint,
    films: Sender<EpisodeOf>,
    questions: Sender<(PathBuf, Question, Checkpoint)>,
    contests: Sender<([Contender; 2], u64)>,
}

impl ReplayThreads {
    /// Starts the threads; what they make, they `tell`.
    ///
    /// # Errors
    /// If the operating system has no more threads.
    pub(crate) fn open(tell: impl Fn(Update) + Send + Clone + 'static) -> io::Result<Self> {
        let mut replayer = Replayer::default();
        let (tell_branch, tell_contest) = (tell.clone(), tell.clone());
        let films = latest("replayer", move |wanted: EpisodeOf, overtaken| {
            if let Some(film) = replayer.film(&wanted, overtaken) {
                tell(Update::Film(film));
            }
        })?;
        let questions = latest("what-if", move |(folder, question, judge), overtaken| {
            if let Some(branch) = what_if::answer(&question, folder, judge, overtaken) {
                tell_branch(Update::Branch(Arc::new(branch)));
            }
        })?;
        let contests = latest("compare", move |(contenders, seed), overtaken| {
            if let Some(contest) = contest::hold(&contenders, seed, overtaken) {
                tell_contest(Update::Contest(Arc::new(contest)));
            }
        })?;
        Ok(Self { judge: Checkpoint::default(), films, questions, contests })
    }

    /// Does what is asked for, if it is a replay; else hands it back.
    pub(crate) fn obey(&mut self, order: Order) -> Option<Order> {
        match order {
            Order::JudgeBy(checkpoint) => self.judge = checkpoint,
            Order::Replay(run, folder, episode) => {
                let judge = self.judge.or_best(&folder);
                // A thread ends only with these.
                let _ = self.films.send(EpisodeOf { run, folder, episode, judge });
            }
            Order::WhatIf(folder, question) => {
                let judge = self.judge.or_best(&folder);
                let _ = self.questions.send((folder, question, judge));
            }
            Order::Compare(contenders, seed) => drop(self.contests.send((contenders, seed))),
            other => return Some(other),
        }
        None
    }
}
