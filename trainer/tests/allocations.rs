//! The hot path allocates nothing: stepping, filling rollouts, pushing into replay and drawing batches.

#![allow(unsafe_code, reason = "counting allocations needs an allocator")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use cartwheel_agents::dqn::{Batch, Dqn, DqnConfig};
use cartwheel_agents::nn::Activation;
use cartwheel_agents::{Features, nn::Mlp};
use cartwheel_envs::{Generator, Kwargs, make_vec};
use cartwheel_trainer::{Actor, ActorSpec, EpsilonSchedule, Prioritization, Replay, Returns, Weights};

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

/// Allocations of this thread while `work` runs.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_hot_path_allocates_nothing() {
    let envs = make_vec("CartPole-v1", 8, &Kwargs::new()).unwrap();
    let space = envs.single_observation_space().clone();
    let features = Features::new(&space).unwrap();
    let mlp = Mlp::new(4, &[32, 32], 2, Activation::Relu);
    let weights = Weights { version: 1, parameters: mlp.init(&mut Generator::new(0)) };
    let epsilon = EpsilonSchedule { random_steps: 0, initial: 0.5, last: 0.5, fall: 1.0 };
    let spec = ActorSpec {
        env_id: "CartPole-v1".into(),
        seed: 0,
        total_envs: 8,
        mlp,
        features,
        epsilon,
        record_episodes: false,
    };
    let mut actor = Actor::new(spec, 0, envs, 0).unwrap();
    let mut rollout = actor.rollout(64);
    for prioritization in [None, Some(Prioritization { alpha: 0.6, eps: 1e-6 })] {
        let mut replay = Replay::new(&space, 8, 2000, prioritization).unwrap();
        let mut batch = Batch::default();
        let returns = Returns { n_steps: 3, gamma: 0.99, reward_scale: 1.0 };
        let mut rng = Generator::new(0);
        let mut round = |steps: u64| {
            actor.collect(&weights, steps, &mut rollout).unwrap();
            replay.extend(&rollout);
            replay.sample(64, returns, 0.4, &mut rng, &mut batch);
            replay.update_priorities(&batch.rows, &[0.5; 64]);
        };
        // Buffers grow to their size; the list of finished episodes to the most there ever are in a rollout.
        (0..100).for_each(&mut round);
        let counted = allocations(|| (100..200).for_each(&mut round));
        assert_eq!(counted, 0, "a hundred rounds of 512 steps, pushes and a batch");
    }
}

/// So that the counter above cannot be broken unseen; and the learner's few allocations are known.
#[test]
fn an_update_allocates_what_dfdxs_tape_needs() {
    let config = DqnConfig { net_arch: vec![32, 32], ..DqnConfig::default() };
    let mut dqn = Dqn::new(config, 4, 2, cartwheel_agents::nn::Device::Cpu, &mut Generator::new(0)).unwrap();
    let mut batch = Batch::default();
    batch.resize(64, 4);
    dqn.update(&batch, 0).unwrap();
    let counted = allocations(|| {
        dqn.update(&batch, 0).unwrap();
    });
    assert!((1..60).contains(&counted), "{counted} allocations");
}
