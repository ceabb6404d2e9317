//! Finding out what a run's environment looks like, for which it is made once.

use std::io;
use std::thread::JoinHandle;

use cartwheel_trainer::Settings;
use cartwheel_trainer::run::RunDir;

use super::checkpoint::Checkpoint;
use crate::spaces::Spaces;

type Answer = Result<Spaces, String>;

/// Finds out for one run. An environment of Python takes seconds and a process to be made: a run that has weights has its
/// spaces with them; else it is made on a thread of its own, and only for a run that trains.
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

    /// The answer about the run in `dir`, once: when it is there.
    pub(super) fn answer(&mut self, dir: &RunDir, alive: bool) -> Option<Answer> {
        if let Some(settings) = self.waiting.take() {
            let env = settings.env.builder();
            if !env.is_python() {
                let spaces = Spaces::of(&settings);
                // A shared library may be on another machine.
                if spaces.is_ok() || env.library().is_none() {
                    return Some(spaces);
                }
            }
            if let Some(policy) = Checkpoint::Latest.load(dir.path()).transpose() {
                return Some(policy.map(|policy| Spaces::of_policy(&policy)));
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
mod tests {
    use super::*;
    use crate::source::fixture;
    use cartwheel_envs::Space;
    use cartwheel_trainer::Algo;
    use std::time::{Duration, Instant};

    #[test]
    fn native_environments_answer_at_once_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let run = fixture::run(folder.path(), "CartPole-v1");
        let mut finder = Finder::default();
        assert!(finder.answer(&run, true).is_none());
        finder.ask(&Settings::shipped(Algo::Dqn, "CartPole-v1").unwrap());
        assert_eq!(finder.answer(&run, false).unwrap().unwrap().fields.len(), 4);
        assert!(finder.answer(&run, true).is_none());
    }

    /// Without Python.
    #[test]
    fn environments_of_python_are_known_from_weights() {
        let folder = tempfile::tempdir().unwrap();
        let run = fixture::run(folder.path(), "Taxi-v4");
        let mut settings = Settings::shipped(Algo::Dqn, "py:Taxi-v4").unwrap();
        settings.env.python = "/no/such/python".into();
        let mut finder = Finder::default();
        finder.ask(&settings);
        let spaces = finder.answer(&run, false).unwrap().unwrap();
        assert_eq!((spaces.fields.len(), spaces.action), (1, Space::discrete(6)));
        std::fs::write(run.latest_weights(), "no weights").unwrap();
        finder.ask(&settings);
        assert!(finder.answer(&run, false).unwrap().unwrap_err().contains("latest.safetensors"));
    }

    #[test]
    fn environments_of_python_are_made_for_live_runs_alone() {
        let folder = tempfile::tempdir().unwrap();
        let run = fixture::run(folder.path(), "CartPole-v1");
        std::fs::remove_file(run.latest_weights()).unwrap();
        let mut settings = Settings::shipped(Algo::Dqn, "py:CartPole-v1").unwrap();
        settings.env.python = "/no/such/python".into();
        let mut finder = Finder::default();
        finder.ask(&settings);
        assert!(finder.answer(&run, false).is_none());
        assert!(finder.thread.is_none() && finder.waiting.is_some());
        let deadline = Instant::now() + Duration::from_secs(30);
        let answer = loop {
            match finder.answer(&run, true) {
                Some(answer) => break answer,
                None => assert!(Instant::now() < deadline, "no answer"),
            }
            std::thread::yield_now();
        };
        assert!(answer.unwrap_err().contains("/no/such/python"));
    }
}
