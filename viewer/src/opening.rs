//! The episode that was named on the command line: opened once it is known, and said to be missing where it is.

use crate::command::{Command, Commands};
use crate::model::Run;
use crate::text;

/// An episode that is to be opened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Opening {
    /// Its place among the run's, and its step.
    episode: (usize, u32),
    /// Whether it was said that it is awaited.
    told: bool,
}

impl Opening {
    /// Opens an episode, by its place among the run's, at a step.
    pub(crate) fn new(episode: (usize, u32)) -> Self {
        Self { episode, told: false }
    }

    /// What is to be done now that more is known of the run `id`, and whether that was all.
    pub(crate) fn pursue(&mut self, id: usize, run: &Run) -> (Commands, bool) {
        let (number, step) = self.episode;
        let count = run.first_episode + run.episodes.len();
        let last = count.checked_sub(1);
        let open = |number, step| Command::OpenEpisode(id, number, step);
        if number < count {
            let short = run.episode(number).map(|entry| entry.length).filter(|length| step > *length);
            let told = short.map(|length| Command::Notice(text::no_step(step, length)));
            ([open(number, step)].into_iter().chain(told).collect(), true)
        } else if !run.read {
            (Commands::new(), false)
        } else if run.alive {
            let first = !std::mem::replace(&mut self.told, true);
            let told = first.then(|| Command::Notice(text::episode_awaited(number, last)));
            (told.into_iter().collect(), false)
        } else {
            let nearest = last.map(|last| open(last, 0));
            let told = Command::Notice(text::no_episode(number, last));
            (nearest.into_iter().chain([told]).collect(), true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, Update};
    use cartwheel_trainer::run::EpisodeEntry;

    fn episodes(count: u32) -> Update {
        let entry = EpisodeEntry { offset: 0, env: 0, length: 9, return_: 9.0, start_step: 0 };
        Update::Episodes(0, (0..count).map(|_| entry).collect())
    }

    #[test]
    fn one_that_is_there_is_opened_and_the_nearest_to_one_that_is_not() {
        let mut model = Model::default();
        model.apply(Update::Opened("runs/a".into()));
        let (mut there, mut beyond) = (Opening::new((2, 7)), Opening::new((9999, 7)));
        assert_eq!(there.pursue(0, &model.runs[0]), (vec![], false), "nothing is read yet");
        model.apply(episodes(5));
        assert_eq!(there.pursue(0, &model.runs[0]), (vec![Command::OpenEpisode(0, 2, 7)], true));
        let told = Command::Notice(text::no_step(10, 9));
        let opened = (vec![Command::OpenEpisode(0, 2, 10), told], true);
        assert_eq!(Opening::new((2, 10)).pursue(0, &model.runs[0]), opened, "it has 9 steps");
        assert_eq!(beyond.pursue(0, &model.runs[0]), (vec![], false), "there may be more to read");
        model.apply(Update::Read(0));
        let told = Command::Notice(text::no_episode(9999, Some(4)));
        assert_eq!(beyond.pursue(0, &model.runs[0]), (vec![Command::OpenEpisode(0, 4, 0), told], true));
    }

    #[test]
    fn a_live_run_may_come_to_it() {
        let mut model = Model::default();
        model.apply(Update::Opened("runs/a".into()));
        model.apply(Update::Alive(0, true));
        model.apply(Update::Read(0));
        let mut opening = Opening::new((3, 0));
        let told = Command::Notice(text::episode_awaited(3, None));
        assert_eq!(opening.pursue(0, &model.runs[0]), (vec![told], false));
        assert_eq!(opening.pursue(0, &model.runs[0]), (vec![], false), "once is enough");
        model.apply(episodes(4));
        assert_eq!(opening.pursue(0, &model.runs[0]), (vec![Command::OpenEpisode(0, 3, 0)], true));
        model.apply(Update::Restarted(0));
        model.apply(Update::Alive(0, false));
        let none = Command::Notice(text::no_episode(3, None));
        assert_eq!(opening.pursue(0, &model.runs[0]), (vec![none], true));
    }
}
