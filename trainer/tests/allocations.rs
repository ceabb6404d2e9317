//! The hot path allocates nothing: stepping, filling rollouts, pushing into replay and drawing batches.

#![allow(unsafe_code, reason = "counting allocations needs an allocator")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use cartwheel_agents::dqn::{Dqn, DqnConfig};
use cartwheel_agents::{Acting, Batch, EpsilonSchedule, OffPolicy as _, Prioritization, Progress, Returns};
use cartwheel_envs::{ActionRows, Generator, Kwargs, Shape, make_vec};
use cartwheel_trainer::watch::{Connection, MAGIC, MAX_MESSAGE, VERSION, Watch, WatchFile};
use cartwheel_trainer::{Actor, ActorSpec, Replay, Weights};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        LARGEST.with(|largest| largest.set(largest.get().max(layout.size())));
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

/// An actor with eight CartPoles, and weights for it.
fn actor() -> (Actor, Weights) {
    let envs = make_vec("CartPole-v1", 8, &Kwargs::new()).unwrap();
    let config = DqnConfig { net_arch: vec![32, 32], ..DqnConfig::default() };
    let acting = Acting::new(&config, envs.single_observation_space(), envs.single_action_space()).unwrap();
    let weights = Weights { version: 1, parameters: acting.mlp.init(&mut Generator::new(0)) };
    let epsilon = EpsilonSchedule { random_steps: 0, initial: 0.5, last: 0.5, fall: 1.0 };
    let spec = ActorSpec {
        env_id: "CartPole-v1".into(),
        seed: 0,
        total_envs: 8,
        acting,
        exploration: epsilon.into(),
        record_episodes: false,
    };
    (Actor::new(spec, 0, envs, 0).unwrap(), weights)
}

#[test]
fn the_hot_path_allocates_nothing() {
    let (mut actor, weights) = actor();
    let space = make_vec("CartPole-v1", 1, &Kwargs::new()).unwrap().single_observation_space().clone();
    let mut rollout = actor.rollout(64);
    for prioritization in
        [None, Some(Prioritization { alpha: 0.6, eps: 1e-6, beta0: 0.4, beta_iters: None, by_actors: false })]
    {
        let mut replay = Replay::new(&space, &ActionRows::default(), 8, 2000, prioritization).unwrap();
        let mut batch = Batch::default();
        let returns = Returns { n_steps: 3, gamma: 0.99, reward_scale: 1.0 };
        let mut rng = Generator::new(0);
        let mut round = |steps: u64| {
            actor.collect(&weights, steps, false, &mut rollout).unwrap();
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

#[test]
fn frames_for_viewers_are_filled_in_place() {
    let (mut actor, weights) = actor();
    let seat = Watch::default().seat(0, 8, true);
    actor.take(seat.clone());
    let (mut rollout, mut frames) = (actor.rollout(1), Vec::new());
    let mut round = |steps: u64| {
        seat.ask(8);
        actor.collect(&weights, steps, false, &mut rollout).unwrap();
        assert!(seat.frames(&mut frames));
        frames.iter().flat_map(|frame| &frame.scene.shapes).filter(|shape| matches!(shape, Shape::Path { .. })).count()
    };
    let mut paths: usize = (0..100).map(&mut round).sum();
    let counted = allocations(|| paths = (100..200).map(&mut round).sum());
    assert!(paths > 0 && counted == paths, "{counted} allocations, and scenes keep the points of {paths} paths");
}

/// What a program that pretends to be a run says must not fill the viewer's memory. Both ends read alike.
#[test]
fn lengths_are_not_believed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let file = WatchFile { protocol: VERSION, address, token: "00".repeat(16), pid: 1 };
    let welcome = [&MAGIC[..], &VERSION.to_le_bytes(), &[0]].concat();
    let frames = |count: &[u8]| [&[2], count].concat();
    let many = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for (length, message) in [
        (u32::MAX, vec![]),
        (MAX_MESSAGE as u32, vec![2; 100]),
        (6, frames(&many)),
        (10, [frames(&many), vec![0; 4]].concat()),
    ] {
        let say = [welcome.clone(), length.to_le_bytes().to_vec(), message].concat();
        let listener = listener.try_clone().unwrap();
        let saying = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 28]).unwrap();
            stream.write_all(&say).unwrap();
        });
        let mut connection = Connection::to(&file).unwrap();
        saying.join().unwrap();
        LARGEST.with(|largest| largest.set(0));
        assert!(connection.receive(Duration::from_secs(60)).is_err());
        let largest = LARGEST.with(Cell::get);
        assert!(largest <= 2 << 20, "{largest} bytes for a length of {length}");
    }
}

/// So that the counter above cannot be broken unseen; and the learner's few allocations are known.
#[test]
fn an_update_allocates_what_dfdxs_tape_needs() {
    let config = DqnConfig { net_arch: vec![32, 32], ..DqnConfig::default() };
    let mut dqn = Dqn::new(&config, 4, 2, cartwheel_agents::nn::Device::Cpu, &mut Generator::new(0)).unwrap();
    let mut batch = Batch::default();
    batch.resize(64, 4);
    let mut rng = Generator::new(0);
    dqn.update(&batch, Progress::default(), &mut rng).unwrap();
    let counted = allocations(|| {
        dqn.update(&batch, Progress::default(), &mut rng).unwrap();
    });
    assert!((1..60).contains(&counted), "{counted} allocations");
}
