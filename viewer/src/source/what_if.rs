//! What if, at some step of an episode, something else had been done? The episode is played up to there, and then on with
//! other actions: its randomness goes on as it would have.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use cartwheel_envs::{EnvError, Generator, OwnedAction};
use cartwheel_trainer::run::EpisodeRecord;

use super::checkpoint::Checkpoint;
use super::film::Moment;
use super::replayer::{EpisodeOf, actions, read, settings};
use super::stage::Stage;
use crate::model::RunId;
use crate::text;

/// The most steps that a policy goes on at once.
const FOLLOW: u32 = 1000;
/// Steps from one look for a newer question to the next.
const LOOK_EVERY: usize = 128;

/// Which other actions, from which step on.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The branch's number: an answer replaces the one before.
    pub branch: u32,
    /// The run.
    pub run: RunId,
    /// The episode's place among the run's.
    pub episode: usize,
    /// The step up to which the episode goes as it was recorded.
    pub from: u32,
    /// What is done then.
    pub actions: Vec<OwnedAction>,
    /// How many more steps the judging policy then goes on by itself.
    pub follow: u32,
}

/// An answer to a [`Question`].
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// What was asked. The policy's actions are among the others, so that it can be asked again with more.
    pub question: Question,
    /// Each state, from the one at [`Question::from`] on.
    pub moments: Vec<Moment>,
    /// What can be done, and how it is called. Of actions that are not counted, those that keys are bound to.
    pub choices: Vec<(OwnedAction, String)>,
    /// Whether the episode has ended.
    pub ended: bool,
    /// What is amiss, for people.
    pub note: Option<String>,
}

/// Answers a question about the run in `folder`. `None` if overtaken by a newer one.
pub(crate) fn answer(
    question: &Question,
    folder: PathBuf,
    judge: Checkpoint,
    overtaken: &dyn Fn() -> bool,
) -> Option<Branch> {
    let mut branch =
        Branch { question: question.clone(), moments: Vec::new(), choices: Vec::new(), ended: false, note: None };
    let episode = EpisodeOf { run: question.run, folder, episode: question.episode, judge };
    let prepared = read(&episode).and_then(|(_, record)| {
        let judge = episode.judge.load(&episode.folder)?;
        Ok((record, Stage::new(&settings(&episode.folder)?, judge)?))
    });
    match prepared {
        Ok((record, mut stage)) => {
            let grown = catch_unwind(AssertUnwindSafe(|| grow(&mut branch, &mut stage, &record, overtaken)));
            match grown.unwrap_or_else(|panic| Err(Stop::Failed(text::panicked(&*panic)))) {
                Ok(()) => {}
                Err(Stop::Overtaken) => return None,
                Err(Stop::Failed(problem)) => branch.note = Some(text::branch_failed(&problem)),
            }
        }
        Err(problem) => branch.note = Some(text::cannot_replay(&problem)),
    }
    Some(branch)
}

/// Why a branch does not grow.
enum Stop {
    Overtaken,
    Failed(String),
}

impl From<EnvError> for Stop {
    fn from(error: EnvError) -> Self {
        Self::Failed(error.to_string())
    }
}

fn grow(
    branch: &mut Branch,
    stage: &mut Stage,
    record: &EpisodeRecord,
    overtaken: &dyn Fn() -> bool,
) -> Result<(), Stop> {
    branch.choices = stage.choices();
    let mut here = vec![stage.reset(Generator::from_state(record.generator))?];
    for (step, action) in actions(&record.actions).take(branch.question.from as usize).enumerate() {
        if step % LOOK_EVERY == 0 && overtaken() {
            return Err(Stop::Overtaken);
        }
        branch.ended = stage.play(&action, &mut here)?.ended();
        here.swap_remove(0);
    }
    branch.moments = here;
    for action in branch.question.actions.clone() {
        if branch.ended {
            break;
        }
        branch.ended = stage.play(&action, &mut branch.moments)?.ended();
    }
    for step in 0..std::mem::take(&mut branch.question.follow).min(FOLLOW) as usize {
        let greedy = branch.moments.last().and_then(|moment| stage.greedy(&moment.judgement));
        let Some(action) = greedy.filter(|_| !branch.ended) else { break };
        if step % LOOK_EVERY == 0 && overtaken() {
            return Err(Stop::Overtaken);
        }
        branch.ended = stage.play(&action, &mut branch.moments)?.ended();
        branch.question.actions.push(action);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::source::fixture;
    use cartwheel_envs::Env as _;
    use cartwheel_trainer::run::ActionLog;

    fn never() -> bool {
        false
    }

    #[test]
    fn a_branch_leaves_the_episode_where_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let (run, records) = fixture::run_with_episodes(folder.path(), "CartPole-v1");
        let ActionLog::Discrete(recorded) = &records[1].actions else { panic!("{records:?}") };
        let ask = |from: u32, actions: &[i32], follow| {
            let actions = actions.iter().map(|action| (*action).into()).collect();
            let question = Question { branch: 0, run: 0, episode: 1, from, actions, follow };
            answer(&question, run.path().to_owned(), Checkpoint::Best, &never).unwrap()
        };
        let same = ask(3, &recorded[3..], 0);
        assert_eq!((same.moments.len(), same.ended), (recorded.len() - 2, true));
        assert_eq!(same.moments.last().unwrap().return_, records[1].return_);

        let other = ask(3, &[1 - recorded[3]], 0);
        assert_eq!((other.moments.len(), other.ended, &other.note), (2, false, &None));
        assert_eq!(other.moments[0].observation, same.moments[0].observation);
        assert_ne!(other.moments[1].observation, same.moments[1].observation);
        assert_eq!(other.moments[0].action, Some((1 - recorded[3]).into()));
        let names: Vec<_> = other.choices.iter().map(|(action, name)| (action.clone(), name.as_str())).collect();
        assert_eq!(names, [(0.into(), "push left"), (1.into(), "push right")]);

        let followed = ask(3, &[0], 5);
        assert_eq!((followed.question.actions.len(), followed.question.follow, followed.moments.len()), (6, 0, 7));
        let again = answer(&followed.question, run.path().to_owned(), Checkpoint::Best, &never).unwrap();
        assert_eq!(again, followed, "what the policy did can be asked for");
        assert!(ask(0, &[], u32::MAX).ended, "until the episode ends");
        let invalid = ask(0, &[7], 0);
        assert!(invalid.note.unwrap().contains('7') && invalid.moments.len() == 1);
        assert!(ask(0, &[0; 600], 0).ended && ask(1000, &[0], 3).ended, "there is nothing after the end");
    }

    /// Without counted actions, keys give the choices.
    #[test]
    fn actions_that_are_not_counted_are_the_keys() {
        let mut settings = cartwheel_trainer::Settings::default();
        settings.env.id = "Pendulum-v1".into();
        let stage = Stage::new(&settings, None).unwrap();
        let keys = settings.env.builder().build().unwrap().key_bindings();
        assert_eq!(stage.choices().len(), keys.keys.len());
    }
}
