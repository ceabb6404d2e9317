//! Replays episodes recorded from Gymnasium, to see that an environment here is the same one.
//!
//! The recordings are made by `tests/data/gymnasium/generate.py`: one JSON object a line. Those of images have a digest
//! in place of each observation.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::{EnvBuilder, EnvError, Environment, Kwargs, OwnedAction, Result, Row, Space, Step, WrapperSpec};

/// Observations are f32, and sines differ by a unit in the last place between libraries: floats agree
/// when they differ by at most this, relative and absolute each.
const TOLERANCE: f64 = 1e-6;

/// One recorded episode, replayed.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeCheck {
    /// Id of the environment.
    pub env: String,
    /// Steps replayed.
    pub steps: usize,
    /// Everything that differed.
    pub mismatches: Vec<Mismatch>,
}

/// A file of recorded episodes, replayed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileCheck {
    /// Episodes replayed.
    pub episodes: usize,
    /// Steps replayed in all of them.
    pub steps: usize,
    /// Everything that differed.
    pub mismatches: Vec<Mismatch>,
}

/// One value that is not as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Line of the file, from 1; 1 for a single line.
    pub line: usize,
    /// Step of the episode, from 0; none for a reset.
    pub step: Option<usize>,
    /// The recording's name for the value.
    pub field: &'static str,
    /// The recorded value.
    pub expected: String,
    /// The value here.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, step, field, expected, found } = self;
        write!(f, "line {line}, ")?;
        if let Some(step) = step {
            write!(f, "step {step}, ")?;
        }
        write!(f, "{field}: expected {expected}, found {found}")
    }
}

/// Replays one recorded episode, a line of a recording.
///
/// # Errors
/// [`EnvError::BadRecording`] if the line is not of the format, and what [`EnvBuilder::make`] returns.
pub fn verify_line(line: &str) -> Result<EpisodeCheck> {
    verify_at(line, 1, "the recording")
}

/// Replays every episode of a recording.
///
/// # Errors
/// [`EnvError::File`], and as [`verify_line`], naming file and line.
pub fn verify_file(path: impl AsRef<Path>) -> Result<FileCheck> {
    let file = path.as_ref().display().to_string();
    let text = std::fs::read_to_string(&path)
        .map_err(|error| EnvError::File { path: file.clone(), message: error.to_string() })?;
    let mut check = FileCheck::default();
    for (line, number) in text.lines().zip(1..) {
        let episode = verify_at(line, number, &file)?;
        check.episodes += 1;
        check.steps += episode.steps;
        check.mismatches.extend(episode.mismatches);
    }
    if check.episodes == 0 {
        let problem = "it is empty; expected one recorded episode a line".to_owned();
        return Err(EnvError::BadRecording { place: file, problem });
    }
    Ok(check)
}

fn verify_at(line: &str, number: usize, file: &str) -> Result<EpisodeCheck> {
    let bad = |problem: String| EnvError::BadRecording { place: format!("{file}:{number}"), problem };
    let recording: Recording = serde_json::from_str(line)
        .map_err(|error| bad(format!("{error}; expected one episode as written by generate.py")))?;
    recording.check_lengths().map_err(bad)?;
    let builder = EnvBuilder::new(&recording.env).kwargs(recording.kwargs.clone());
    let env = builder.wrappers(recording.wrappers.clone()).make()?;
    let actions = recording
        .actions
        .iter()
        .enumerate()
        .map(|(step, action)| {
            parse_action(action, env.action_space())
                .ok_or_else(|| bad(format!("action {step} is {action}; expected one of {}", env.action_space())))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut replay = Replay { env, line: number, step: None, mismatches: Vec::new() };
    let steps = replay.run(&recording, &actions)?;
    Ok(EpisodeCheck { env: recording.env, steps, mismatches: replay.mismatches })
}

/// A line as `generate.py` writes it.
#[derive(Deserialize)]
struct Recording {
    env: String,
    kwargs: Kwargs,
    /// Around the environment, the innermost first.
    #[serde(default)]
    wrappers: Vec<WrapperSpec>,
    /// The spaces as wrappers leave them.
    observation_space: Option<String>,
    action_space: Option<String>,
    seed: u64,
    reset_obs: Value,
    actions: Vec<Value>,
    obs: Vec<Value>,
    rewards: Vec<f64>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    reset_action_mask: Option<Value>,
    action_masks: Option<Vec<Value>>,
    second_reset_obs: Value,
}

impl Recording {
    fn check_lengths(&self) -> Result<(), String> {
        let steps = self.actions.len();
        let masks = self.action_masks.as_ref().map_or(steps, Vec::len);
        let lists = [
            ("obs", self.obs.len()),
            ("rewards", self.rewards.len()),
            ("terminated", self.terminated.len()),
            ("truncated", self.truncated.len()),
            ("action_masks", masks),
        ];
        match lists.into_iter().find(|(_, len)| *len != steps) {
            Some((name, len)) => Err(format!("`{name}` has {len} elements; expected {steps}, as many as `actions`")),
            None => Ok(()),
        }
    }
}

fn parse_action(action: &Value, space: &Space) -> Option<OwnedAction> {
    let action = match space {
        Space::Discrete { .. } => OwnedAction::Discrete(action.as_i64()?.try_into().ok()?),
        Space::Box { .. } => OwnedAction::Continuous(numbers(action)?.into_iter().map(|x| x as f32).collect()),
        Space::MultiDiscrete { .. } | Space::MultiBinary { .. } => {
            OwnedAction::Multi(numbers(action)?.into_iter().map(|x| x as i32).collect())
        }
        Space::Tuple(_) | Space::Dict(_) => return None,
    };
    space.accepts(action.as_action()).then_some(action)
}

/// The numbers of a number or of a nested list of numbers, in order.
fn numbers(value: &Value) -> Option<Vec<f64>> {
    match value {
        Value::Array(values) => Some(values.iter().map(numbers).collect::<Option<Vec<_>>>()?.concat()),
        value => Some(vec![value.as_f64()?]),
    }
}

struct Replay {
    env: Environment,
    line: usize,
    step: Option<usize>,
    mismatches: Vec<Mismatch>,
}

impl Replay {
    fn run(&mut self, recording: &Recording, actions: &[OwnedAction]) -> Result<usize> {
        let spaces = [
            ("observation_space", &recording.observation_space, self.env.observation_space().to_string()),
            ("action_space", &recording.action_space, self.env.action_space().to_string()),
        ];
        for (field, expected, found) in spaces {
            if let Some(expected) = expected.as_ref().filter(|expected| **expected != found) {
                self.mismatch(field, expected, found);
            }
        }
        self.env.reset(Some(recording.seed))?;
        self.compare_observation("reset_obs", &recording.reset_obs);
        self.compare_mask("reset_action_mask", recording.reset_action_mask.as_ref());
        for (step, action) in actions.iter().enumerate() {
            self.step = Some(step);
            let found = match self.env.step(action.as_action()) {
                Ok(found) => found,
                Err(EnvError::ResetNeeded) => {
                    self.mismatch("actions", "a step", "the episode has ended");
                    break;
                }
                Err(error) => return Err(error),
            };
            self.compare_step(recording, step, found);
        }
        let steps = self.step.map_or(0, |step| step + 1);
        self.step = None;
        self.env.reset(None)?;
        self.compare_observation("second_reset_obs", &recording.second_reset_obs);
        Ok(steps)
    }

    fn compare_step(&mut self, recording: &Recording, step: usize, found: Step) {
        self.compare_observation("obs", &recording.obs[step]);
        if !agree(recording.rewards[step], found.reward) {
            self.mismatch("rewards", recording.rewards[step], found.reward);
        }
        let flags = [
            ("terminated", recording.terminated[step], found.terminated),
            ("truncated", recording.truncated[step], found.truncated),
        ];
        for (field, expected, found) in flags {
            if expected != found {
                self.mismatch(field, expected, found);
            }
        }
        self.compare_mask("action_masks", recording.action_masks.as_ref().map(|masks| &masks[step]));
    }

    fn compare_observation(&mut self, field: &'static str, expected: &Value) {
        if let (Value::String(expected), Row::U8(row)) = (expected, self.env.observation()) {
            let found = digest(row);
            if *expected != found {
                self.mismatch(field, expected, found);
            }
            return;
        }
        let agrees = numbers(expected).is_some_and(|expected| match self.env.observation() {
            Row::F32(row) => same(&expected, row, |x, y| agree(x, f64::from(y))),
            Row::U8(row) => same(&expected, row, |x, y| x == f64::from(y)),
            Row::I32(row) => same(&expected, row, |x, y| x == f64::from(y)),
        });
        if !agrees {
            let found = format!("{:?}", self.env.observation());
            self.mismatch(field, expected, found);
        }
    }

    fn compare_mask(&mut self, field: &'static str, expected: Option<&Value>) {
        let Some(expected) = expected else { return };
        let info = self.env.info();
        let found = info.get("action_mask").unwrap_or(&Value::Null);
        // As numbers: 1 and 1.0 are the same mask.
        if numbers(found).is_none() || numbers(expected) != numbers(found) {
            self.mismatch(field, expected, found);
        }
    }

    fn mismatch(&mut self, field: &'static str, expected: impl ToString, found: impl ToString) {
        let (line, step) = (self.line, self.step);
        self.mismatches.push(Mismatch { line, step, field, expected: expected.to_string(), found: found.to_string() });
    }
}

fn same<T: Copy>(expected: &[f64], found: &[T], agree: impl Fn(f64, T) -> bool) -> bool {
    expected.len() == found.len() && expected.iter().zip(found).all(|(&x, &y)| agree(x, y))
}

/// The 32-bit FNV-1a hash in hexadecimal: recordings have it in place of images, which would be large.
fn digest(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

fn agree(expected: f64, found: f64) -> bool {
    (expected - found).abs() <= TOLERANCE + TOLERANCE * expected.abs()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Two steps of Scripted, as if recorded.
    fn recording() -> Value {
        let mut env = crate::make("Scripted-v0").unwrap();
        env.reset(Some(3)).unwrap();
        let parity = env.observation() == Row::F32(&[0.0, 1.0]);
        let parity = u8::from(parity);
        json!({
            "env": "Scripted-v0", "kwargs": {"length": 2, "ends": "both"}, "seed": 3,
            "reset_obs": [0.0, parity], "actions": [0, 1], "obs": [[0.5, parity], [1.0, parity]],
            "rewards": [1.0, 2.0], "terminated": [false, true], "truncated": [false, true],
            "second_reset_obs": [0.0, 1 - parity],
        })
    }

    fn changed(pointer: &str, value: Value) -> Result<EpisodeCheck> {
        let mut recording = recording();
        *recording.pointer_mut(pointer).unwrap() = value;
        verify_line(&recording.to_string())
    }

    #[test]
    fn a_true_recording_agrees() {
        let check = verify_line(&recording().to_string()).unwrap();
        assert_eq!((check.steps, check.mismatches), (2, vec![]));
    }

    #[test]
    fn each_false_value_is_reported() {
        let changes = [
            ("/reset_obs/0", json!(0.1), "reset_obs", None),
            ("/obs/0/0", json!(0.50001), "obs", Some(0)),
            ("/obs/0", json!([0.5]), "obs", Some(0)),
            ("/rewards/1", json!(2.1), "rewards", Some(1)),
            ("/terminated/1", json!(false), "terminated", Some(1)),
            ("/truncated/0", json!(true), "truncated", Some(0)),
            ("/second_reset_obs/1", json!(7), "second_reset_obs", None),
        ];
        for (pointer, value, field, step) in changes {
            let found = changed(pointer, value).unwrap().mismatches;
            assert!(matches!(&found[..], [one] if one.field == field && one.step == step), "{pointer}: {found:?}");
        }
        let mut masked = recording();
        masked["action_masks"] = json!([[1, 0], [1, 1]]);
        let found = verify_line(&masked.to_string()).unwrap().mismatches;
        assert_eq!(found.len(), 2, "Scripted has no masks: {found:?}");
    }

    #[test]
    fn images_are_compared_by_their_digest() {
        // The hash of "a" in the tables of its authors.
        assert_eq!(digest(b"a"), "e40c292c");
        let mut env = crate::make("MinAtar/Breakout-v1").unwrap();
        let Row::U8(image) = env.reset(Some(3)).unwrap() else { panic!("bytes") };
        let first = digest(image);
        let mut recording = json!({
            "env": "MinAtar/Breakout-v1", "kwargs": {}, "seed": 3, "reset_obs": first, "actions": [], "obs": [],
            "rewards": [], "terminated": [], "truncated": [],
        });
        let Row::U8(image) = env.reset(None).unwrap() else { panic!("bytes") };
        recording["second_reset_obs"] = digest(image).into();
        assert_eq!(verify_line(&recording.to_string()).unwrap().mismatches, []);
        recording["reset_obs"] = "e40c292c".into();
        let found = verify_line(&recording.to_string()).unwrap().mismatches;
        assert!(matches!(&found[..], [one] if one.field == "reset_obs" && one.found == first), "{found:?}");
    }

    #[test]
    fn an_episode_that_ends_early_is_reported() {
        let found = changed("/kwargs/length", json!(1)).unwrap().mismatches;
        assert!(found.iter().any(|mismatch| mismatch.field == "actions"), "{found:?}");
    }

    #[test]
    fn malformed_lines_are_named() {
        let cases = [
            ("/rewards", json!([1.0]), "`rewards` has 1 elements; expected 2"),
            ("/actions/1", json!(2), "action 1 is 2; expected one of Discrete(2)"),
            ("/seed", json!(-1), "expected u64"),
        ];
        for (pointer, value, message) in cases {
            let error = changed(pointer, value).unwrap_err().to_string();
            assert!(error.starts_with("the recording:1: ") && error.contains(message), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.jsonl");
        std::fs::write(&path, format!("{}\n{{}}\n", recording())).unwrap();
        let error = verify_file(&path).unwrap_err().to_string();
        assert!(error.contains("bad.jsonl:2: missing field `env`"), "{error}");
    }
}
