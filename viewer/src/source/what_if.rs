//! What if, at some step of an episode, something else had been done? The episode is played up to there, and then on with
//! other actions: its randomness goes on as it would have.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use cartwheel_envs::{EnvError, Generator, OwnedAction, StateVariable};
use cartwheel_trainer::run::EpisodeRecord;

use super::checkpoint::Checkpoint;
use super::film::Moment;
use super::replayer::{EpisodeOf, actions, read, settings};
use super::sandbox::Sandbox;
use crate::model::RunId;
use crate::{memory, text};

/// The most steps that a policy goes on at once.
const FOLLOW: u32 = 1000;
/// Steps from one look for a newer question to the next.
const LOOK_EVERY: usize = 128;
/// The bytes of the longest branch: a few of them fit into the share of all.
const LONGEST: usize = memory::BRANCHES / 4;

/// What is done in a branch.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// A step with this action.
    Act(OwnedAction),
    /// The state is set to these values of the environment's state variables. It is no step.
    Set(Vec<f64>),
}

/// Which other actions or states, from which step on.
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
    pub moves: Vec<Move>,
    /// How many more steps the judging policy then goes on by itself.
    pub follow: u32,
}

impl Question {
    /// The moves that lead to the state after so many of its steps, as it was when the next was taken.
    pub fn moves_to(&self, steps: usize) -> &[Move] {
        let acts = self.moves.iter().enumerate().filter(|(_, taken)| matches!(taken, Move::Act(_)));
        let next = acts.map(|(place, _)| place).nth(steps);
        &self.moves[..next.unwrap_or(self.moves.len())]
    }
}

/// An answer to a [`Question`].
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// What was asked. The policy's actions are among the others, so that it can be asked again with more.
    pub question: Question,
    /// Each state, from the one at [`Question::from`] on.
    pub moments: Vec<Moment>,
    /// The numbers of the last state, if the environment tells them.
    pub variables: Vec<StateVariable>,
    /// Steps a second at which a person would play it.
    pub real_time: f32,
    /// What can be done, and how it is called. Of actions that are not counted, those that keys are bound to.
    pub choices: Vec<(OwnedAction, String)>,
    /// Whether the episode has ended.
    pub ended: bool,
    /// Whether there is no memory for more steps.
    pub is_full: bool,
    /// What is amiss, for people.
    pub note: Option<String>,
}

impl Branch {
    /// Its last step, counted from where it leaves the episode.
    pub fn last_step(&self) -> u32 {
        self.moments.len().saturating_sub(1) as u32
    }

    /// Whether it cannot go on.
    pub fn is_over(&self) -> bool {
        self.ended || self.is_full
    }

    /// Its memory, in bytes.
    pub fn bytes(&self) -> usize {
        let taken = |taken: &Move| match taken {
            Move::Act(_) => size_of::<Move>(),
            Move::Set(values) => size_of::<Move>() + size_of_val(values.as_slice()),
        };
        let moves: usize = self.question.moves.iter().map(taken).sum();
        size_of::<Self>() + moves + self.moments.iter().map(Moment::bytes).sum::<usize>()
    }
}

/// Answers a question about the run in `folder`. `None` if overtaken by a newer one.
pub(crate) fn answer(
    question: &Question,
    folder: PathBuf,
    judge: Checkpoint,
    overtaken: &dyn Fn() -> bool,
) -> Option<Branch> {
    let mut branch = Branch {
        question: question.clone(),
        moments: Vec::new(),
        variables: Vec::new(),
        real_time: 1.0,
        choices: Vec::new(),
        ended: false,
        is_full: false,
        note: None,
    };
    let episode = EpisodeOf { run: question.run, folder, episode: question.episode, judge };
    let prepared = read(&episode).and_then(|(_, record)| {
        let judge = episode.judge.load(&episode.folder)?;
        Ok((record, Sandbox::new(&settings(&episode.folder)?, judge)?))
    });
    match prepared {
        Ok((record, mut sandbox)) => {
            let grown = catch_unwind(AssertUnwindSafe(|| grow(&mut branch, &mut sandbox, &record, overtaken)));
            match grown.unwrap_or_else(|panic| Err(Stop::Failed(text::panicked(&*panic)))) {
                Ok(()) => branch.variables = sandbox.state_variables(),
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
    sandbox: &mut Sandbox,
    record: &EpisodeRecord,
    overtaken: &dyn Fn() -> bool,
) -> Result<(), Stop> {
    (branch.choices, branch.real_time) = (sandbox.choices(), sandbox.real_time());
    let mut here = vec![sandbox.reset(Generator::from_state(record.generator))?];
    for (step, action) in actions(&record.actions).take(branch.question.from as usize).enumerate() {
        if step % LOOK_EVERY == 0 && overtaken() {
            return Err(Stop::Overtaken);
        }
        branch.ended = sandbox.play(&action, &mut here)?.ended();
        here.swap_remove(0);
    }
    branch.moments = here;
    let follow = std::mem::take(&mut branch.question.follow).min(FOLLOW);
    let mut bytes = 0;
    let mut act = |branch: &mut Branch, sandbox: &mut Sandbox, action: &OwnedAction| -> Result<(), Stop> {
        branch.ended = sandbox.play(action, &mut branch.moments)?.ended();
        bytes += branch.moments.last().map_or(0, Moment::bytes);
        branch.is_full = bytes > LONGEST;
        Ok(())
    };
    for (done, taken) in branch.question.moves.clone().into_iter().enumerate() {
        if branch.is_over() {
            break;
        }
        match taken {
            Move::Act(action) => act(branch, sandbox, &action)?,
            Move::Set(values) => {
                if let Err(error) = sandbox.set(&values, &mut branch.moments) {
                    // It is as if this had not been asked for.
                    branch.question.moves.truncate(done);
                    branch.note = Some(text::state_refused(&error.to_string()));
                    return Ok(());
                }
            }
        }
    }
    for step in 0..follow as usize {
        if branch.is_over() {
            break;
        }
        let Some(action) = sandbox.greedy() else {
            branch.note = Some(text::NO_JUDGE.to_owned());
            break;
        };
        if step % LOOK_EVERY == 0 && overtaken() {
            return Err(Stop::Overtaken);
        }
        act(branch, sandbox, &action)?;
        branch.question.moves.push(Move::Act(action));
    }
    if branch.is_full {
        branch.note = Some(text::contest_cut_off(branch.last_step() as usize));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::fixture;
    use cartwheel_envs::Env as _;
    use cartwheel_trainer::run::ActionLog;
    use cartwheel_trainer::watch::{Judgement, Observation};

    fn never() -> bool {
        false
    }

    #[test]
    fn a_branch_leaves_the_episode_where_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let (run, records) = fixture::run_with_episodes(folder.path(), "CartPole-v1");
        let ActionLog::Discrete(recorded) = &records[1].actions else { panic!("{records:?}") };
        let ask = |from: u32, actions: &[i32], follow| {
            let moves = actions.iter().map(|action| Move::Act((*action).into())).collect();
            let question = Question { branch: 0, run: 0, episode: 1, from, moves, follow };
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
        assert_eq!((followed.question.moves.len(), followed.question.follow, followed.moments.len()), (6, 0, 7));
        let again = answer(&followed.question, run.path().to_owned(), Checkpoint::Best, &never).unwrap();
        assert_eq!(again, followed, "what the policy did can be asked for");
        assert!(ask(0, &[], u32::MAX).ended, "until the episode ends");
        let invalid = ask(0, &[7], 0);
        assert!(invalid.note.unwrap().contains('7') && invalid.moments.len() == 1);
        assert!(ask(0, &[0; 600], 0).ended && ask(1000, &[0], 3).ended, "there is nothing after the end");
    }

    #[test]
    fn a_policy_of_numbers_goes_on_and_none_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let (run, _) = fixture::run_with_episodes(folder.path(), "Pendulum-v1");
        let question = Question { branch: 0, run: 0, episode: 0, from: 3, moves: Vec::new(), follow: 5 };
        let ask = || answer(&question, run.path().to_owned(), Checkpoint::Best, &never).unwrap();
        let followed = ask();
        assert_eq!((followed.last_step(), &followed.note), (5, &None));
        let [Move::Act(OwnedAction::Continuous(first)), ..] = &followed.question.moves[..] else { panic!() };
        let Judgement::Gaussian { mean, .. } = &followed.moments[0].judgement else { panic!() };
        assert!((first[0] - mean[0]).abs() < 1e-6, "{first:?} is not {mean:?}");
        std::fs::remove_file(run.latest_weights()).unwrap();
        let alone = ask();
        assert_eq!((alone.last_step(), alone.note.as_deref()), (0, Some(text::NO_JUDGE)));
    }

    /// The same values change nothing, and others are where the episode goes on.
    #[test]
    fn a_state_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let (run, records) = fixture::run_with_episodes(folder.path(), "CartPole-v1");
        let ActionLog::Discrete(recorded) = &records[1].actions else { panic!("{records:?}") };
        let ask = |moves: Vec<Move>, follow| {
            let question = Question { branch: 0, run: 0, episode: 1, from: 3, moves, follow };
            answer(&question, run.path().to_owned(), Checkpoint::Best, &never).unwrap()
        };
        let start = ask(Vec::new(), 0);
        let names: Vec<_> = start.variables.iter().map(|variable| &*variable.name).collect();
        assert_eq!(names, ["position", "velocity", "angle", "angular velocity"]);
        let values: Vec<f64> = start.variables.iter().map(|variable| variable.value).collect();
        let act = || recorded[3..].iter().map(|action| Move::Act((*action).into()));
        let mut as_it_was = ask(act().collect(), 0);
        let mut set = ask([Move::Set(values.clone())].into_iter().chain(act()).collect(), 0);
        assert_eq!(set.question.moves_to(0), [Move::Set(values.clone())]);
        assert_eq!(as_it_was.question.moves_to(0), []);
        (set.question.moves, as_it_was.question.moves) = (Vec::new(), Vec::new());
        assert_eq!(set, as_it_was, "to the last bit");

        let upright = Move::Set(vec![values[0], 0.0, 0.0, 0.0]);
        let edited = ask(vec![Move::Act(0.into()), upright.clone(), Move::Act(1.into())], 0);
        assert_eq!((edited.last_step(), &edited.note), (2, &None));
        let Observation::F32(seen) = &edited.moments[1].observation else { panic!() };
        assert_eq!(seen[1..], [0.0; 3]);
        assert_eq!(edited.moments[1].return_, 4.0, "what was paid until then stays");
        assert_ne!(edited.moments[1].judgement, start.moments[0].judgement);
        assert_eq!(edited.question.moves_to(1), [Move::Act(0.into()), upright]);

        let refused = ask(vec![Move::Act(0.into()), Move::Set(vec![f64::NAN; 4])], 0);
        assert_eq!((refused.question.moves.len(), refused.moments.len(), refused.variables.len()), (1, 2, 4));
        assert!(refused.note.unwrap().contains("state"));
    }

    /// Without counted actions, keys give the choices.
    #[test]
    fn actions_that_are_not_counted_are_the_keys() {
        let mut settings = cartwheel_trainer::Settings::default();
        settings.env.id = "Pendulum-v1".into();
        let sandbox = Sandbox::new(&settings, None).unwrap();
        let keys = settings.env.builder().build().unwrap().key_bindings();
        assert_eq!(sandbox.choices().len(), keys.keys.len());
    }
}
