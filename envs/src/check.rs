//! What every environment must satisfy, to be run on an environment of one's own.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    Env, EnvError, Generator, Info, Key, Pace, Result, Row, RowMut, Rows, Scene, Shape, Space, Statistics, Step,
    panic_message,
};

/// Long enough for a few episodes of most environments.
const STEPS: usize = 300;

/// A promise of [`Env`] that an environment breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise, in a word or two.
    pub rule: &'static str,
    /// What was seen and what to do about it.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)
    }
}

/// Runs `env` for some hundred random steps and returns what it does against its contract: each rule
/// once, with the first thing seen. Empty if all is well.
pub fn check_env(env: &mut dyn Env) -> Vec<Violation> {
    let mut found = Vec::new();
    check_spaces(&env.observation_space(), &env.action_space(), &mut found);
    if found.is_empty() {
        let outcome = catch_unwind(AssertUnwindSafe(|| check_behavior(env, &mut found)));
        if let Err(panic) = outcome {
            let advice = "return an EnvError, and write observations that agree with observation_space()";
            report(&mut found, "panic", format!("it panicked: {}; {advice}", panic_message(&*panic)));
        }
    }
    found
}

fn report(found: &mut Vec<Violation>, rule: &'static str, message: String) {
    if !found.iter().any(|violation| violation.rule == rule) {
        found.push(Violation { rule, message });
    }
}

/// Refuses spaces with which nothing can be done: all that is made by its id passes here.
pub(crate) fn refuse_bad_spaces(id: &str, observation: &Space, action: &Space) -> Result<()> {
    let mut found = Vec::new();
    check_spaces(observation, action, &mut found);
    match found.into_iter().next() {
        Some(Violation { rule, message }) => {
            Err(EnvError::BadSpace { env: id.to_owned(), which: rule, problem: message })
        }
        None => Ok(()),
    }
}

fn check_spaces(observation: &Space, action: &Space, found: &mut Vec<Violation>) {
    let (seen, done) = ("observation space", "action space");
    check_space(seen, observation, found);
    check_space(done, action, found);
    if found.is_empty() && action.action(Rows::for_space(action, 1).row(0)).is_none() {
        let kinds = "use Discrete, MultiDiscrete, MultiBinary or a float32 Box";
        report(found, done, format!("environments take no actions from {action}; {kinds}"));
    }
}

fn check_space(rule: &'static str, space: &Space, found: &mut Vec<Violation>) {
    let problem = match space {
        Space::Discrete { n, .. } if *n < 1 => Some(format!("Discrete({n}) has no element; n must be at least 1")),
        Space::Discrete { n, start } if start.checked_add(n - 1).is_none() => {
            Some(format!("Discrete({n}, start={start}) goes past i32::MAX; lower start"))
        }
        Space::Discrete { .. } => None,
        Space::MultiDiscrete { nvec, start } => {
            if nvec.is_empty() || nvec.len() != start.len() {
                let lengths = format!("{} numbers of choices and {} starts", nvec.len(), start.len());
                Some(format!("a MultiDiscrete of {lengths}; give one of each for each part, at least one"))
            } else {
                nvec.iter().zip(start).for_each(|(n, start)| {
                    check_space(rule, &Space::Discrete { n: *n, start: *start }, found);
                });
                None
            }
        }
        Space::MultiBinary { n: 0 } => Some("a MultiBinary of no element; n must be at least 1".to_owned()),
        Space::MultiBinary { .. } => None,
        Space::Tuple(parts) => check_parts(rule, space, parts.iter(), found),
        Space::Dict(parts) => {
            let twice = parts.iter().enumerate().find(|(i, (name, _))| parts[..*i].iter().any(|(n, _)| n == name));
            match twice {
                Some((_, (name, _))) => Some(format!("{space} has two parts named '{name}'; rename one")),
                None => check_parts(rule, space, parts.iter().map(|(_, part)| part), found),
            }
        }
        Space::Box { low, high, shape, .. } => {
            let width = shape.iter().product();
            if width == 0 {
                Some(format!("shape {shape:?} has no element; every axis must have a length"))
            } else if [low.len(), high.len()] != [width; 2] {
                let lengths = format!("{} low and {} high bounds", low.len(), high.len());
                Some(format!("shape {shape:?} has {width} elements but {lengths}; give one of each for each element"))
            } else {
                let wrong = (0..width).find(|&i| low[i].is_nan() || high[i].is_nan() || low[i] > high[i]);
                wrong.map(|i| format!("element {i} lies between {} and {}; make low at most high", low[i], high[i]))
            }
        }
    };
    if let Some(problem) = problem {
        report(found, rule, problem);
    }
}

/// The environment inside of all wrappers: one that changes a space and passes on the names of what is inside is forgiven, as names
/// that are not as many as they should be are not shown.
fn innermost(env: &dyn Env) -> &dyn Env {
    env.inner().map_or(env, innermost)
}

/// Names and cells are those of the spaces.
fn check_names(env: &dyn Env, found: &mut Vec<Violation>) {
    let (observation, action) = (env.observation_space(), env.action_space());
    let actions = if let Space::Discrete { n, .. } = action { n as usize } else { action.width() };
    for (what, names, count) in
        [("observation", env.observation_names(), observation.width()), ("action", env.action_names(), actions)]
    {
        if !names.is_empty() && names.len() != count {
            let message = format!("{what}_names gives {}, where there are {count}; name each, or none", names.len());
            report(found, "names", message);
        }
    }
    if let Some([rows, columns]) = env.grid_shape()
        && !matches!(observation, Space::Discrete { n, .. } if rows * columns > 0 && (n as usize).is_multiple_of(rows * columns))
    {
        let message = format!("grid_shape gives {rows} by {columns} cells, which do not divide {observation}");
        report(found, "grid", message);
    }
}

/// Success rates are means of `is_success`.
fn check_success(info: &Info, found: &mut Vec<Violation>) {
    let Some(value) = info.get("is_success") else { return };
    if !value.is_boolean() && !value.as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)) {
        let message = format!("is_success of info is {value}; make it true or false, or a number from 0 to 1");
        report(found, "info", message);
    }
}

/// Checks each part of a composite, of which there must be one.
fn check_parts<'a>(
    rule: &'static str,
    space: &Space,
    parts: impl ExactSizeIterator<Item = &'a Space>,
    found: &mut Vec<Violation>,
) -> Option<String> {
    if parts.len() == 0 {
        return Some(format!("{space} has no part; give it one, or leave it out"));
    }
    parts.for_each(|part| check_space(rule, part, found));
    None
}

/// What was seen at a reset (no step) or a step.
struct Moment {
    observation: Rows,
    step: Option<Step>,
}

fn check_behavior(env: &mut dyn Env, found: &mut Vec<Violation>) {
    check_names(innermost(env), found);
    check_keys(innermost(env), found);
    let observed = env.observation_space();
    let seeded = || (Generator::new(7), Generator::new(8));
    // They outlive episodes, so the second run starts from those of the first.
    let mut statistics = Vec::new();
    env.statistics(&mut |own| statistics.push(own.clone()));
    let (mut rng, mut choices) = seeded();
    let Some(first) = run(env, &mut rng, &mut choices, Start::Reset, Fill::Low, found) else { return };
    env.statistics_mut(&mut Statistics::put(&statistics));
    let (mut rng, mut choices) = seeded();
    let Some(second) = run(env, &mut rng, &mut choices, Start::Reset, Fill::High, found) else { return };
    if let Some(at) = difference(&first, &second) {
        let advice = "draw random numbers from the generator passed in alone, let reset forget the last episode, \
                      and write every element of the observation";
        report(found, "determinism", format!("the same seed and actions gave another {at}; {advice}"));
    }
    if env.observation_space() != observed {
        let message = "the observation space changed while it ran; decide on it at construction".to_owned();
        report(found, "observation space", message);
    }

    check_state_variables(env, &second, found);
    // Where the run stopped is as good a place as any: mostly the middle of an episode.
    let Some(saved) = env.save() else { return };
    let (mut rng_again, mut choices_again) = (rng.clone(), choices.clone());
    let Some(onward) = run(env, &mut rng, &mut choices, Start::Continue, Fill::Low, found) else { return };
    if let Err(error) = env.restore(&saved) {
        report(found, "save and restore", format!("restore failed on what save returned: {error}"));
        return;
    }
    let again = run(env, &mut rng_again, &mut choices_again, Start::Continue, Fill::Low, found);
    let Some(again) = again else { return };
    if let Some(at) = difference(&onward, &again) {
        let advice = "save everything that changes between steps";
        report(found, "save and restore", format!("after restore, the same actions gave another {at}; {advice}"));
    }
}

/// The present values, set again, must change nothing.
fn check_state_variables(env: &mut dyn Env, run: &[Moment], found: &mut Vec<Violation>) {
    let variables = env.state_variables();
    let (Some(last), false) = (run.last(), variables.is_empty()) else { return };
    let (saved, values) = (env.save(), variables.iter().map(|variable| variable.value).collect::<Vec<_>>());
    let mut row = Rows::for_space(&env.observation_space(), 1);
    prefill(row.row_mut(0), Fill::Low);
    let message = match env.set_state_variables(&values, row.row_mut(0)) {
        Err(error) => format!("the present values were refused: {error}"),
        Ok(()) if env.state_variables() != variables || env.save() != saved => {
            "to set the present values changed the state; leave alone what they do not tell".to_owned()
        }
        Ok(()) if !same(&row, &last.observation) => {
            "to set the present values wrote another observation; a wrapper writes what it would have shown".to_owned()
        }
        Ok(()) => return,
    };
    report(found, "state variables", message);
}

#[derive(PartialEq)]
enum Start {
    Reset,
    Continue,
}

/// What is in the row before the environment writes to it: what it leaves out shows as a difference.
#[derive(Clone, Copy)]
enum Fill {
    Low,
    High,
}

/// Some hundred steps with random actions from `choices`, resetting at the end of each episode, and
/// stopping short of a reset. `None` if the environment failed.
fn run(
    env: &mut dyn Env,
    rng: &mut Generator,
    choices: &mut Generator,
    start: Start,
    fill: Fill,
    found: &mut Vec<Violation>,
) -> Option<Vec<Moment>> {
    let (space, action_space) = (env.observation_space(), env.action_space());
    let mut row = Rows::for_space(&space, 1);
    let mut action = Rows::for_space(&action_space, 1);
    let mut moments = Vec::new();
    let mut ended = start == Start::Reset;
    while moments.len() < STEPS || ended {
        prefill(row.row_mut(0), fill);
        let outcome = if ended {
            env.reset(rng, row.row_mut(0)).map(|()| None)
        } else {
            action_space.sample(choices, action.row_mut(0));
            env.step(action_space.action(action.row(0))?, rng, row.row_mut(0)).map(Some)
        };
        let step = match outcome {
            Ok(step) => step,
            Err(error) => {
                let method = if ended { "reset" } else { "step with an action of the action space" };
                report(found, "failure", format!("{method} failed after {} steps: {error}", moments.len()));
                return None;
            }
        };
        check_moment(env, &space, &row, step, found);
        ended = step.is_some_and(|step| step.terminated || step.truncated);
        moments.push(Moment { observation: row.clone(), step });
    }
    Some(moments)
}

fn prefill(row: RowMut<'_>, fill: Fill) {
    match row {
        RowMut::F32(row) => row.fill(f32::NAN),
        RowMut::U8(row) => row.fill(if let Fill::Low = fill { u8::MIN } else { u8::MAX }),
        RowMut::I32(row) => row.fill(if let Fill::Low = fill { i32::MIN } else { i32::MAX }),
    }
}

fn check_moment(env: &dyn Env, space: &Space, row: &Rows, step: Option<Step>, found: &mut Vec<Violation>) {
    if !space.contains(row.row(0)) {
        let method = if step.is_some() { "step" } else { "reset" };
        let row = format!("{:?}", row.row(0));
        let shown: String = row.chars().take(200).collect();
        let message = format!(
            "{method} wrote {shown}, which is not in {space}; widen the space or write every element (NaN may be \
             one left out)"
        );
        report(found, "observation", message);
    }
    if let Some(step) = step
        && !(step.reward as f32).is_finite()
    {
        report(found, "reward", format!("a step's reward is {}; make it a number that f32 holds", step.reward));
    }
    // No wrapper but the time limit, for others may change rewards.
    let is_bare = env.inner().is_none_or(|inner| inner.inner().is_none() && env.max_episode_steps().is_some());
    if let (Some(step), true) = (step, is_bare) {
        check_goals(env, space, row.row(0), step, found);
    }
    check_success(&env.info(), found);
    if let Space::Discrete { n: n @ ..1_000_000, .. } = env.action_space() {
        env.action_mask(&mut vec![true; n as usize]);
    }
    let mut scene = Scene::default();
    env.draw(&mut scene);
    if !scene.is_finite() {
        let message = "draw gave empty bounds or a number that is not finite; check divisions and bounds".to_owned();
        report(found, "draw", message);
    }
    for shape in &scene.shapes {
        if let Shape::Image { width, rgb, .. } = shape
            && (*width == 0 || rgb.is_empty() || !rgb.len().is_multiple_of(3 * *width as usize))
        {
            let found_here = format!("draw gave an image of {} bytes in rows of {width} pixels", rgb.len());
            report(found, "draw", format!("{found_here}; give whole rows, 3 bytes a pixel"));
        }
    }
}

/// Whether a step paid what its goals say it does. They may have been rounded to 32 bits where the environment shows them.
pub fn same_reward(computed: f64, paid: f64) -> bool {
    (computed - paid).abs() <= 1e-4 * paid.abs().max(1.0)
}

/// A step must pay what `compute_reward` says of its goals: hindsight asks that for other goals.
fn check_goals(env: &dyn Env, space: &Space, row: Row<'_>, step: Step, found: &mut Vec<Violation>) {
    let part = |name| space.part(name).map(|(range, _)| row.part(range));
    let (Some(achieved), Some(desired)) = (part("achieved_goal"), part("desired_goal")) else { return };
    if let Some(reward) = env.compute_reward(achieved, desired)
        && !same_reward(reward, step.reward)
    {
        let advice = "work both out from the numbers that are shown";
        report(found, "goals", format!("a step paid {}, and compute_reward says {reward}; {advice}", step.reward));
    }
}

/// Each key does something that can be done.
fn check_keys(env: &dyn Env, found: &mut Vec<Violation>) {
    let (bindings, space) = (env.key_bindings(), env.action_space());
    for (i, (key, action, _)) in bindings.keys.iter().enumerate() {
        if !space.accepts(action.as_action()) {
            let action = action.as_action();
            report(found, "keys", format!("key_bindings has {action} for {key}, which is not in {space}; correct it"));
        }
        if bindings.keys[..i].iter().any(|(other, ..)| other == key) {
            report(found, "keys", format!("key_bindings has {key} twice; leave one out"));
        }
        if let Key::Char(letter) = key
            && letter.is_uppercase()
        {
            report(found, "keys", format!("key_bindings has the letter {letter}; write it in lower case"));
        }
    }
    if let Pace::RealTime { fps: 0, .. } = bindings.pace {
        report(found, "keys", "key_bindings has 0 steps a second; give 1 or more".to_owned());
    }
}

/// Whether two observations are equal, where NaN, a violation of its own, equals NaN.
fn same(a: &Rows, b: &Rows) -> bool {
    a == b || format!("{a:?}") == format!("{b:?}")
}

/// Names the first thing in which two runs differ.
fn difference(a: &[Moment], b: &[Moment]) -> Option<String> {
    let index = (0..a.len().max(b.len())).find(|&i| match (a.get(i), b.get(i)) {
        (Some(a), Some(b)) => a.step != b.step || !same(&a.observation, &b.observation),
        _ => true,
    })?;
    let what = match (a.get(index), b.get(index)) {
        (Some(a), Some(b)) if a.step == b.step => "observation",
        (Some(a), Some(b)) if a.step.is_some() && b.step.is_some() => "reward or flag",
        _ => "length of an episode",
    };
    Some(format!("{what} at step {index}"))
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
