//! Whether a batch does what its environments do one by one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Actions, EnvBuilder, EnvError, Generator, Result, Row, Rows, Space, SyncVectorEnv, VectorEnv, VectorStep};
use crate::{Violation, panic_message};

/// Enough for a batch that steps several at a time to have some left over.
const ENVS: usize = 11;
const STEPS: usize = 300;

/// Steps the batch that `env` is trained in beside single environments from the same seeds, with the same random actions, and
/// returns in what it first differs; empty if all is well, as where no batch of its own is registered ([`EnvSpec::batch`]).
///
/// [`EnvSpec::batch`]: crate::EnvSpec::batch
///
/// # Errors
/// As [`EnvBuilder::make_vec`] and [`EnvBuilder::build`].
pub fn check_vector_env(env: &EnvBuilder) -> Result<Vec<Violation>> {
    let mut batch = env.make_vec(ENVS)?;
    let mut singles = SyncVectorEnv::new((0..ENVS).map(|_| env.build()).collect::<Result<_>>()?)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| compare(batch.as_mut(), &mut singles)));
    let message = match outcome {
        Ok(Ok(None)) => return Ok(Vec::new()),
        Ok(Ok(Some(difference))) => difference,
        Ok(Err(error)) => format!("it failed: {error}"),
        Err(panic) => format!("it panicked: {}", panic_message(&*panic)),
    };
    Ok(vec![Violation { rule: "batch", message }])
}

/// What is different first.
fn compare(batch: &mut dyn VectorEnv, singles: &mut SyncVectorEnv) -> Result<Option<String>> {
    let spaces = |env: &dyn VectorEnv| {
        (env.num_envs(), env.single_observation_space().clone(), env.single_action_space().clone())
    };
    let (n, observations, actions) = spaces(batch);
    if (n, observations.clone(), actions.clone()) != spaces(singles) {
        let expected = format!("{ENVS}, with the spaces of the single one");
        return Ok(Some(format!("it has {n} environments with {observations} and {actions}; make it {expected}")));
    }
    let mut out = VectorStep::new(&observations, ENVS);
    let mut expected = out.clone();
    batch.reset(Some(7), &mut out.observations)?;
    singles.reset(Some(7), &mut expected.observations)?;
    let (mut choices, mut rows) = (Generator::new(8), Rows::for_space(&actions, ENVS));
    for t in 0..=STEPS {
        if t > 0 {
            (0..ENVS).for_each(|i| actions.sample(&mut choices, rows.row_mut(i)));
            batch.step(taken(&actions, &rows)?, &mut out)?;
            singles.step(taken(&actions, &rows)?, &mut expected)?;
        }
        if let Some((i, what)) = (0..ENVS).find_map(|i| Some((i, difference(i, &out, &expected)?))) {
            return Ok(Some(format!("environment {i} of {ENVS} has another {what} after {t} steps than a single one")));
        }
        if let Some(i) = (0..ENVS).find(|&i| batch.episode_generator(i) != singles.episode_generator(i)) {
            let advice = "answer the generator as it was just before the episode was reset";
            return Ok(Some(format!(
                "episode_generator({i}) is another than a single one's after {t} steps; {advice}"
            )));
        }
    }
    check_save(batch, &mut out, taken(&actions, &rows)?)
}

/// A saved environment, restored, must go on as it did.
fn check_save(batch: &mut dyn VectorEnv, out: &mut VectorStep, actions: Actions<'_>) -> Result<Option<String>> {
    let Some(saved) = batch.save(0) else { return Ok(None) };
    let mut again = out.clone();
    batch.step(actions, out)?;
    let before = again.observations.clone();
    batch.restore(0, &saved, again.observations.row_mut(0))?;
    if again.observations != before {
        return Ok(Some("restore wrote another observation than that of the saved state".to_owned()));
    }
    batch.step(actions, &mut again)?;
    let advice = "save everything that changes between steps";
    Ok(difference(0, &again, out).map(|what| format!("a restored environment gave another {what}; {advice}")))
}

/// The rows of an action space as a batch of actions.
fn taken<'a>(space: &Space, rows: &'a Rows) -> Result<Actions<'a>> {
    match (space, rows.as_i32(), rows.as_f32()) {
        (Space::Discrete { .. }, Some(rows), _) => Ok(Actions::Discrete(rows)),
        (_, Some(rows), _) => Ok(Actions::Multi(rows)),
        (_, _, Some(rows)) => Ok(Actions::Continuous(rows)),
        _ => Err(EnvError::failed(format!("environments take no actions from {space}"))),
    }
}

/// In what environment `i` differs.
fn difference(i: usize, out: &VectorStep, expected: &VectorStep) -> Option<&'static str> {
    let ended = expected.terminated[i] || expected.truncated[i];
    let bits = |rows: &Rows| match rows.row(i) {
        Row::F32(row) => row.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
        Row::U8(row) => row.iter().map(|x| u32::from(*x)).collect(),
        Row::I32(row) => row.iter().map(|x| x.cast_unsigned()).collect(),
    };
    if out.rewards[i] != expected.rewards[i] {
        Some("reward")
    } else if (out.terminated[i], out.truncated[i]) != (expected.terminated[i], expected.truncated[i]) {
        Some("end of its episode")
    } else if ended && bits(&out.final_observations) != bits(&expected.final_observations) {
        Some("last observation of its episode (final_observations)")
    } else if bits(&out.observations) != bits(&expected.observations) {
        Some("observation")
    } else {
        None
    }
}
