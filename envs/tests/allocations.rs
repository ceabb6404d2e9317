//! Stepping allocates nothing: through wrappers, and in batches.

#![allow(unsafe_code, reason = "counting allocations needs an allocator")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;

use cartwheel_envs::{Actions, AutoresetMode, EnvBuilder, Generator, OwnedAction, Rows, VectorStep};
use serde_json::Value;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations in a hundred steps and resets of what a line of a recording is of, after ten to warm up.
fn allocations(recording: &Value) -> usize {
    let wrappers = serde_json::from_value(recording["wrappers"].clone()).unwrap();
    let kwargs = serde_json::from_value(recording["kwargs"].clone()).unwrap();
    let mut env =
        EnvBuilder::new(recording["env"].as_str().unwrap()).kwargs(kwargs).wrappers(wrappers).build().unwrap();
    let (mut rng, space) = (Generator::new(0), env.action_space());
    let actions: Vec<OwnedAction> = (0..110)
        .map(|_| {
            let mut action = Rows::for_space(&space, 1);
            space.sample(&mut rng, action.row_mut(0));
            space.action(action.row(0)).unwrap().to_owned()
        })
        .collect();
    let mut row = Rows::for_space(&env.observation_space(), 1);
    env.reset(&mut rng, row.row_mut(0)).unwrap();
    let mut run = |actions: &[OwnedAction]| {
        for action in actions {
            let step = env.step(action.as_action(), &mut rng, row.row_mut(0)).unwrap();
            if step.terminated || step.truncated {
                env.reset(&mut rng, row.row_mut(0)).unwrap();
            }
        }
    };
    run(&actions[..10]);
    let before = ALLOCATIONS.with(Cell::get);
    run(&actions[10..]);
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn stepping_through_wrappers_allocates_nothing() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/wrappers");
    let mut seen = BTreeSet::new();
    for name in ["vectors", "images", "atari"] {
        for line in fs::read_to_string(format!("{folder}/{name}.jsonl")).unwrap().lines() {
            let recording: Value = serde_json::from_str(line).unwrap();
            let text = format!("{} in {}", recording["env"], recording["wrappers"]);
            // Lives are looked up in info, which is made anew with each step.
            if !text.contains("terminal_on_life_loss") && seen.insert(text.clone()) {
                assert_eq!(allocations(&recording), 0, "{text}");
            }
        }
    }
    assert!(seen.len() > 80, "{}", seen.len());
}

/// So that the counter above cannot be broken unseen.
#[test]
fn allocations_are_counted() {
    let text = r#"{"env": "Frames-v0", "kwargs": {}, "wrappers":
        ["AtariPreprocessing(screen_size=4, terminal_on_life_loss=True)"]}"#;
    assert!(allocations(&serde_json::from_str(text).unwrap()) > 100);
}

#[test]
fn stepping_batches_allocates_nothing() {
    // Native batches, one that draws while it steps, and a loop over single environments.
    for id in ["CartPole-v1", "FrozenLake-v1", "Scripted-v0"] {
        for mode in [AutoresetMode::SameStep, AutoresetMode::NextStep, AutoresetMode::Disabled] {
            let mut env = EnvBuilder::new(id).autoreset_mode(mode).make_vec(19).unwrap();
            let mut out = VectorStep::new(env.single_observation_space(), 19);
            env.reset(Some(0), &mut out.observations).unwrap();
            let mut rng = Generator::new(0);
            let actions: Vec<Vec<i32>> = (0..110).map(|_| (0..19).map(|_| rng.below(2) as i32).collect()).collect();
            let mut ends = 0;
            let mut run = |actions: &[Vec<i32>]| {
                for row in actions {
                    env.step(Actions::Discrete(row), &mut out).unwrap();
                    for i in (0..19).filter(|i| out.terminated[*i] || out.truncated[*i]) {
                        ends += 1;
                        if mode == AutoresetMode::Disabled {
                            env.reset_at(i, None, out.observations.row_mut(i)).unwrap();
                        }
                    }
                }
            };
            run(&actions[..10]);
            let before = ALLOCATIONS.with(Cell::get);
            run(&actions[10..]);
            assert_eq!(ALLOCATIONS.with(Cell::get), before, "{id}, {mode:?}");
            assert!(ends > 10, "{id}, {mode:?}: {ends}");
        }
    }
}
