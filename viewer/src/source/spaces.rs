//! Finding out what a run's environment looks like, for which it is made once.

use std::io;
use std::thread::JoinHandle;

use cartwheel_trainer::Settings;

use crate::spaces::Spaces;

type Answer = Result<Spaces, String>;

/// Finds out for one run. An environment of Python takes seconds and a process to be made: it is made on a thread of its
/// own, and only once a run that trains is asked about.
#[derive(Debug, Default)]
pub(super) struct Finder {
    waiting: Option<Box<Settings>>,
    thread: Option<JoinHandle<Answer>>,
}

impl Finder {
    /// Asks about the environment of these settings, in place of earlier ones.
    pub(super) fn ask(&mut self, settings: &Settings) {
        *self = Self { waiting: Some(Box::new(settings.clone())), thread: None };
    }

    /// The answer, once: when it is there.
    pub(super) fn answer(&mut self, alive: bool) -> Option<Answer> {
        if let Some(settings) = self.waiting.take() {
            if !settings.env.builder().is_python() {
                return Some(Spaces::of(&settings));
            }
            if !alive {
                self.waiting = Some(settings);
                return None;
            }
            match start(settings) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => return Some(Err(format!("cannot start a thread: {error}"))),
            }
        }
        let finished = self.thread.take_if(|thread| thread.is_finished())?;
        Some(finished.join().unwrap_or_else(|_| Err("making the environment panicked".to_owned())))
    }
}

fn start(settings: Box<Settings>) -> io::Result<JoinHandle<Answer>> {
    std::thread::Builder::new().name("spaces".to_owned()).spawn(move || Spaces::of(&settings))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test should panic")]
mod tests {
    use super::*;
    use cartwheel_trainer::Algo;
    use std::time::{Duration, Instant};

    #[test]
    fn native_environments_answer_at_once_and_once() {
        let mut finder = Finder::default();
        assert!(finder.answer(true).is_none());
        finder.ask(&Settings::shipped(Algo::Dqn, "CartPole-v1").unwrap());
        assert_eq!(finder.answer(false).unwrap().unwrap().fields.len(), 4);
        assert!(finder.answer(true).is_none());
    }

    #[test]
    fn environments_of_python_are_made_for_live_runs_alone() {
        let mut settings = Settings::shipped(Algo::Dqn, "py:CartPole-v1").unwrap();
        settings.env.python = "/no/such/python".into();
        let mut finder = Finder::default();
        finder.ask(&settings);
        assert!(finder.answer(false).is_none());
        assert!(finder.thread.is_none() && finder.waiting.is_some());
        let deadline = Instant::now() + Duration::from_secs(30);
        let answer = loop {
            match finder.answer(true) {
                Some(answer) => break answer,
                None => assert!(Instant::now() < deadline, "no answer"),
            }
            std::thread::yield_now();
        };
        assert!(answer.unwrap_err().contains("/no/such/python"));
    }
}
