//! Steps a second on one core, resets included, under random actions.
//!
//! `cargo bench -p cartwheel-envs`

use std::hint::black_box;

use cartwheel_envs::{
    Acrobot, Action, Actions, CartPole, CartPoleConfig, CartPoleVector, Env, EnvBuilder, Generator, MountainCar,
    MountainCarContinuous, Pendulum, Row, Rows, Space, SyncVectorEnv, TimeLimit, VectorEnv, VectorStep,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Batches of actions are taken from here, each from another place.
fn random_actions() -> Vec<i32> {
    let mut rng = Generator::new(1);
    (0..1 << 16).map(|_| rng.below(2) as i32).collect()
}

fn single(c: &mut Criterion) {
    let mut group = c.benchmark_group("single");
    bench_single(&mut group, "CartPole-v1", TimeLimit::new(CartPole::new(CartPoleConfig::default()), 500));
    bench_single(&mut group, "Acrobot-v1", TimeLimit::new(Acrobot::new(), 500));
    bench_single(&mut group, "MountainCar-v0", TimeLimit::new(MountainCar::default(), 200));
    bench_single(&mut group, "MountainCarContinuous-v0", TimeLimit::new(MountainCarContinuous::default(), 999));
    bench_single(&mut group, "Pendulum-v1", TimeLimit::new(Pendulum::default(), 200));
    for game in ["Asterix", "Breakout", "Freeway", "Seaquest", "SpaceInvaders"] {
        let id = format!("MinAtar/{game}-v1");
        bench_single(&mut group, &id, EnvBuilder::new(&id).build().expect("it is registered"));
    }
}

/// A wrapper each, around what it is for.
fn wrapped(c: &mut Criterion) {
    let mut group = c.benchmark_group("wrapped");
    let cases = [
        ("CartPole-v1", "FrameStackObservation(4)"),
        ("CartPole-v1", "NormalizeObservation"),
        ("CartPole-v1", "NormalizeReward"),
        ("CartPole-v1", "ClipReward(-1, 1)"),
        ("CartPole-v1", "TransformReward(0.01 * r)"),
        ("CartPole-v1", "FlattenObservation"),
        ("CartPole-v1", "TimeAwareObservation"),
    ];
    for (id, wrapper) in cases {
        let builder = EnvBuilder::new(id).wrapper(wrapper).expect("a wrapper");
        bench_single(&mut group, wrapper, builder.build().expect("it fits"));
    }
    // A screen of Atari's size; most of the time is that of its images.
    group.sample_size(10);
    let screen = EnvBuilder::new("Frames-v0").kwarg("height", 210).kwarg("width", 160);
    for wrapper in
        ["TimeLimit(100)", "GrayscaleObservation", "ResizeObservation((84, 84))", "AtariPreprocessing(frame_skip=1)"]
    {
        let builder = screen.clone().wrapper(wrapper).expect("a wrapper");
        bench_screen(&mut group, wrapper, builder.build().expect("it fits"));
    }
}

fn bench_screen(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    mut env: impl Env,
) {
    let mut rng = Generator::new(0);
    let mut observation = Rows::for_space(&env.observation_space(), 1);
    env.reset(&mut rng, observation.row_mut(0)).expect("it resets");
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("210x160 {name}"), |bencher| {
        bencher.iter(|| {
            black_box(env.step(Action::Discrete(1), &mut rng, observation.row_mut(0)).expect("a valid action"));
        });
    });
}

fn bench_single(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    mut env: impl Env,
) {
    let space = env.action_space();
    let mut rows = Rows::for_space(&space, 1 << 16);
    let mut rng = Generator::new(1);
    (0..rows.len()).for_each(|i| space.sample(&mut rng, rows.row_mut(i)));
    let action = |i| match rows.row(i) {
        Row::I32(action) => Action::Discrete(action[0]),
        Row::F32(action) => Action::Continuous(action),
        Row::U8(_) => unreachable!("actions are no bytes"),
    };
    let actions: Vec<_> = (0..rows.len()).map(action).collect();
    group.throughput(Throughput::Elements(actions.len() as u64));
    group.bench_function(name, |bencher| {
        let mut rng = Generator::new(0);
        let mut observation = Rows::for_space(&env.observation_space(), 1);
        env.reset(&mut rng, observation.row_mut(0)).expect("it resets");
        bencher.iter(|| {
            for &action in &actions {
                let step = env.step(action, &mut rng, observation.row_mut(0)).expect("valid actions");
                if step.terminated || step.truncated {
                    env.reset(&mut rng, observation.row_mut(0)).expect("it resets");
                }
                black_box((&step, &observation));
            }
        });
    });
}

fn batched(c: &mut Criterion) {
    let mut group = c.benchmark_group("batched");
    for n in [8, 64, 1024, 8192] {
        let native = CartPoleVector::new(CartPoleConfig::default(), n, Some(500)).expect("a batch");
        bench_batch(&mut group, "native", native);
        let boxed = |_| -> Box<dyn Env> { Box::new(TimeLimit::new(CartPole::new(CartPoleConfig::default()), 500)) };
        let sync = SyncVectorEnv::new((0..n).map(boxed).collect()).expect("a batch");
        bench_batch(&mut group, "SyncVectorEnv", sync);
    }
}

fn bench_batch(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    mut env: impl VectorEnv,
) {
    let n = env.num_envs();
    let space: Space = env.single_observation_space().clone();
    let mut out = VectorStep::new(&space, n);
    env.reset(Some(0), &mut out.observations).expect("CartPole resets");
    let actions = random_actions();
    let mut at = 0;
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function(BenchmarkId::new(name, n), |bencher| {
        bencher.iter(|| {
            at = (at + n) % (actions.len() - n);
            env.step(Actions::Discrete(&actions[at..at + n]), &mut out).expect("valid actions");
            black_box(&out);
        });
    });
}

criterion_group!(benches, single, wrapped, batched);
criterion_main!(benches);
