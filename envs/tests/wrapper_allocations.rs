//! Stepping through wrappers allocates nothing.

#![allow(unsafe_code, reason = "counting allocations needs an allocator")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;

use cartwheel_envs::{EnvBuilder, Generator, OwnedAction, Rows};
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
fn stepping_allocates_nothing() {
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
