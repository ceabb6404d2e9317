//! Wrappers: agreement with Gymnasium 1.4.0's, by episodes recorded from it, and what all of them promise.
//!
//! The recordings lie in `tests/data/wrappers` at the workspace's root, beside the script that made them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;

use cartwheel_envs::{
    Action, Actions, BanditEnv, Env, EnvBuilder, Generator, ObservationWrapper, OwnedAction, ResizeObservation, Result,
    Row, RowMut, Rows, Space, Statistics, Step, TransformAction, TransformObservation, TransformReward, VectorStep,
    WrapperSpec, check_env, make, verify_file, wrappers,
};
use serde::Deserialize;
use serde_json::Value;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/wrappers");

/// Each recorded episode: environment, arguments and wrappers.
fn recorded() -> Vec<Value> {
    let read = |name| fs::read_to_string(format!("{DATA}/{name}.jsonl")).unwrap();
    let lines = ["vectors", "images", "atari"].map(read).concat();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn builder(recording: &Value) -> EnvBuilder {
    let wrappers = serde_json::from_value(recording["wrappers"].clone()).unwrap();
    let kwargs = serde_json::from_value(recording["kwargs"].clone()).unwrap();
    EnvBuilder::new(recording["env"].as_str().unwrap()).kwargs(kwargs).wrappers(wrappers)
}

#[test]
fn recorded_episodes_are_reproduced() {
    for (name, episodes) in [("vectors", 142), ("images", 14), ("atari", 18)] {
        let check = verify_file(format!("{DATA}/{name}.jsonl")).unwrap();
        assert_eq!(check.mismatches, [], "{name}");
        assert_eq!(check.episodes, episodes, "{name}");
    }
}

#[test]
fn every_wrapper_is_recorded() {
    let texts: Vec<_> = recorded().iter().map(|recording| recording["wrappers"].to_string()).collect();
    let all = texts.concat();
    for info in wrappers() {
        // It writes files, which its own test looks at.
        assert!(all.contains(info.name) || info.name == "RecordVideo", "{}", info.name);
    }
}

#[test]
fn wrapped_environments_keep_the_contract() {
    let mut seen = BTreeSet::new();
    for recording in recorded() {
        if !seen.insert(format!("{} {}", recording["env"], recording["wrappers"])) {
            continue;
        }
        let violations = check_env(builder(&recording).build().unwrap().as_mut());
        assert!(violations.is_empty(), "{}: {violations:?}", recording["wrappers"]);
    }
}

/// An image resized by OpenCV.
#[derive(Deserialize)]
struct Resized {
    a: u64,
    b: u64,
    from: [usize; 3],
    to: [usize; 2],
    hex: String,
}

/// Shows one image, again and again.
struct Still(Vec<u8>, [usize; 3]);

impl Env for Still {
    fn observation_space(&self) -> Space {
        Space::image_u8(&self.1)
    }

    fn action_space(&self) -> Space {
        Space::discrete(1)
    }

    fn reset(&mut self, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
        observation.write(&self.0);
        Ok(())
    }

    fn step(&mut self, _action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        self.reset(rng, observation).map(|()| Step { reward: 0.0, terminated: false, truncated: false })
    }
}

#[test]
fn images_are_resized_as_by_opencv() {
    let resized: Vec<Resized> =
        serde_json::from_str(&fs::read_to_string(format!("{DATA}/resized.json")).unwrap()).unwrap();
    assert_eq!(resized.len(), 9);
    for Resized { a, b, from, to, hex } in resized {
        let numbers = from.iter().product::<usize>() as u64;
        let image = (0..numbers).map(|i| (a + b * i + i * i / 3) as u8).collect();
        let mut env = ResizeObservation::new(Still(image, from), to).unwrap();
        let mut row = Rows::for_space(&env.observation_space(), 1);
        env.reset(&mut Generator::new(0), row.row_mut(0)).unwrap();
        let expected = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap());
        let found = row.as_u8().unwrap();
        let off: Vec<_> = expected.zip(found).map(|(expected, found)| expected.abs_diff(*found)).collect();
        let differing = off.iter().filter(|off| **off > 0).count();
        println!("{from:?} to {to:?}: {differing} of {} numbers differ, by at most {:?}", off.len(), off.iter().max());
        assert_eq!(off.len(), found.len());
        assert!(off.iter().all(|off| *off <= 1) && differing * 1000 <= off.len(), "{from:?} to {to:?}: {differing}");
    }
}
