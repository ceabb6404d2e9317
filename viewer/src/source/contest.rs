//! Two policies side by side: played greedily from one seed, until they part.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use cartwheel_trainer::EnvConfig;

use super::checkpoint::Checkpoint;
use super::film::Moment;
use super::replayer::settings;
use super::sandbox::Sandbox;
use crate::model::RunId;
use crate::{memory, text};

/// Memory that the states of one side may take, in bytes: the two before are still shown while two are played.
const BUDGET: usize = memory::CONTESTS / 4;
/// Steps from one look for a newer question to the next.
const LOOK_EVERY: usize = 64;

/// A policy to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// The run.
    pub run: RunId,
    /// Its name, for people.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Which of its weights.
    pub checkpoint: Checkpoint,
}

/// Two policies played from one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Contest {
    /// The seed.
    pub seed: u64,
    /// What each did; or why it did nothing, in words for people.
    pub sides: [Side; 2],
    /// The first step at which they did not do the same.
    pub parting: Option<u32>,
    /// Steps a second at which a person would play it.
    pub real_time: f32,
    /// Why they cannot be compared, for people.
    pub problem: Option<String>,
}

/// One policy's episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Who.
    pub contender: Contender,
    /// Each state, the first after the reset.
    pub moments: Vec<Moment>,
    /// Whether the episode ended, and was not just too long to be kept.
    pub ended: bool,
    /// What is amiss, for people.
    pub note: Option<String>,
}

impl Side {
    /// Before anything was played.
    fn of(contender: &Contender) -> Self {
        Self { contender: contender.clone(), moments: Vec::new(), ended: false, note: None }
    }

    /// The state after so many steps, or the last.
    pub fn at(&self, step: u32) -> Option<&Moment> {
        self.moments.get(step as usize).or(self.moments.last())
    }
}

impl Contest {
    /// The last step of the longer episode.
    pub fn last_step(&self) -> u32 {
        self.sides.iter().map(|side| side.moments.len().saturating_sub(1) as u32).max().unwrap_or_default()
    }
}

/// Plays both. `None` if overtaken by a newer question.
pub(crate) fn hold(contenders: &[Contender; 2], seed: u64, overtaken: &dyn Fn() -> bool) -> Option<Contest> {
    let [left, right] = contenders;
    if let Some(problem) = differ(left, right) {
        let sides = contenders.each_ref().map(Side::of);
        return Some(Contest { seed, sides, parting: None, real_time: 1.0, problem: Some(problem) });
    }
    let mut real_time = 1.0;
    let sides = [guarded(left, seed, &mut real_time, overtaken)?, guarded(right, seed, &mut real_time, overtaken)?];
    let parting = parting(&sides[0].moments, &sides[1].moments);
    Some(Contest { seed, sides, parting, real_time, problem: None })
}

/// Why two policies are not to be compared: from one seed they would be in different worlds. Wrappers may differ, for they
/// belong to who looks.
fn differ(left: &Contender, right: &Contender) -> Option<String> {
    // Who has no settings says so when it is played.
    let [left_env, right_env] = [settings(&left.folder).ok()?.env, settings(&right.folder).ok()?.env];
    let same = (&left_env.id, &left_env.args) == (&right_env.id, &right_env.args);
    let named = |env: &EnvConfig| text::environment(&env.id, &env.args);
    (!same).then(|| text::other_worlds([&left.name, &right.name], [&named(&left_env), &named(&right_env)]))
}

/// The first step at which the actions differ, or at which only one goes on.
fn parting(left: &[Moment], right: &[Moment]) -> Option<u32> {
    left.iter().zip(right).position(|(left, right)| left.action != right.action).map(|step| step as u32)
}

/// As [`play`], where an environment may panic.
fn guarded(contender: &Contender, seed: u64, real_time: &mut f32, overtaken: &dyn Fn() -> bool) -> Option<Side> {
    catch_unwind(AssertUnwindSafe(|| play(contender, seed, real_time, overtaken)))
        .unwrap_or_else(|panic| Some(Side { note: Some(text::panicked(&*panic)), ..Side::of(contender) }))
}

fn play(contender: &Contender, seed: u64, real_time: &mut f32, overtaken: &dyn Fn() -> bool) -> Option<Side> {
    let mut side = Side::of(contender);
    let prepared = contender.checkpoint.load(&contender.folder).and_then(|policy| {
        let policy = policy.ok_or_else(|| text::no_weights(&contender.name))?;
        let mut sandbox = Sandbox::new(&settings(&contender.folder)?, Some(policy))?;
        let first = sandbox.reset(sandbox.seeded(seed)).map_err(|error| error.to_string())?;
        Ok((sandbox, first))
    });
    let (mut sandbox, first) = match prepared {
        Ok(prepared) => prepared,
        Err(problem) => {
            side.note = Some(problem);
            return Some(side);
        }
    };
    *real_time = sandbox.real_time();
    let mut bytes = first.bytes();
    side.moments.push(first);
    while !side.ended {
        if side.moments.len().is_multiple_of(LOOK_EVERY) && overtaken() {
            return None;
        }
        if bytes > BUDGET {
            side.note = Some(text::contest_cut_off(side.moments.len() - 1));
            break;
        }
        let Some(action) = sandbox.greedy() else {
            side.note = Some(text::no_weights(&contender.name));
            break;
        };
        match sandbox.play(&action, &mut side.moments) {
            Ok(stepped) => side.ended = stepped.ended(),
            Err(error) => {
                side.note = Some(text::branch_failed(&error.to_string()));
                break;
            }
        }
        bytes += side.moments.last().map_or(0, Moment::bytes);
    }
    Some(side)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::fixture;
    use cartwheel_envs::OwnedAction;
    use std::fs;

    fn never() -> bool {
        false
    }

    fn contender(folder: PathBuf, checkpoint: Checkpoint) -> Contender {
        Contender { run: 0, name: "a".into(), folder, checkpoint }
    }

    #[test]
    fn policies_part_at_their_first_disagreement() {
        let folder = tempfile::tempdir().unwrap();
        let run = fixture::run(folder.path(), "CartPole-v1");
        let [best, latest] =
            [Checkpoint::Best, Checkpoint::Latest].map(|checkpoint| contender(run.path().to_owned(), checkpoint));
        // Policies that know nothing often part at once, or never.
        let contests = (2..60).flat_map(|weights| (0..10).map(move |seed| (weights, seed)));
        let contest = contests
            .map(|(weights, seed)| {
                fs::write(run.best_weights(), fixture::policy("CartPole-v1", weights).to_bytes()).unwrap();
                hold(&[best.clone(), latest.clone()], seed, &never).unwrap()
            })
            .find(|contest| contest.parting.is_some_and(|parting| parting > 0))
            .unwrap();
        let parting = contest.parting.unwrap() as usize;
        let [left, right] = contest.sides.each_ref().map(|side| &side.moments);
        for step in 0..=parting {
            assert_eq!(left[step].observation, right[step].observation, "the same until then");
            assert_eq!(left[step].action == right[step].action, step < parting);
        }
        assert!(contest.sides.iter().all(|side| side.ended && side.note.is_none()));
        assert_eq!(contest.last_step() as usize, left.len().max(right.len()) - 1);
        assert_eq!(contest.sides[0].at(u32::MAX), left.last());

        let same = hold(&[best.clone(), best.clone()], 7, &never).unwrap();
        assert_eq!((same.parting, &same.sides[0].moments), (None, &same.sides[1].moments));
    }

    #[test]
    fn policies_of_numbers_are_played_to_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let run = fixture::run(folder.path(), "Pendulum-v1");
        fs::write(run.best_weights(), fixture::policy("Pendulum-v1", 2).to_bytes()).unwrap();
        let contenders =
            [Checkpoint::Best, Checkpoint::Latest].map(|checkpoint| contender(run.path().to_owned(), checkpoint));
        let contest = hold(&contenders, 3, &never).unwrap();
        assert_eq!((contest.last_step(), contest.parting), (200, Some(0)));
        assert!(contest.sides.iter().all(|side| side.ended && side.note.is_none() && side.moments.len() == 201));
        let done = contest.sides.each_ref().map(|side| &side.moments[0].action);
        assert!(done.iter().all(|action| matches!(action, Some(OwnedAction::Continuous(_)))), "{done:?}");
        assert!(hold(&contenders, 3, &|| true).is_none(), "a newer question is in sight");
    }

    #[test]
    fn policies_of_different_worlds_are_not_compared() {
        let folder = tempfile::tempdir().unwrap();
        let runs = [("a", "CartPole-v1", false), ("b", "Acrobot-v1", false), ("c", "CartPole-v1", true)];
        let [cart, acrobot, other] = runs.map(|(name, id, other)| {
            let place = folder.path().join(name);
            fs::create_dir(&place).unwrap();
            let run = fixture::run(&place, id);
            if other {
                let mut settings = settings(run.path()).unwrap();
                settings.env.args.insert("sutton_barto_reward".into(), true.into());
                fs::write(run.config(), settings.to_toml(false)).unwrap();
            }
            Contender { name: name.into(), ..contender(run.path().to_owned(), Checkpoint::Best) }
        });
        let contest = hold(&[cart.clone(), acrobot], 0, &never).unwrap();
        let problem = contest.problem.unwrap();
        assert!(["a", "CartPole-v1", "b", "Acrobot-v1"].iter().all(|named| problem.contains(named)), "{problem}");
        assert!(contest.sides.iter().all(|side| side.moments.is_empty() && side.note.is_none()));
        let problem = hold(&[cart.clone(), other], 0, &never).unwrap().problem.unwrap();
        assert!(problem.contains("sutton_barto_reward"), "{problem}");
        let contest = hold(&[cart.clone(), cart], 0, &never).unwrap();
        assert_eq!((contest.problem, contest.real_time), (None, 10.0));
    }

    #[test]
    fn who_cannot_play_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let run = fixture::run(folder.path(), "CartPole-v1");
        let able = contender(run.path().to_owned(), Checkpoint::Best);
        let file = contender(run.path().to_owned(), Checkpoint::File(folder.path().join("no.safetensors")));
        let contest = hold(&[able, file], 0, &never).unwrap();
        assert!(contest.sides[0].ended && contest.parting.is_none());
        assert!(contest.sides[1].note.as_ref().unwrap().contains("no.safetensors"), "{:?}", contest.sides[1].note);
    }
}
